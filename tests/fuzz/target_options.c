/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines of a daemon: the input's NULs separate the arguments. */
#include "base/options.h"
#include "server/config_keys.h"
#include "tests/fuzz/fuzz.h"

#define ARGUMENTS_MAX 200

static const struct aero_option options[] = {AERO_OPTIONS_DAEMON,
                                             {.name = "init", .help = "Begin a history."}};
static const struct aero_program program = {
    .name = "daemon",
    .summary = "Serve.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
};

static FILE *open_nowhere(void)
{
    FILE *file = fopen("/dev/null", "w");
    AERO_ASSERT(file != NULL);
    return file;
}

/* A file that the fuzzer names would be a file of this machine: such a line is only parsed. */
static void configure(const struct aero_options *given, FILE *nowhere)
{
    struct aero_config *config = NULL;
    int exit_code = -1;
    if (aero_options_has(given, "config")) {
        return;
    }
    if (aero_options_configure(given, aero_config_keys_primary(), nowhere, nowhere, &config,
                               &exit_code)) {
        const char *data = aero_options_value(given, "data");
        AERO_ASSERT(data == NULL || aero_config_is_set(config, "data_dir"));
        aero_config_free(config);
    } else {
        AERO_ASSERT(exit_code == AERO_EXIT_USAGE ||
                    (exit_code == AERO_EXIT_OK && aero_options_has(given, "print-config")));
    }
}

void fuzz_one(struct aero_slice input)
{
    char *text = aero_malloc(input.length + 1);
    memcpy(text, input.data, input.length);
    text[input.length] = '\0';
    char name[] = "daemon";
    char *arguments[ARGUMENTS_MAX + 2] = {name};
    int count = 1;
    for (size_t at = 0; at < input.length && count <= ARGUMENTS_MAX; at += strlen(text + at) + 1) {
        arguments[count++] = text + at;
    }
    FILE *nowhere = open_nowhere();
    struct aero_options given;
    int exit_code = -1;
    if (aero_options_parse(&program, count, arguments, nowhere, nowhere, &given, &exit_code)) {
        AERO_ASSERT(given.setting_count <= AERO_OPTIONS_SETTINGS_MAX);
        AERO_ASSERT(given.operand_count == 0);
        configure(&given, nowhere);
    } else {
        AERO_ASSERT(exit_code == AERO_EXIT_OK || exit_code == AERO_EXIT_USAGE);
    }
    AERO_ASSERT(fclose(nowhere) == 0);
    free(text);
}

void fuzz_seeds(struct fuzz_seeds *seeds)
{
    static const char lines[][80] = {
        "--data\0directory\0--port=6379",
        "--set\0segment_bytes=1mb\0--set=port=7",
        "--help",
        "--version",
        "--print-config",
        "--check-config\0--init",
        "--da=x",
        "--replication-port\0"
        "7000\0--\0operand",
        "--config\0file",
        "-x",
        "--p\0"
        "1",
        "--init=yes",
        "--set\0nothing",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        size_t length = sizeof lines[i];
        while (length != 0 && lines[i][length - 1] == '\0') {
            length--;
        }
        fuzz_seed(seeds, aero_slice_of(lines[i], length));
    }
}
