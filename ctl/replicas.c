/* SPDX-License-Identifier: Apache-2.0 */
/* aeroctl replicas: AERO.REPLICAS, whose lines are `replica:name=...,state=...` and `pin:name=...`. */
#include <string.h>

#include "ctl/client.h"
#include "ctl/json.h"

#define WORDS "replicas"

struct column {
    const char *part;
    const char *title;
    int width; /* negative: to the left */
};

static const struct column replica_columns[] = {
    {"name", "REPLICA", -16},
    {"address", "ADDRESS", -22},
    {"state", "STATE", -14},
    {"applied_lsn", "APPLIED", 12},
    {"durable_lsn", "DURABLE", 12},
    {"lag_lsn", "LAG", 8},
    {"acknowledged_ms_ago", "ACKED MS AGO", 12},
};
static const struct column pin_columns[] = {
    {"name", "PINNED FOR", -16},
    {"kept_from_segment", "FROM SEGMENT", 12},
    {"durable_lsn", "DURABLE", 12},
};

static void find_part(struct aero_slice parts, const char *name, char *out_value, size_t size)
{
    struct aero_ctl_field part;
    snprintf(out_value, size, "-");
    while (aero_ctl_part_next(&parts, &part)) {
        if (aero_slice_equal(part.name, aero_slice_text(name))) {
            snprintf(out_value, size, "%.*s", (int)part.value.length,
                     (const char *)part.value.data);
        }
    }
}

/* A table of the lines of that name; nothing when there is none. */
static size_t print_table(const struct aero_ctl *ctl, struct aero_slice lines, const char *name,
                          const struct column *columns, size_t column_count)
{
    struct aero_ctl_field line;
    size_t rows = 0;
    while (aero_ctl_field_next(&lines, &line)) {
        if (!aero_slice_equal(line.name, aero_slice_text(name))) {
            continue;
        }
        for (size_t i = 0; rows == 0 && i < column_count; i++) {
            fprintf(ctl->out, "%s%*s", i == 0 ? "" : " ", columns[i].width, columns[i].title);
        }
        fputs(rows == 0 ? "\n" : "", ctl->out);
        for (size_t i = 0; i < column_count; i++) {
            char value[128];
            find_part(line.value, columns[i].part, value, sizeof value);
            fprintf(ctl->out, "%s%*s", i == 0 ? "" : " ", columns[i].width, value);
        }
        fputc('\n', ctl->out);
        rows++;
    }
    return rows;
}

static void print_lines(const struct aero_ctl *ctl, struct aero_slice lines)
{
    if (print_table(ctl, lines, "replica", replica_columns,
                    sizeof replica_columns / sizeof replica_columns[0]) == 0) {
        fputs("no replica is connected\n", ctl->out);
    }
    print_table(ctl, lines, "pin", pin_columns, sizeof pin_columns / sizeof pin_columns[0]);
}

static void print_json(const struct aero_ctl *ctl, struct aero_slice lines)
{
    struct json_object *object = json_object_new_object();
    struct json_object *replicas = json_object_new_array();
    struct json_object *pins = json_object_new_array();
    struct aero_ctl_field line;
    while (aero_ctl_field_next(&lines, &line)) {
        struct json_object *row = json_object_new_object();
        struct aero_slice parts = line.value;
        struct aero_ctl_field part;
        while (aero_ctl_part_next(&parts, &part)) {
            aero_ctl_json_field(row, &part);
        }
        bool is_pin = aero_slice_equal(line.name, aero_slice_text("pin"));
        json_object_array_add(is_pin ? pins : replicas, row);
    }
    json_object_object_add(object, "replicas", replicas);
    json_object_object_add(object, "pins", pins);
    aero_ctl_json_finish(ctl, object);
}

int aero_ctl_replicas(const struct aero_ctl *ctl, int argc, char **argv)
{
    static const struct aero_option options[] = {AERO_CTL_OPTIONS_NODE};
    static const struct aero_program program = {
        .name = "aeroctl " WORDS,
        .summary = "Lists the replicas that are connected to a primary, how far each has "
                   "acknowledged, and the log that is kept for known ones.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    struct aero_options given;
    struct aero_ctl_target target;
    struct aero_buffer buffer = {0};
    struct aero_slice lines;
    int exit_code;
    if (!aero_ctl_parse(ctl, &program, argc, argv, 0, 0, &given, &exit_code)) {
        return exit_code;
    }
    if (!aero_ctl_target_parse(ctl, &given, &target)) {
        return AERO_EXIT_USAGE;
    }
    if (aero_ctl_ask(ctl, WORDS, &target, "AERO.REPLICAS", &buffer, &lines, &exit_code)) {
        exit_code = AERO_EXIT_OK;
        if (aero_options_has(&given, "json")) {
            print_json(ctl, lines);
        } else {
            print_lines(ctl, lines);
        }
    }
    aero_buffer_deinit(&buffer);
    return exit_code;
}
