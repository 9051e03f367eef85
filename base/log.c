/* SPDX-License-Identifier: Apache-2.0 */
/* A line is built in a buffer on the stack. Each field is written whole or taken back, with room
 * kept for the end of the line, so a line is always well formed (and JSON always parses),
 * however long its fields are. */
#include "base/log.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"

/* Room kept for what ends a truncated line: `,"truncated":true}` and a newline. */
#define LINE_END_BYTES 32

struct line {
    enum aero_log_format format;
    bool full; /* something did not fit; the line ends before it */
    size_t length;
    char text[AERO_LOG_LINE_MAX_BYTES];
};

static void put_bytes(struct line *line, const char *bytes, size_t length)
{
    if (line->full || length > sizeof line->text - LINE_END_BYTES - line->length) {
        line->full = true;
        return;
    }
    memcpy(line->text + line->length, bytes, length);
    line->length += length;
}

static void put(struct line *line, const char *text)
{
    put_bytes(line, text, strlen(text));
}

/* Anything but printable ASCII becomes an escape: no byte from outside can end a line, move a
 * cursor or break a parser. JSON has no escape for a byte, so there \xHH is text: the backslash
 * itself is escaped. */
static void put_escaped_byte(struct line *line, uint8_t byte)
{
    char escape[8];
    int length;
    if (byte == '"' || byte == '\\') {
        length = snprintf(escape, sizeof escape, "\\%c", byte);
    } else if (byte == '\n') {
        length = snprintf(escape, sizeof escape, "\\n");
    } else if (byte >= 0x20 && byte < 0x7f) {
        length = snprintf(escape, sizeof escape, "%c", byte);
    } else if (line->format == AERO_LOG_JSON) {
        length = snprintf(escape, sizeof escape, "\\\\x%02x", byte);
    } else {
        length = snprintf(escape, sizeof escape, "\\x%02x", byte);
    }
    put_bytes(line, escape, (size_t)length);
}

static bool is_bare_byte(uint8_t byte)
{
    static const char signs[] = "_./:@+,-";
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || memchr(signs, byte, sizeof signs - 1) != NULL;
}

/* True if key=value needs no quotes around it. */
static bool is_bare(struct aero_slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (!is_bare_byte(text.data[i])) {
            return false;
        }
    }
    return text.length != 0;
}

static void put_text(struct line *line, struct aero_slice text)
{
    bool cut = text.length > AERO_LOG_VALUE_MAX_BYTES;
    size_t shown = cut ? AERO_LOG_VALUE_MAX_BYTES : text.length;
    bool quoted = line->format == AERO_LOG_JSON || cut || !is_bare(text);
    put(line, quoted ? "\"" : "");
    for (size_t i = 0; i < shown; i++) {
        put_escaped_byte(line, text.data[i]);
    }
    put(line, cut ? "..." : "");
    put(line, quoted ? "\"" : "");
}

/* Keys and event names are literals of ours, checked so that they need no escaping. */
static void put_key(struct line *line, const char *key)
{
    AERO_ASSERT(key[0] != '\0' &&
                key[strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0');
    bool first = line->length == (line->format == AERO_LOG_JSON ? 1 : 0);
    if (line->format == AERO_LOG_JSON) {
        put(line, first ? "\"" : ",\"");
        put(line, key);
        put(line, "\":");
    } else {
        put(line, first ? "" : " ");
        put(line, key);
        put(line, "=");
    }
}

static void put_status(struct line *line, aero_status status)
{
    char text[AERO_ERROR_TEXT_BYTES];
    aero_error_format(status, text);
    put_text(line, aero_slice_of(text, strlen(text)));
}

static void put_value(struct line *line, const struct aero_log_field *field)
{
    char text[AERO_ID_TEXT_BYTES];
    switch (field->kind) {
    case AERO_LOG_KIND_TEXT:
        put_text(line, field->as.text);
        return;
    case AERO_LOG_KIND_U64:
        snprintf(text, sizeof text, "%llu", (unsigned long long)field->as.u64);
        put(line, text);
        return;
    case AERO_LOG_KIND_I64:
        snprintf(text, sizeof text, "%lld", (long long)field->as.i64);
        put(line, text);
        return;
    case AERO_LOG_KIND_BOOL:
        put(line, field->as.boolean ? "true" : "false");
        return;
    case AERO_LOG_KIND_HEX:
        snprintf(text, sizeof text, "%016llx", (unsigned long long)field->as.u64);
        put_text(line, aero_slice_text(text));
        return;
    case AERO_LOG_KIND_ID:
        aero_id_format(field->as.id, text);
        put_text(line, aero_slice_text(text));
        return;
    case AERO_LOG_KIND_STATUS:
        put_status(line, field->as.status);
        return;
    case AERO_LOG_KIND_END: /* uncovered: aero_log_fields stops in front of it */
        break;
    }
    AERO_UNREACHABLE("a field of a kind that has no value");
}

static void put_field(struct line *line, const struct aero_log_field *field)
{
    size_t start = line->length;
    put_key(line, field->key);
    put_value(line, field);
    if (line->full) {
        line->length = start;
    }
}

/* RFC 3339, UTC, milliseconds. Bare in key=value, where ':' and '-' need no quotes. */
static void put_time(struct line *line, aero_wall_ms now)
{
    char text[64];
    struct tm utc;
    time_t seconds = (time_t)(now.value / 1000);
    const struct tm *known = gmtime_r(&seconds, &utc);
    AERO_ASSERT(known != NULL); /* milliseconds in 64 bits end in a year that fits an int */
    int length = snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ",
                          utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                          utc.tm_sec, (unsigned)(now.value % 1000));
    struct aero_slice stamp = aero_slice_of(text, (size_t)length);
    put_field(line, &AERO_LOG_SLICE("ts", stamp));
}

static void end_line(struct line *line)
{
    bool truncated = line->full;
    const char *mark = line->format == AERO_LOG_JSON ? ",\"truncated\":true" : " truncated=true";
    const char *end = line->format == AERO_LOG_JSON ? "}\n" : "\n";
    static_assert(sizeof ",\"truncated\":true}\n" <= LINE_END_BYTES, "the end must fit");
    if (truncated) {
        memcpy(line->text + line->length, mark, strlen(mark));
        line->length += strlen(mark);
    }
    memcpy(line->text + line->length, end, strlen(end));
    line->length += strlen(end);
}

void aero_log_fields(struct aero_logger *logger, enum aero_log_level level, const char *event,
                     const struct aero_log_field *fields)
{
    if (!aero_log_enabled(logger, level)) {
        return;
    }
    struct line line;
    line.format = logger->format;
    line.full = false;
    line.length = 0;
    put(&line, line.format == AERO_LOG_JSON ? "{" : "");
    put_time(&line, logger->clock.wall(logger->clock.self));
    const struct aero_log_field head[] = {AERO_LOG_STR("level", aero_log_level_text(level)),
                                          AERO_LOG_STR("event", event)};
    put_field(&line, &head[0]);
    put_field(&line, &head[1]);
    uint64_t dropped = atomic_exchange(&logger->dropped_count, 0);
    if (dropped != 0) {
        put_field(&line, &AERO_LOG_U64("dropped_lines", dropped));
    }
    for (; fields->kind != AERO_LOG_KIND_END && !line.full; fields++) {
        put_field(&line, fields);
    }
    end_line(&line);
    if (!logger->sink.write(logger->sink.self, aero_slice_of(line.text, line.length))) {
        atomic_fetch_add(&logger->dropped_count, dropped + 1);
    }
}

void aero_logger_init(struct aero_logger *logger, struct aero_log_sink sink,
                      struct aero_clock clock, enum aero_log_format format,
                      enum aero_log_level level)
{
    AERO_ASSERT(sink.write != NULL);
    AERO_ASSERT(clock.wall != NULL);
    logger->sink = sink;
    logger->clock = clock;
    logger->format = format;
    atomic_init(&logger->level, level);
    atomic_init(&logger->dropped_count, 0);
}

bool aero_log_enabled(const struct aero_logger *logger, enum aero_log_level level)
{
    return logger != NULL && level >= atomic_load_explicit(&logger->level, memory_order_relaxed);
}

uint64_t aero_log_dropped(const struct aero_logger *logger)
{
    return logger == NULL ? 0 : atomic_load(&logger->dropped_count);
}

const char *aero_log_level_text(enum aero_log_level level)
{
    switch (level) {
    case AERO_LOG_DEBUG:
        return "debug";
    case AERO_LOG_INFO:
        return "info";
    case AERO_LOG_WARN:
        return "warn";
    case AERO_LOG_ERROR:
        return "error";
    case AERO_LOG_FATAL:
        return "fatal";
    }
    return "unknown";
}
