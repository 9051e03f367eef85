/* SPDX-License-Identifier: Apache-2.0 */
/* Over getopt_long(3), with the options of the table and --help and --version behind them. */
#include "base/options.h"

#include <assert.h>
#include <getopt.h>
#include <string.h>

#include "base/assert.h"
#include "base/text_wrap.h"

/* The column in which help begins, and where an option too long for it goes to a line of its
 * own. */
#define HELP_COLUMN 30
#define HELP_INDENT "                              "
static_assert(sizeof HELP_INDENT - 1 == HELP_COLUMN, "the indent is the column in blanks");

static const struct aero_option common_options[] = {
    {.name = "help", .help = "Show this text and exit."},
    {.name = "version", .help = "Show the version and exit."},
};
#define COMMON_COUNT (sizeof common_options / sizeof common_options[0])

static const struct aero_option *option_at(const struct aero_program *program, size_t index)
{
    return index < program->option_count ? &program->options[index]
                                         : &common_options[index - program->option_count];
}

static void print_option(FILE *out, const struct aero_option *option)
{
    int column = option->argument == NULL
                     ? fprintf(out, "      --%s", option->name)
                     : fprintf(out, "      --%s=%s", option->name, option->argument);
    if (column + 2 > HELP_COLUMN) {
        fputc('\n', out);
        column = 0;
    }
    fprintf(out, "%*s", HELP_COLUMN - column, "");
    aero_text_wrap(out, HELP_COLUMN, HELP_INDENT, option->help);
}

static void print_help(FILE *out, const struct aero_program *program)
{
    fprintf(out, "Usage: %s [OPTION]...%s%s\n", program->name, program->operands == NULL ? "" : " ",
            program->operands == NULL ? "" : program->operands);
    aero_text_wrap(out, 0, "", program->summary);
    fputc('\n', out);
    for (size_t i = 0; i < program->option_count + COMMON_COUNT; i++) {
        print_option(out, option_at(program, i));
    }
    if (program->more_help != NULL) {
        fprintf(out, "\n%s", program->more_help);
    }
}

static void print_version(FILE *out, const struct aero_program *program)
{
    fprintf(out, "%s (AeroDB) %s\n", program->name, AERO_VERSION);
}

/* Always false, so that callers can say what went wrong and leave in one line. */
static bool complain(const struct aero_program *program, FILE *err, const char *text,
                     const char *subject, int *out_exit_code)
{
    fprintf(err, "%s: %s '%s'\nTry '%s --help' for more information.\n", program->name, text,
            subject, program->name);
    *out_exit_code = AERO_EXIT_USAGE;
    return false;
}

/* After --help or --version: an answer that did not get out is a failure. */
static bool leave_after(FILE *out, int *out_exit_code)
{
    *out_exit_code = fflush(out) == 0 && !ferror(out) ? AERO_EXIT_OK : AERO_EXIT_FAILURE;
    return false;
}

static void add_setting(struct aero_options *options, const struct aero_option *option,
                        const char *value)
{
    options->settings[options->setting_count++] = (struct aero_options_setting){
        .option = option->name, .key = option->config_key, .value = value};
}

static void fill_long_options(const struct aero_program *program, struct option *out_options)
{
    for (size_t i = 0; i < program->option_count + COMMON_COUNT; i++) {
        const struct aero_option *option = option_at(program, i);
        out_options[i] = (struct option){
            .name = option->name,
            .has_arg = option->argument == NULL ? no_argument : required_argument,
        };
    }
}

/* How many options begin like the text, which is "--name" or "--name=value". */
static size_t count_matches(const struct aero_program *program, const char *text)
{
    size_t length = strcspn(text + 2, "=");
    size_t count = 0;
    for (size_t i = 0; i < program->option_count + COMMON_COUNT; i++) {
        count += strncmp(option_at(program, i)->name, text + 2, length) == 0;
    }
    return count;
}

/* What getopt_long refused: it tells a missing argument apart, but nothing else. */
static bool refuse(const struct aero_program *program, FILE *err, int answer, const char *text,
                   int *out_exit_code)
{
    if (answer == ':') {
        return complain(program, err, "an argument is missing behind", text, out_exit_code);
    }
    if (strncmp(text, "--", 2) == 0 && count_matches(program, text) > 1) {
        return complain(program, err, "ambiguous option", text, out_exit_code);
    }
    if (strncmp(text, "--", 2) == 0 && count_matches(program, text) == 1) {
        return complain(program, err, "no argument is allowed in", text, out_exit_code);
    }
    return complain(program, err, "unknown option", text, out_exit_code);
}

bool aero_options_parse(const struct aero_program *program, int argc, char **argv, FILE *out,
                        FILE *err, struct aero_options *out_options, int *out_exit_code)
{
    struct option long_options[AERO_OPTIONS_COUNT_MAX + COMMON_COUNT + 1] = {{0}};
    AERO_ASSERT(program->option_count <= AERO_OPTIONS_COUNT_MAX);
    fill_long_options(program, long_options);
    *out_options = (struct aero_options){.program = program};
    optind = 0; /* glibc: begin anew */
    opterr = 0;
    for (;;) {
        int index = -1;
        int answer = getopt_long(argc, argv, ":", long_options, &index);
        if (answer == -1) {
            break;
        }
        if (answer != 0) {
            const char letter[] = {'-', (char)optopt, '\0'};
            const char *text = optopt != 0 ? letter : argv[optind - 1];
            return refuse(program, err, answer, text, out_exit_code);
        }
        const struct aero_option *option = option_at(program, (size_t)index);
        if (option == &common_options[0]) {
            print_help(out, program);
            return leave_after(out, out_exit_code);
        }
        if (option == &common_options[1]) {
            print_version(out, program);
            return leave_after(out, out_exit_code);
        }
        const char *value = option->argument == NULL ? "" : optarg;
        out_options->values[index] = value;
        if (option->config_key == NULL && strcmp(option->name, "set") != 0) {
            continue;
        }
        if (out_options->setting_count == AERO_OPTIONS_SETTINGS_MAX) {
            return complain(program, err, "too many settings, from", value, out_exit_code);
        }
        add_setting(out_options, option, value);
    }
    out_options->operands = argv + optind;
    out_options->operand_count = (size_t)(argc - optind);
    if (program->operands == NULL && out_options->operand_count != 0) {
        return complain(program, err, "unexpected operand", argv[optind], out_exit_code);
    }
    return true;
}

const char *aero_options_value(const struct aero_options *options, const char *name)
{
    for (size_t i = 0;; i++) {
        AERO_ASSERT(i < options->program->option_count); /* the name is in the table */
        if (strcmp(options->program->options[i].name, name) == 0) {
            return options->values[i];
        }
    }
}

bool aero_options_has(const struct aero_options *options, const char *name)
{
    return aero_options_value(options, name) != NULL;
}

static aero_status apply_setting(struct aero_config *config,
                                 const struct aero_options_setting *setting,
                                 struct aero_config_error *out_error)
{
    char origin[64];
    snprintf(origin, sizeof origin, "--%s", setting->option);
    if (setting->key == NULL) {
        return aero_config_set_pair(config, origin, setting->value, out_error);
    }
    return aero_config_set(config, origin, setting->key, setting->value, out_error);
}

static aero_status apply_all(const struct aero_options *options, struct aero_config *config,
                             struct aero_config_error *out_error)
{
    for (size_t i = 0; i < options->program->option_count; i++) {
        const char *key = options->program->options[i].config_key;
        AERO_ASSERT(key == NULL || aero_config_find(aero_config_table(config), key) <
                                       aero_config_table(config)->count);
    }
    const char *file = aero_options_value(options, "config");
    if (file != NULL) {
        AERO_TRY(aero_config_load_file(config, file, out_error));
    }
    for (size_t i = 0; i < options->setting_count; i++) {
        AERO_TRY(apply_setting(config, &options->settings[i], out_error));
    }
    return aero_ok();
}

static aero_status make_config(const struct aero_options *options,
                               const struct aero_config_table *table,
                               struct aero_config **out_config, struct aero_config_error *out_error)
{
    struct aero_config *config = aero_config_new(table);
    aero_status status = apply_all(options, config, out_error);
    if (!aero_is_ok(status)) {
        aero_config_free(config);
        return status;
    }
    *out_config = config;
    return aero_ok();
}

aero_status aero_options_reload(const struct aero_options *options,
                                const struct aero_config_table *table,
                                struct aero_config **out_config,
                                struct aero_config_error *out_error)
{
    const char *file = aero_options_value(options, "config");
    if (file != NULL) {
        AERO_TRY(aero_config_check_lasting(file, out_error));
    }
    return make_config(options, table, out_config, out_error);
}

bool aero_options_configure(const struct aero_options *options,
                            const struct aero_config_table *table, FILE *out, FILE *err,
                            struct aero_config **out_config, int *out_exit_code)
{
    struct aero_config_error error;
    const struct aero_program *program = options->program;
    if (aero_options_has(options, "print-config")) {
        char title[128];
        snprintf(title, sizeof title, "Configuration of %s %s.", program->name, AERO_VERSION);
        aero_config_print_commented(out, title, table);
        return leave_after(out, out_exit_code);
    }
    if (!aero_is_ok(make_config(options, table, out_config, &error))) {
        fprintf(err, "%s: %s\n", program->name, error.text);
        *out_exit_code = AERO_EXIT_USAGE;
        return false;
    }
    return true;
}
