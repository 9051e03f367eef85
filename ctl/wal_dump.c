/* SPDX-License-Identifier: Apache-2.0 */
/* aeroctl wal dump: the records of a log, one a line, verified in their places as they are read. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/config_text.h"
#include "ctl/directory.h"
#include "ctl/files.h"
#include "ctl/json.h"
#include "engine/operation.h"
#include "engine/wal_list.h"
#include "engine/wal_reader.h"

#define WORDS "wal dump"

struct dump {
    const struct aero_ctl *ctl;
    uint64_t from;
    uint64_t to;
    bool keys;
    bool json;
    bool damage;
};

static const char *type_text(enum aero_record_type type)
{
    return type == AERO_RECORD_COMMIT ? "commit" : "digest";
}

static const char *kind_text(enum aero_operation_kind kind)
{
    switch (kind) {
    case AERO_PUT:
        return "put";
    case AERO_DELETE:
        return "delete";
    case AERO_DELETE_RANGE:
        return "delete_range";
    }
    return "?";
}

/* ---- One record --------------------------------------------------------------------------------------------- */

static uint64_t count_operations(struct aero_slice payload)
{
    struct aero_commit_reader reader;
    struct aero_operation operation;
    uint64_t count = 0;
    if (!aero_is_ok(aero_commit_open(&reader, payload))) {
        return 0;
    }
    while (aero_is_ok(aero_commit_next(&reader, &operation))) {
        count++;
    }
    return count;
}

static void print_operations(const struct dump *dump, struct aero_slice payload)
{
    struct aero_commit_reader reader;
    struct aero_operation operation;
    if (!aero_is_ok(aero_commit_open(&reader, payload))) {
        return;
    }
    while (aero_is_ok(aero_commit_next(&reader, &operation))) {
        fprintf(dump->ctl->out, "             %-12s ", kind_text(operation.kind));
        aero_ctl_print_bytes(dump->ctl->out, operation.key);
        if (operation.kind == AERO_DELETE_RANGE) {
            fputs(" to ", dump->ctl->out);
            aero_ctl_print_bytes(dump->ctl->out, operation.value);
        } else if (operation.kind == AERO_PUT) {
            fprintf(dump->ctl->out, " (value of %zu bytes)", operation.value.length);
        }
        fputc('\n', dump->ctl->out);
    }
}

static void print_record(const struct dump *dump, const struct aero_wal_record *record)
{
    FILE *out = dump->ctl->out;
    struct aero_digest_payload digest;
    fprintf(out,
            "%12" PRIu64 " %-6s offset=%" PRIu64 " bytes=%zu mark=%" PRIu64 " chain=%016" PRIx64,
            record->header.lsn.value, type_text(record->header.type), record->offset,
            record->raw.length, record->header.durable_mark.value, record->header.chain);
    if (record->header.type == AERO_RECORD_COMMIT) {
        fprintf(out, " operations=%" PRIu64 "\n", count_operations(record->payload));
        if (dump->keys) {
            print_operations(dump, record->payload);
        }
    } else if (aero_is_ok(aero_digest_decode(record->payload, &digest))) {
        fprintf(out, " digest=%016" PRIx64 "%016" PRIx64 " entries=%" PRIu64 "\n",
                digest.summary.digest.high, digest.summary.digest.low, digest.summary.count);
    } else {
        fputc('\n', out);
    }
}

static void add_operations(struct json_object *object, struct aero_slice payload)
{
    struct aero_commit_reader reader;
    struct aero_operation operation;
    struct json_object *list = json_object_new_array();
    bool open = aero_is_ok(aero_commit_open(&reader, payload));
    while (open && aero_is_ok(aero_commit_next(&reader, &operation))) {
        struct json_object *row = json_object_new_object();
        aero_ctl_json_text(row, "kind", kind_text(operation.kind));
        aero_ctl_json_bytes(row, "key", operation.key);
        if (operation.kind == AERO_DELETE_RANGE) {
            aero_ctl_json_bytes(row, "to", operation.value);
        } else if (operation.kind == AERO_PUT) {
            aero_ctl_json_u64(row, "value_bytes", operation.value.length);
        }
        json_object_array_add(list, row);
    }
    json_object_object_add(object, "operations", list);
}

/* One object a line: a log may be longer than memory. */
static void print_line(const struct dump *dump, struct json_object *object)
{
    fprintf(dump->ctl->out, "%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
    json_object_put(object);
}

static void put_record(const struct dump *dump, const char *file,
                       const struct aero_wal_record *record)
{
    struct json_object *object = json_object_new_object();
    aero_ctl_json_text(object, "file", file);
    aero_ctl_json_u64(object, "offset", record->offset);
    aero_ctl_json_u64(object, "lsn", record->header.lsn.value);
    aero_ctl_json_text(object, "type", type_text(record->header.type));
    aero_ctl_json_u64(object, "bytes", record->raw.length);
    aero_ctl_json_u64(object, "durable_mark", record->header.durable_mark.value);
    aero_ctl_json_hex(object, "chain", record->header.chain);
    if (record->header.type == AERO_RECORD_COMMIT && dump->keys) {
        add_operations(object, record->payload);
    }
    print_line(dump, object);
}

/* ---- Segments ----------------------------------------------------------------------------------------------- */

static void print_header(const struct dump *dump, const struct aero_wal_listed *segment,
                         const struct aero_segment_header *header)
{
    char incarnation[AERO_ID_TEXT_BYTES];
    char nonce[AERO_ID_TEXT_BYTES];
    aero_id_format(header->incarnation, incarnation);
    aero_id_format(header->nonce, nonce);
    if (!dump->json) {
        fprintf(dump->ctl->out,
                "%s\n  sequence %" PRIu64 ", from LSN %" PRIu64 ", epoch %" PRIu64
                ", incarnation %s, nonce %s\n",
                segment->name, header->sequence, header->first_lsn.value, header->epoch.value,
                incarnation, nonce);
        return;
    }
    struct json_object *object = json_object_new_object();
    aero_ctl_json_text(object, "file", segment->name);
    aero_ctl_json_text(object, "type", "segment");
    aero_ctl_json_u64(object, "sequence", header->sequence);
    aero_ctl_json_u64(object, "first_lsn", header->first_lsn.value);
    aero_ctl_json_u64(object, "epoch", header->epoch.value);
    aero_ctl_json_text(object, "incarnation", incarnation);
    aero_ctl_json_text(object, "nonce", nonce);
    aero_ctl_json_id(object, "cluster_id", header->cluster_id);
    print_line(dump, object);
}

static const char *stop_text(enum aero_wal_stop stop, bool bounded)
{
    switch (stop) {
    case AERO_STOP_FOOTER:
        return "sealed";
    case AERO_STOP_BOUND:
        return "ends where the next segment says";
    case AERO_STOP_CLEAN:
        return "ends here, not sealed";
    case AERO_STOP_INVALID:
        return bounded ? "DAMAGED: no record here, though the next segment says that there is one"
                       : "no record here, though something is: 'aeroctl verify' says what";
    }
    return "?";
}

static void print_stop(struct dump *dump, const struct aero_wal_listed *segment,
                       const struct aero_wal_reader *reader)
{
    enum aero_wal_stop stop = aero_wal_reader_stop(reader);
    const char *text = stop_text(stop, segment->bound != 0);
    dump->damage |= stop == AERO_STOP_INVALID && segment->bound != 0;
    if (!dump->json) {
        fprintf(dump->ctl->out, "  offset %" PRIu64 ": %s\n", aero_wal_reader_offset(reader), text);
        return;
    }
    struct json_object *object = json_object_new_object();
    aero_ctl_json_text(object, "file", segment->name);
    aero_ctl_json_text(object, "type", "end");
    aero_ctl_json_u64(object, "offset", aero_wal_reader_offset(reader));
    aero_ctl_json_u64(object, "last_lsn", aero_wal_reader_position(reader).lsn.value);
    aero_ctl_json_text(object, "text", text);
    print_line(dump, object);
}

/* False: its header cannot be used, or the disk refuses to read it. */
static bool dump_segment(struct dump *dump, struct aero_disk disk,
                         const struct aero_wal_listed *segment)
{
    struct aero_wal_reader *reader;
    struct aero_wal_record record;
    aero_status status = aero_wal_reader_open(disk, segment->name, segment->bound, &reader);
    if (!aero_is_ok(status)) {
        aero_ctl_complain(dump->ctl, WORDS, "%s: its header cannot be used: %s", segment->name,
                          aero_ctl_status_text(status));
        return false;
    }
    print_header(dump, segment, aero_wal_reader_header(reader));
    while (aero_is_ok(status)) {
        status = aero_wal_reader_next(reader, &record);
        uint64_t lsn = aero_is_ok(status) ? record.header.lsn.value : 0;
        if (aero_is_ok(status) && lsn >= dump->from && lsn <= dump->to) {
            if (dump->json) {
                put_record(dump, segment->name, &record);
            } else {
                print_record(dump, &record);
            }
        }
    }
    bool stopped = status.code == AERO_NOT_FOUND;
    if (stopped) { /* what the disk has lost is a stop, too */
        print_stop(dump, segment, reader);
    } else {
        aero_ctl_complain(dump->ctl, WORDS, "%s: it cannot be read from offset %" PRIu64 " on: %s",
                          segment->name, aero_wal_reader_offset(reader),
                          aero_ctl_status_text(status));
    }
    aero_wal_reader_close(reader);
    return stopped;
}

/* Segments that hold nothing of what was asked for are passed over by their headers. */
static int dump_list(struct dump *dump, struct aero_disk disk, const struct aero_wal_list *list)
{
    bool failed = false;
    for (size_t i = 0; i < list->count; i++) {
        const struct aero_wal_listed *segment = &list->segments[i];
        const struct aero_wal_listed *next = i + 1 < list->count ? segment + 1 : NULL;
        if ((next != NULL && next->named_lsn.value <= dump->from && segment->bound != 0) ||
            segment->named_lsn.value > dump->to) {
            continue;
        }
        failed |= !dump_segment(dump, disk, segment);
    }
    if (dump->damage) {
        return AERO_CTL_EXIT_DAMAGE;
    }
    return failed ? AERO_EXIT_FAILURE : AERO_EXIT_OK;
}

static int dump_directory(struct dump *dump, const char *path)
{
    struct aero_ctl_directory directory;
    struct aero_wal_list list;
    aero_status status = aero_ctl_directory_open(path, &directory);
    if (!aero_is_ok(status)) {
        aero_ctl_directory_complain(dump->ctl, WORDS, path, status);
        return AERO_EXIT_FAILURE;
    }
    int exit_code = AERO_EXIT_FAILURE;
    status = aero_wal_list_read(directory.disk, 0, &list);
    if (!aero_is_ok(status)) {
        aero_ctl_complain(dump->ctl, WORDS, "%s/wal: %s. Is %s the data directory of a node?", path,
                          aero_ctl_status_text(status), path);
    } else {
        if (directory.in_use) {
            aero_ctl_complain(dump->ctl, WORDS, "%s is in use: its log goes on while it is read",
                              path);
        }
        exit_code = dump_list(dump, directory.disk, &list);
        aero_wal_list_deinit(&list);
    }
    aero_ctl_directory_close(&directory);
    return exit_code;
}

static int dump_file(struct dump *dump, const char *path)
{
    char folder[PATH_MAX]; /* a longer path is no path */
    struct aero_disk_posix *posix;
    struct aero_wal_list list;
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    snprintf(folder, sizeof folder, "%.*s", (int)(name - path), path);
    aero_status status = aero_disk_posix_open_read_only(slash == NULL ? "." : folder, &posix);
    if (!aero_is_ok(status)) {
        aero_ctl_complain(dump->ctl, WORDS, "%s: %s", path, aero_ctl_status_text(status));
        return AERO_EXIT_FAILURE;
    }
    struct aero_disk disk = aero_disk_posix_port(posix);
    aero_wal_list_one(disk, name, &list);
    int exit_code = dump_list(dump, disk, &list);
    aero_wal_list_deinit(&list);
    aero_disk_posix_close(posix);
    return exit_code;
}

static bool read_lsn(const struct aero_ctl *ctl, const struct aero_options *given, const char *name,
                     uint64_t *value)
{
    const char *text = aero_options_value(given, name);
    if (text != NULL && !aero_text_to_integer(text, value)) {
        aero_ctl_complain(ctl, WORDS, "--%s must be an LSN, a number", name);
        return false;
    }
    return true;
}

int aero_ctl_wal_dump(const struct aero_ctl *ctl, int argc, char **argv)
{
    static const struct aero_option options[] = {
        {"from", "LSN", NULL, "The first record to print."},
        {"to", "LSN", NULL, "The last record to print."},
        {"keys", NULL, NULL,
         "Print the operations of commits, with their keys as the engine has "
         "them; values are never printed."},
        {"json", NULL, NULL, "Print JSON, one object a line."},
    };
    static const struct aero_program program = {
        .name = "aeroctl " WORDS,
        .summary = "Prints the records of the log in a node's data directory, or of one segment "
                   "file. Each is verified in its place; reading stops at one that is not.",
        .operands = "DIR|FILE",
        .more_help = "Exit status: 0 everything was read, 5 a record is missing that a later\n"
                     "segment proves, 1 something could not be read.\n",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    struct aero_options given;
    enum aero_ctl_path_kind kind;
    int exit_code;
    if (!aero_ctl_parse(ctl, &program, argc, argv, 1, 1, &given, &exit_code)) {
        return exit_code;
    }
    struct dump dump = {
        .ctl = ctl,
        .to = UINT64_MAX,
        .keys = aero_options_has(&given, "keys"),
        .json = aero_options_has(&given, "json"),
    };
    if (!read_lsn(ctl, &given, "from", &dump.from) || !read_lsn(ctl, &given, "to", &dump.to)) {
        return AERO_EXIT_USAGE;
    }
    if (dump.from > dump.to) {
        aero_ctl_complain(ctl, WORDS, "--from is behind --to");
        return AERO_EXIT_USAGE;
    }
    const char *path = given.operands[0];
    aero_status status = aero_ctl_path_kind(path, &kind, NULL);
    if (aero_is_ok(status) && kind == AERO_CTL_PATH_NOTHING) {
        status = aero_error_errno(ENOENT);
    }
    if (!aero_is_ok(status)) {
        aero_ctl_complain(ctl, WORDS,
                          "%s: %s. Give a node's data directory (data_dir in its configuration), "
                          "or a segment of its log.",
                          path, aero_ctl_status_text(status));
        return AERO_EXIT_FAILURE;
    }
    return kind == AERO_CTL_PATH_DIRECTORY ? dump_directory(&dump, path) : dump_file(&dump, path);
}
