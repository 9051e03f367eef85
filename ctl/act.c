/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that have a node do one thing: reconnect, checkpoint, open-writes, confirm-clock. */
#include <inttypes.h>
#include <string.h>

#include "base/config_text.h"
#include "ctl/client.h"
#include "ctl/json.h"

static void print_answer(const struct aero_ctl *ctl, const struct aero_options *given,
                         const char *done, struct aero_slice lines)
{
    struct aero_ctl_field field;
    char next_action[8];
    if (aero_ctl_field_find(lines, "next_action", next_action, sizeof next_action) &&
        next_action[0] != '\0') {
        done = "It is decided, and one step is left.";
    }
    if (!aero_options_has(given, "json")) {
        fprintf(ctl->out, "%s\n", done);
        while (aero_ctl_field_next(&lines, &field)) {
            fprintf(ctl->out, "  %.*s ", (int)field.name.length, (const char *)field.name.data);
            aero_ctl_print_bytes(ctl->out, field.value);
            fputc('\n', ctl->out);
        }
        return;
    }
    struct json_object *object = json_object_new_object();
    aero_ctl_json_text(object, "done", done);
    while (aero_ctl_field_next(&lines, &field)) {
        aero_ctl_json_field(object, &field);
    }
    aero_ctl_json_finish(ctl, object);
}

/* Sends `line`; an error reply is a failure. */
static int send_line(const struct aero_ctl *ctl, const struct aero_options *given, const char *line,
                     const char *done)
{
    struct aero_ctl_target target;
    struct aero_buffer buffer = {0};
    struct aero_slice lines;
    int exit_code;
    if (!aero_ctl_target_parse(ctl, given, &target)) {
        return AERO_EXIT_USAGE;
    }
    const char *words = given->program->name + strlen("aeroctl ");
    if (aero_ctl_ask(ctl, words, &target, line, &buffer, &lines, &exit_code)) {
        print_answer(ctl, given, done, lines);
        exit_code = AERO_EXIT_OK;
    }
    aero_buffer_deinit(&buffer);
    return exit_code;
}

static int act(const struct aero_ctl *ctl, const struct aero_program *program, const char *line,
               const char *done, const char *timeout, int argc, char **argv)
{
    struct aero_options given;
    int exit_code;
    if (!aero_ctl_parse(ctl, program, argc, argv, 0, 0, &given, &exit_code)) {
        return exit_code;
    }
    for (size_t i = 0; timeout != NULL && i < program->option_count; i++) {
        if (strcmp(program->options[i].name, "timeout") == 0 && given.values[i] == NULL) {
            given.values[i] = timeout;
        }
    }
    return send_line(ctl, &given, line, done);
}

static const struct aero_option options[] = {AERO_CTL_OPTIONS_NODE};
#define OPTION_COUNT (sizeof options / sizeof options[0])

int aero_ctl_reconnect(const struct aero_ctl *ctl, int argc, char **argv)
{
    static const struct aero_program program = {
        .name = "aeroctl reconnect",
        .summary = "Has a replica dial its primary now. A replica that is halted tries again: say "
                   "this once what halted it is resolved; a doubt that is still there halts it "
                   "again.",
        .options = options,
        .option_count = OPTION_COUNT,
    };
    return act(ctl, &program, "AERO.RECONNECT", "The replica dials its primary.", NULL, argc, argv);
}

int aero_ctl_checkpoint(const struct aero_ctl *ctl, int argc, char **argv)
{
    static const struct aero_program program = {
        .name = "aeroctl checkpoint",
        .summary = "Has a node take a snapshot now and waits until it is durable and named by the "
                   "manifest. Here --timeout is 1h unless given; the checkpoint goes on after it.",
        .options = options,
        .option_count = OPTION_COUNT,
    };
    return act(ctl, &program, "AERO.CHECKPOINT", "The checkpoint is done.", "1h", argc, argv);
}

int aero_ctl_open_writes(const struct aero_ctl *ctl, int argc, char **argv)
{
    static const struct aero_option with_discard[] = {
        {"discard", "N", NULL,
         "Give up the N records that 'aeroctl status' shows as lost_records."},
        AERO_CTL_OPTIONS_NODE};
    static const struct aero_program program = {
        .name = "aeroctl open-writes",
        .summary = "Lets a primary take writes that cut bytes off its log at the start and waits "
                   "for one of its replicas; with --discard, one that is known to have lost "
                   "records. Risk: if a replica has what was cut or lost, new writes take its "
                   "place, and the replica's copy can no longer be brought back ('aeroctl "
                   "salvage') without losing them.",
        .options = with_discard,
        .option_count = sizeof with_discard / sizeof with_discard[0],
    };
    struct aero_options given;
    int exit_code;
    char line[64] = "AERO.OPENWRITES";
    uint64_t count;
    if (!aero_ctl_parse(ctl, &program, argc, argv, 0, 0, &given, &exit_code)) {
        return exit_code;
    }
    const char *discard = aero_options_value(&given, "discard");
    if (discard != NULL && !aero_text_to_integer(discard, &count)) {
        aero_ctl_complain(ctl, "open-writes", "--discard must be a number of records");
        return AERO_EXIT_USAGE;
    }
    if (discard != NULL) {
        snprintf(line, sizeof line, "AERO.OPENWRITES DISCARD %" PRIu64, count);
    }
    return send_line(ctl, &given, line, "The primary takes writes.");
}

int aero_ctl_confirm_clock(const struct aero_ctl *ctl, int argc, char **argv)
{
    static const struct aero_program program = {
        .name = "aeroctl confirm-clock",
        .summary = "Confirms that the clock of a primary is right after it jumped, so that keys "
                   "expire again by it. Check the clock first: keys whose time has passed by it "
                   "are deleted at once.",
        .options = options,
        .option_count = OPTION_COUNT,
    };
    return act(ctl, &program, "AERO.CONFIRMCLOCK", "Keys expire again.", NULL, argc, argv);
}
