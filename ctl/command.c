/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands, and what they share. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/text_wrap.h"
#include "ctl/ctl.h"

static const struct aero_ctl_command commands[] = {
    {"status", "How a node is, and what to do about it.", aero_ctl_status},
    {"replicas", "The replicas of a primary, and what it keeps for them.", aero_ctl_replicas},
    {"reconnect", "Have a replica dial its primary now; ends a halt that was resolved.",
     aero_ctl_reconnect},
    {"checkpoint", "Take a snapshot now and wait for it.", aero_ctl_checkpoint},
    {"open-writes", "Let a primary write that cut bytes off its log and waits for a replica.",
     aero_ctl_open_writes},
    {"confirm-clock", "Let expiry go on after the clock of a primary jumped.",
     aero_ctl_confirm_clock},
    {"verify", "Verify a data directory, without changing a byte.", aero_ctl_verify},
    {"compare", "Do two nodes or directories share a history and a state?", aero_ctl_compare},
    {"salvage", "Bring records that a primary lost back from a replica.", aero_ctl_salvage},
    {"wal dump", "Print the records of a log.", aero_ctl_wal_dump},
    {"certs init", "Make a development CA and certificates for nodes.", aero_ctl_certs_init},
    {"certs revoke", "Have nodes refuse a certificate: make a list, or extend it.",
     aero_ctl_certs_revoke},
    {"certs show", "Show certificates and lists, and how long they are good for.",
     aero_ctl_certs_show},
};
#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

#define TRY_HELP "Try 'aeroctl --help' for more information.\n"
#define SUMMARY_COLUMN 17
#define SUMMARY_INDENT "                 "

static const char exit_statuses[] =
    "\nExit status:\n"
    "  0  done; the node is healthy; nothing wrong was found\n"
    "  1  the work could not be done\n"
    "  2  bad command line\n"
    "  3  the node does not answer\n"
    "  4  the node answers and waits for an operator: it is halted or takes no writes\n"
    "  5  damage was found\n"
    "  6  the two differ\n"
    "  7  a daemon runs on the directory\n";

static void print_summary(FILE *out, const struct aero_ctl_command *command)
{
    fprintf(out, "  %-*s", SUMMARY_COLUMN - 2, command->words);
    aero_text_wrap(out, SUMMARY_COLUMN, SUMMARY_INDENT, command->summary);
}

/* Everything behind the options in --help; the caller frees it. */
static char *list_commands(void)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    AERO_ASSERT(out != NULL);
    fputs("Commands:\n", out);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        print_summary(out, &commands[i]);
    }
    fputs("\n'aeroctl help COMMAND' says more about one.\n", out);
    fputs(exit_statuses, out);
    fclose(out);
    return text;
}

/* How many of the arguments are the command's words; 0: they are not. */
static int match_words(const char *words, int argc, char **argv)
{
    int used = 0;
    for (const char *at = words; *at != '\0'; used++) {
        size_t length = strcspn(at, " ");
        if (used == argc || strlen(argv[used]) != length || memcmp(argv[used], at, length) != 0) {
            return 0;
        }
        at += length;
        at += strspn(at, " ");
    }
    return used;
}

static const struct aero_ctl_command *find_command(int argc, char **argv, int *out_used)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        *out_used = match_words(commands[i].words, argc, argv);
        if (*out_used != 0) {
            return &commands[i];
        }
    }
    return NULL;
}

/* Those whose first word it is. False: there are none. `out` may be NULL, to ask. */
static bool list_family(FILE *out, const char *word)
{
    bool found = false;
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        size_t length = strcspn(commands[i].words, " ");
        if (strlen(word) == length && memcmp(commands[i].words, word, length) == 0) {
            found = true;
            if (out != NULL) {
                print_summary(out, &commands[i]);
            }
        }
    }
    return found;
}

/* `next`: the word behind it, or NULL. */
static int refuse_words(const struct aero_ctl *ctl, const char *word, const char *next)
{
    if (!list_family(NULL, word)) {
        fprintf(ctl->err, "aeroctl: unknown command '%s%s%s'\n", word, next == NULL ? "" : " ",
                next == NULL ? "" : next);
    } else if (next == NULL) {
        fprintf(ctl->err, "aeroctl: a subcommand is missing behind '%s':\n", word);
    } else {
        fprintf(ctl->err, "aeroctl: unknown command '%s %s', but there is:\n", word, next);
    }
    (void)list_family(ctl->err, word);
    fputs(TRY_HELP, ctl->err);
    return AERO_EXIT_USAGE;
}

/* No command: --help, --version, or a mistake. */
static int run_bare(const struct aero_ctl *ctl, int argc, char **argv)
{
    char *more_help = list_commands();
    struct aero_program program = {
        .name = "aeroctl",
        .summary = "Looks after AeroDB nodes and their directories.",
        .operands = "COMMAND [ARGUMENT]...",
        .more_help = more_help,
    };
    struct aero_options options;
    int exit_code = AERO_EXIT_USAGE;
    if (aero_options_parse(&program, argc, argv, ctl->out, ctl->err, &options, &exit_code)) {
        if (options.operand_count == 0) {
            fputs("aeroctl: a command is missing\n" TRY_HELP, ctl->err);
            exit_code = AERO_EXIT_USAGE;
        } else {
            exit_code = refuse_words(ctl, options.operands[0],
                                     options.operand_count > 1 ? options.operands[1] : NULL);
        }
    }
    free(more_help);
    return exit_code;
}

static int run_help(const struct aero_ctl *ctl, int argc, char **argv)
{
    int used;
    char help[] = "--help";
    char *arguments[] = {argv[0], help, NULL};
    const struct aero_ctl_command *command = find_command(argc, argv, &used);
    if (argc == 0) {
        return run_bare(ctl, 2, (char *[]){help, help, NULL});
    }
    if (command == NULL && argc == 1 && list_family(ctl->out, argv[0])) {
        return AERO_EXIT_OK;
    }
    if (command == NULL) {
        return refuse_words(ctl, argv[0], argc > 1 ? argv[1] : NULL);
    }
    return command->run(ctl, 2, arguments);
}

int aero_ctl_run(const struct aero_ctl *ctl, int argc, char **argv)
{
    int used;
    if (argc >= 2 && strcmp(argv[1], "help") == 0) {
        return run_help(ctl, argc - 2, argv + 2);
    }
    const struct aero_ctl_command *command =
        argc >= 2 ? find_command(argc - 1, argv + 1, &used) : NULL;
    if (command == NULL) {
        return run_bare(ctl, argc, argv);
    }
    return command->run(ctl, argc - used, argv + used);
}

void aero_ctl_complain(const struct aero_ctl *ctl, const char *words, const char *format, ...)
{
    va_list arguments;
    fprintf(ctl->err, "aeroctl %s: ", words);
    va_start(arguments, format);
    vfprintf(ctl->err, format, arguments);
    va_end(arguments);
    fputc('\n', ctl->err);
}

bool aero_ctl_parse(const struct aero_ctl *ctl, const struct aero_program *program, int argc,
                    char **argv, size_t operands_min, size_t operands_max,
                    struct aero_options *out_options, int *out_exit_code)
{
    if (!aero_options_parse(program, argc, argv, ctl->out, ctl->err, out_options, out_exit_code)) {
        return false;
    }
    size_t count = out_options->operand_count;
    if (count >= operands_min && count <= operands_max) {
        return true;
    }
    fprintf(ctl->err, "%s: %s\nTry '%s --help' for more information.\n", program->name,
            count < operands_min ? "an operand is missing" : "too many operands", program->name);
    *out_exit_code = AERO_EXIT_USAGE;
    return false;
}

const char *aero_ctl_status_text(aero_status status)
{
    const char *text = status.sys_errno == 0 ? NULL : strerrordesc_np(status.sys_errno);
    return text != NULL ? text : aero_code_text(status.code);
}
