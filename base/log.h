/* SPDX-License-Identifier: Apache-2.0 */
/* Events for operators, one line each.
 *
 *     aero_log_event(logger, AERO_LOG_WARN, "segment_cut", AERO_LOG_STR("file", path),
 *                    AERO_LOG_U64("offset_bytes", offset), AERO_LOG_STATUS("error", status));
 *
 *     ts=2026-01-31T12:00:00.250Z level=warn event=segment_cut file=wal/0001 offset_bytes=4096 ...
 *
 * A logger is an object that somebody passed you; NULL is a logger that says nothing. Logging
 * never influences behaviour (OBS-1): it returns nothing, does not wait for a slow reader of the
 * log, and survives a closed one. Lines that could not be written are counted, and the next line
 * that can be says how many there were. One line is one write of at most
 * AERO_LOG_LINE_MAX_BYTES, so lines of several threads do not mix. */
#ifndef AERO_BASE_LOG_H
#define AERO_BASE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/ports.h"
#include "base/slice.h"
#include "base/status.h"
#include "base/units.h"

/* A line with its newline: PIPE_BUF of Linux, so that a write to a pipe is atomic (pipe(7)). */
#define AERO_LOG_LINE_MAX_BYTES 4096
/* Bytes of one value before escaping; a longer one is cut and ends in "...". */
#define AERO_LOG_VALUE_MAX_BYTES 768

enum aero_log_level {
    AERO_LOG_DEBUG,
    AERO_LOG_INFO,
    AERO_LOG_WARN,
    AERO_LOG_ERROR,
    AERO_LOG_FATAL, /* the process is about to end; saying so does not end it */
};

enum aero_log_format {
    AERO_LOG_KEY_VALUE,
    AERO_LOG_JSON, /* one object a line */
};

/* Where finished lines go. `write` takes a whole line, newline included, or none of it: false is
 * "dropped". Called from any thread that logs, several at once. */
struct aero_log_sink {
    bool (*write)(void *self, struct aero_slice line);
    void *self;
};

/* A file descriptor, which stays the caller's. Does not wait: when the reader of a pipe is
 * behind, lines are dropped. Raises no SIGPIPE. The caller keeps the struct while the sink is
 * used. */
struct aero_log_fd {
    int fd;
};
struct aero_log_sink aero_log_sink_fd(struct aero_log_fd *target);

struct aero_logger {
    struct aero_log_sink sink;
    struct aero_clock clock; /* .wall, for the timestamp and nothing else */
    enum aero_log_format format;
    _Atomic enum aero_log_level level; /* may be stored while other threads log */
    atomic_uint_fast64_t dropped_count;
};

void aero_logger_init(struct aero_logger *logger, struct aero_log_sink sink,
                      struct aero_clock clock, enum aero_log_format format,
                      enum aero_log_level level);
/* True if an event of this level would be written: ask before costly preparation only. */
bool aero_log_enabled(const struct aero_logger *logger, enum aero_log_level level);
/* Lines lost so far that no later line has confessed yet. */
uint64_t aero_log_dropped(const struct aero_logger *logger);

enum aero_log_kind {
    AERO_LOG_KIND_END,
    AERO_LOG_KIND_TEXT,
    AERO_LOG_KIND_U64,
    AERO_LOG_KIND_I64,
    AERO_LOG_KIND_BOOL,
    AERO_LOG_KIND_HEX,
    AERO_LOG_KIND_ID,
    AERO_LOG_KIND_STATUS,
};

struct aero_log_field {
    enum aero_log_kind kind;
    const char *key;
    union {
        struct aero_slice text;
        uint64_t u64;
        int64_t i64;
        bool boolean;
        aero_id id;
        aero_status status;
    } as;
};

/* The fields, for use as arguments of aero_log_event only. Keys are literals of [a-z0-9_], units
 * in the name. Text and slices are borrowed for the call and may hold any bytes. */
#define AERO_LOG_STR(name, value) aero_log_text(name, value)
#define AERO_LOG_SLICE(name, value) \
    ((struct aero_log_field){.kind = AERO_LOG_KIND_TEXT, .key = (name), .as.text = (value)})
#define AERO_LOG_U64(name, value) \
    ((struct aero_log_field){.kind = AERO_LOG_KIND_U64, .key = (name), .as.u64 = (value)})
#define AERO_LOG_I64(name, value) \
    ((struct aero_log_field){.kind = AERO_LOG_KIND_I64, .key = (name), .as.i64 = (value)})
#define AERO_LOG_BOOL(name, value) \
    ((struct aero_log_field){.kind = AERO_LOG_KIND_BOOL, .key = (name), .as.boolean = (value)})
/* 16 hexadecimal digits: checksums and chain values. */
#define AERO_LOG_HEX(name, value) \
    ((struct aero_log_field){.kind = AERO_LOG_KIND_HEX, .key = (name), .as.u64 = (value)})
#define AERO_LOG_LSN(name, lsn) AERO_LOG_U64(name, (lsn).value)
#define AERO_LOG_ID(name, identity) \
    ((struct aero_log_field){.kind = AERO_LOG_KIND_ID, .key = (name), .as.id = (identity)})
/* "no space left (ENOSPC)" */
#define AERO_LOG_STATUS(name, value) \
    ((struct aero_log_field){.kind = AERO_LOG_KIND_STATUS, .key = (name), .as.status = (value)})

/* A NULL text is written as "(none)". */
static inline struct aero_log_field aero_log_text(const char *key, const char *text)
{
    return (struct aero_log_field){.kind = AERO_LOG_KIND_TEXT,
                                   .key = key,
                                   .as.text = aero_slice_text(text == NULL ? "(none)" : text)};
}

/* Writes one line if the logger takes this level.
 *   Shape: event is a literal of [a-z0-9_]; fields end with one of kind END. Fields that do not
 *          fit in the line are left out, from the first that does not, and the line ends with
 *          truncated=true.
 *   Errors: none; see above. */
void aero_log_fields(struct aero_logger *logger, enum aero_log_level level, const char *event,
                     const struct aero_log_field *fields);

#define AERO_LOG_END ((struct aero_log_field){.kind = AERO_LOG_KIND_END})
/* aero_log_event(logger, level, event, AERO_LOG_...(...), ...) with any number of fields. */
#define aero_log_event(...) AERO_LOG_EVENT_(__VA_ARGS__, AERO_LOG_END)
#define AERO_LOG_EVENT_(logger, level, event, ...) \
    aero_log_fields(logger, level, event, (const struct aero_log_field[]){__VA_ARGS__})

/* "debug" ... "fatal". */
const char *aero_log_level_text(enum aero_log_level level);

#endif
