/* SPDX-License-Identifier: Apache-2.0 */
/* aeroctl status: AERO.STATUS, as lines or JSON, and as an exit status. */
#include <poll.h>
#include <string.h>

#include "base/config_text.h"
#include "ctl/client.h"
#include "ctl/health.h"
#include "ctl/json.h"

#define WORDS "status"
#define WATCH_MIN_NS (UINT64_C(100) * 1000000U)
#define WATCH_MAX_NS (UINT64_C(3600) * 1000000000U)

static void print_headline(const struct aero_ctl *ctl, struct aero_slice lines)
{
    char role[32];
    char name[64];
    char state[32];
    char action[512];
    aero_ctl_field_find(lines, "role", role, sizeof role);
    aero_ctl_field_find(lines, "node_name", name, sizeof name);
    aero_ctl_field_find(lines, "state", state, sizeof state);
    aero_ctl_field_find(lines, "next_action", action, sizeof action);
    fprintf(ctl->out, "%s %s: %s; to do: %s\n", role, name, state,
            action[0] == '\0' ? "nothing" : action);
}

static bool is_in_headline(const struct aero_ctl_field *field)
{
    static const char *const names[] = {"role", "node_name", "state", "next_action"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (aero_slice_equal(field->name, aero_slice_text(names[i]))) {
            return true;
        }
    }
    return false;
}

static void print_lines(const struct aero_ctl *ctl, struct aero_slice lines)
{
    struct aero_ctl_field field;
    print_headline(ctl, lines);
    while (aero_ctl_field_next(&lines, &field)) {
        if (field.value.length != 0 && !is_in_headline(&field)) {
            fprintf(ctl->out, "  %-24.*s ", (int)field.name.length, (const char *)field.name.data);
            aero_ctl_print_bytes(ctl->out, field.value);
            fputc('\n', ctl->out);
        }
    }
}

static void print_json(const struct aero_ctl *ctl, struct aero_slice lines, int health)
{
    struct json_object *object = json_object_new_object();
    struct aero_ctl_field field;
    aero_ctl_json_bool(object, "healthy", health == AERO_EXIT_OK);
    while (aero_ctl_field_next(&lines, &field)) {
        aero_ctl_json_field(object, &field);
    }
    aero_ctl_json_finish(ctl, object);
}

static int ask_once(const struct aero_ctl *ctl, const struct aero_ctl_target *target, bool json)
{
    struct aero_buffer buffer = {0};
    struct aero_slice lines;
    int exit_code;
    if (aero_ctl_ask(ctl, WORDS, target, "AERO.STATUS", &buffer, &lines, &exit_code)) {
        exit_code = aero_ctl_health(lines);
        if (json) {
            print_json(ctl, lines, exit_code);
        } else {
            print_lines(ctl, lines);
        }
    }
    aero_buffer_deinit(&buffer);
    return exit_code;
}

/* Until it is interrupted, or nobody reads any more. A node that does not answer now may later. */
static int watch(const struct aero_ctl *ctl, const struct aero_ctl_target *target, bool json,
                 uint64_t interval_ns)
{
    for (;;) {
        (void)ask_once(ctl, target, json);
        fputs(json ? "" : "\n", ctl->out);
        if (fflush(ctl->out) != 0 || ferror(ctl->out)) {
            return AERO_EXIT_FAILURE;
        }
        (void)poll(NULL, 0, (int)(interval_ns / 1000000));
    }
}

int aero_ctl_status(const struct aero_ctl *ctl, int argc, char **argv)
{
    static const struct aero_option options[] = {
        {"watch", "TIME", NULL,
         "Say it again and again, TIME apart, such as 1s, until interrupted."},
        AERO_CTL_OPTIONS_NODE};
    static const struct aero_program program = {
        .name = "aeroctl " WORDS,
        .summary = "Says how a node is: its role, state and reason, what to do next, how far its "
                   "log is durable and applied, and whether its state is proven.",
        .more_help = "Exit status: 0 healthy, 3 no answer, 4 it waits for an operator (halted, no\n"
                     "writes, expiry suspended, a failed audit, disk fault), 5 damaged segments,\n"
                     "1 anything else.\n",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    struct aero_options given;
    struct aero_ctl_target target;
    uint64_t interval_ns = 0;
    int exit_code;
    if (!aero_ctl_parse(ctl, &program, argc, argv, 0, 0, &given, &exit_code)) {
        return exit_code;
    }
    const char *interval = aero_options_value(&given, "watch");
    if (!aero_ctl_target_parse(ctl, &given, &target)) {
        return AERO_EXIT_USAGE;
    }
    if (interval != NULL && (!aero_text_to_duration_ns(interval, &interval_ns) ||
                             interval_ns < WATCH_MIN_NS || interval_ns > WATCH_MAX_NS)) {
        aero_ctl_complain(ctl, WORDS, "--watch must be a duration such as 1s, 100ms to 1h");
        return AERO_EXIT_USAGE;
    }
    bool json = aero_options_has(&given, "json");
    return interval == NULL ? ask_once(ctl, &target, json) : watch(ctl, &target, json, interval_ns);
}
