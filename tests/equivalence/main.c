/* SPDX-License-Identifier: Apache-2.0 */
/* equivalence_twins NAME: the executable twin of docs/optimizations/NAME.md. --seen also prints all that both systems showed,
 * --first ends with the first broken law, --rows the ids of its rows, --switches the keys of all switches. */
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tests/equivalence/blind.h"
#include "tests/equivalence/cases.h"

static void print_seen(const char *title, const struct aero_enumeration *enumeration)
{
    printf("---- %s\n", title);
    for (size_t i = 0; i < enumeration->seen.count; i++) {
        printf("%s\n", enumeration->seen.entries[i].text);
    }
}

static void enumerate_both(const struct aero_case_list *list, struct aero_enumeration *baseline,
                           struct aero_enumeration *optimised)
{
    static const uint32_t no_switch[AERO_CASE_LIVES] = {0};
    const uint32_t on_off_on[AERO_CASE_LIVES] = {list->switches, 0, list->switches};
    const uint32_t off_on_off[AERO_CASE_LIVES] = {0, list->switches, 0};
    aero_enumerate(list, 0, baseline);
    aero_enumerate(list, list->switches, optimised);
    aero_enumerate_lives(list, no_switch, baseline);
    aero_enumerate_lives(list, on_off_on, optimised);
    aero_enumerate_lives(list, off_on_off, optimised);
}

static int run_list(const struct aero_case_list *list, bool seen, bool first)
{
    struct aero_laws laws = {.stop_at_first = first};
    struct aero_enumeration baseline = {.laws = &laws};
    struct aero_enumeration optimised = {.laws = &laws};
    if (list->enumerate != NULL) {
        list->enumerate(list, 0, &baseline);
        list->enumerate(list, list->switches, &optimised);
    } else {
        enumerate_both(list, &baseline, &optimised);
    }

    if (seen) {
        print_seen("baseline", &baseline);
        print_seen("optimised", &optimised);
    }
    uint32_t problems = aero_case_list_compare(list, &baseline, &optimised);
    printf("%s: baseline %llu points, %llu outcomes; optimised %llu points, %llu outcomes\n",
           list->name, (unsigned long long)baseline.points, (unsigned long long)baseline.outcomes,
           (unsigned long long)optimised.points, (unsigned long long)optimised.outcomes);
    bool failed = problems != 0 || laws.violations != 0;
    if (failed) {
        printf("%s: %u problems, %llu broken laws\n", list->name, problems,
               (unsigned long long)laws.violations);
    }
    aero_enumeration_deinit(&baseline);
    aero_enumeration_deinit(&optimised);
    aero_laws_deinit(&laws);
    return failed ? 1 : 0;
}

static int run_blind(void)
{
    struct aero_laws laws = {0};
    uint64_t starts = aero_recovery_blind(&laws);
    printf("recovery_blind: %llu starts, every directory under every configuration, %llu broken "
           "laws\n",
           (unsigned long long)starts, (unsigned long long)laws.violations);
    bool failed = starts == 0 || laws.violations != 0;
    aero_laws_deinit(&laws);
    return failed ? 1 : 0;
}

static void print_rows(const struct aero_case_list *list)
{
    for (size_t i = 0; i < list->row_count; i++) {
        printf("%s\n", list->rows[i].id);
    }
}

static void print_switches(void)
{
    for (uint32_t i = 0; i < AERO_TWIN_SWITCH_COUNT; i++) {
        printf("%s\n", aero_twin_switch_key(i));
    }
}

int main(int argc, char **argv)
{
    size_t count;
    const struct aero_case_list *lists = aero_case_lists(&count);
    const char *name = argv[argc - 1];
    mallopt(M_TRIM_THRESHOLD, 1 << 28); /* thousands of disks come and go: their memory stays */
    mallopt(M_MMAP_THRESHOLD, 1 << 28);
    if (argc == 2 && strcmp(name, "--switches") == 0) {
        print_switches();
        return 0;
    }
    if (argc == 2 && strcmp(name, "recovery_blind") == 0) {
        return run_blind();
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, lists[i].name) != 0) {
            continue;
        }
        if (argc == 3 && strcmp(argv[1], "--rows") == 0) {
            print_rows(&lists[i]);
            return 0;
        }
        bool seen = argc == 3 && strcmp(argv[1], "--seen") == 0;
        bool first = argc == 3 && strcmp(argv[1], "--first") == 0;
        if (argc == 2 || seen || first) {
            return run_list(&lists[i], seen, first);
        }
    }
    fprintf(
        stderr,
        "Usage: equivalence_twins [--rows|--seen|--first] NAME | --switches | recovery_blind\n");
    return 2;
}
