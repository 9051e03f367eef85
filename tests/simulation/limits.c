/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void append(char *text, const char *word)
{
    size_t length = strlen(text);
    snprintf(text + length, AERO_SIM_LIMITS_TEXT_MAX - length, "%s", word);
}

void aero_sim_limits_format(const struct aero_sim_limits *limits,
                            char out_text[AERO_SIM_LIMITS_TEXT_MAX])
{
    const char *before = "--without ";
    out_text[0] = '\0';
    for (int kind = 0; kind < AERO_SIM_ACT_COUNT; kind++) {
        if ((limits->without >> kind & 1) != 0) {
            append(out_text, before);
            append(out_text, aero_sim_act((enum aero_sim_act_kind)kind)->name);
            before = ",";
        }
    }
    const struct {
        const char *option;
        uint64_t value;
    } numbers[] = {{"replicas", limits->replicas},
                   {"clients", limits->clients},
                   {"commands", limits->commands},
                   {"acts", limits->acts},
                   {"luck", limits->luck}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (numbers[i].value != 0) {
            char word[48];
            snprintf(word, sizeof word, "%s--%s %llu", out_text[0] == '\0' ? "" : " ",
                     numbers[i].option, (unsigned long long)numbers[i].value);
            append(out_text, word);
        }
    }
}

static bool parse_without(struct aero_sim_limits *limits, const char *names)
{
    while (*names != '\0') {
        size_t length = strcspn(names, ",");
        int kind = 0;
        while (kind < AERO_SIM_ACT_COUNT) {
            const char *name = aero_sim_act((enum aero_sim_act_kind)kind)->name;
            if (strlen(name) == length && strncmp(name, names, length) == 0) {
                break;
            }
            kind++;
        }
        if (kind == AERO_SIM_ACT_COUNT) {
            return false;
        }
        limits->without |= (uint64_t)1 << kind;
        names += length + (names[length] == ',');
    }
    return true;
}

bool aero_sim_limits_parse(struct aero_sim_limits *limits, const char *option, const char *value)
{
    char *end;
    errno = 0;
    uint64_t number = strtoull(value, &end, 10);
    bool is_number = errno == 0 && end != value && *end == '\0' && number <= UINT32_MAX;
    if (strcmp(option, "without") == 0) {
        return parse_without(limits, value);
    }
    if (strcmp(option, "luck") == 0) {
        limits->luck = number;
        return is_number;
    }
    if (!is_number || number == 0) {
        return false;
    }
    if (strcmp(option, "replicas") == 0) {
        limits->replicas = (uint32_t)number;
    } else if (strcmp(option, "clients") == 0) {
        limits->clients = (uint32_t)number;
    } else if (strcmp(option, "commands") == 0) {
        limits->commands = (uint32_t)number;
    } else if (strcmp(option, "acts") == 0) {
        limits->acts = (uint32_t)number;
    } else {
        return false;
    }
    return true;
}
