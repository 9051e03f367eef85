/* SPDX-License-Identifier: Apache-2.0 */
/* The program: `crash --help`. What it prints is what docs/reliability.md quotes. */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/crash/flip.h"
#include "tests/crash/histories.h"
#include "tests/crash/mutants.h"

#define PROGRESS_EVERY 500U

static const char usage[] =
    "Usage: crash --explore LENGTH [WORLD...]     every crash point and outcome of histories up to "
    "LENGTH steps\n"
    "       crash --survive LENGTH [WORLD...]     a node dies at each point, the other lives on\n"
    "       crash --explore-under LENGTH WORLD STEP...   those of LENGTH steps that begin with "
    "these\n"
    "       crash --survive-under LENGTH WORLD STEP...   the same\n"
    "       crash --flip [--every-bit] [WORLD...] every byte and sector of a directory changed\n"
    "       crash --mutants [NAME]                each broken rule is caught\n"
    "       crash --history WORLD STEP...         one history, both ways\n"
    "       crash --list                          worlds, steps and mutants\n"
    "The exit status is 1 when a promise was broken.\n";

/* ---- Telling -------------------------------------------------------------------------------------------------- */

static void add_totals(struct crash_totals *sum, const struct crash_totals *more)
{
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)more;
    for (size_t i = 0; i < sizeof *sum / sizeof *to; i++) {
        to[i] += from[i];
    }
}

static void tell_totals(const char *who, const struct crash_totals *totals)
{
    printf("%s: %" PRIu64 " histories, %" PRIu64 " disk points (%" PRIu64 " new), %" PRIu64
           " link points, %" PRIu64 " outcomes (%" PRIu64 " new, %" PRIu64
           " torn tails); in recoveries %" PRIu64 " points, %" PRIu64 " outcomes, %" PRIu64
           " recovered again; %" PRIu64 " lives after a death; %" PRIu64 " cut short\n",
           who, totals->histories, totals->disk_points, totals->new_points, totals->link_points,
           totals->outcomes, totals->new_outcomes, totals->torn_tails, totals->again_points,
           totals->again_outcomes, totals->again_recovered, totals->lives, totals->cut_short);
    fflush(stdout);
}

static bool tell_failure(const struct crash_explorer *explorer, const struct crash_history *history)
{
    char text[200];
    if (explorer->failed) {
        crash_history_text(history, text);
        printf("BROKEN %s: %s\n  again with: tests/crash/run --history %s\n", explorer->broken,
               explorer->text, text);
    }
    return !explorer->failed;
}

/* ---- Commands ------------------------------------------------------------------------------------------------- */

/* All histories of these lengths that begin as `beginning` does. */
static bool run_histories(const struct crash_history *beginning, uint32_t length_min,
                          uint32_t length_max, bool survive, struct crash_totals *sum)
{
    const struct crash_world *world = beginning->world;
    struct crash_explorer explorer = {0};
    struct crash_history history;
    for (uint32_t length = length_min; length <= length_max && !explorer.failed; length++) {
        history = *beginning;
        history.length = length;
        do {
            if (survive) {
                explorer.totals.histories++;
                crash_history_survive(&history, &explorer);
            } else {
                crash_history_explore(&history, &explorer);
            }
            if (explorer.totals.histories % PROGRESS_EVERY == 0) {
                tell_totals(world->name, &explorer.totals);
            }
        } while (!explorer.failed && crash_history_next(&history, beginning->length));
    }
    tell_totals(world->name, &explorer.totals);
    /* An enumeration that was cut short says so, and is no proof. */
    bool whole = explorer.totals.cut_short == 0;
    if (!whole) {
        printf("BROKEN %s: some points have more outcomes than are walked\n", world->name);
    }
    bool good = tell_failure(&explorer, &history) && whole;
    add_totals(sum, &explorer.totals);
    crash_explorer_deinit(&explorer);
    return good;
}

static const struct crash_world *find_world(const char *name)
{
    size_t count;
    const struct crash_world *worlds = crash_worlds(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(worlds[i].name, name) == 0) {
            return &worlds[i];
        }
    }
    fprintf(stderr, "crash: there is no world '%s'; see crash --list\n", name);
    exit(2);
}

/* The worlds that are named, or all. */
static size_t choose_worlds(int count, char **names, const struct crash_world *out_worlds[16])
{
    size_t all;
    const struct crash_world *worlds = crash_worlds(&all);
    if (count == 0) {
        for (size_t i = 0; i < all; i++) {
            out_worlds[i] = &worlds[i];
        }
        return all;
    }
    for (int i = 0; i < count && i < 16; i++) {
        out_worlds[i] = find_world(names[i]);
    }
    return (size_t)count;
}

static bool enumerate_command(int count, char **words, bool survive)
{
    const struct crash_world *worlds[16];
    struct crash_totals sum = {0};
    bool good = true;
    uint32_t length = count > 0 ? (uint32_t)strtoul(words[0], NULL, 10) : UINT32_MAX;
    if (length > CRASH_LENGTH_MAX) {
        fputs(usage, stderr);
        exit(2);
    }
    size_t world_count = choose_worlds(count - 1, words + 1, worlds);
    for (size_t i = 0; i < world_count; i++) {
        const struct crash_history any = {.world = worlds[i]};
        good &= run_histories(&any, 0, length, survive, &sum);
    }
    tell_totals(good ? "total" : "total, BROKEN", &sum);
    return good;
}

/* WORLD STEP...: false when there are too many steps. Ends the program where a name is not known. */
static bool read_history(int count, char **words, struct crash_history *out_history)
{
    *out_history = (struct crash_history){0};
    if (count < 1 || count > 1 + (int)CRASH_LENGTH_MAX) {
        return false;
    }
    out_history->world = find_world(words[0]);
    for (int i = 1; i < count; i++) {
        enum crash_step step = crash_step_of(words[i]);
        if (step == CRASH_STEP_COUNT) {
            fprintf(stderr, "crash: there is no step '%s'; see crash --list\n", words[i]);
            exit(2);
        }
        out_history->steps[out_history->length++] = step;
    }
    return true;
}

static bool under_command(int count, char **words, bool survive)
{
    struct crash_totals sum = {0};
    struct crash_history beginning;
    uint32_t length = count > 0 ? (uint32_t)strtoul(words[0], NULL, 10) : UINT32_MAX;
    if (length > CRASH_LENGTH_MAX || !read_history(count - 1, words + 1, &beginning) ||
        beginning.length > length) {
        fputs(usage, stderr);
        exit(2);
    }
    bool good = run_histories(&beginning, length, length, survive, &sum);
    tell_totals(good ? "total" : "total, BROKEN", &sum);
    return good;
}

static bool flip_world(const struct crash_world *world, bool primary, uint8_t masks)
{
    struct crash_explorer explorer = {0};
    struct crash_flip_report report = {0};
    const struct crash_history none = {.world = world};
    crash_flip_all(world, primary, masks, &explorer, &report);
    printf("%s, %s: %" PRIu64 " bits flipped, %" PRIu64 " sectors overwritten or unreadable\n",
           world->name, primary ? "primary" : "replica", report.flips, report.sectors);
    crash_flip_print(&report);
    fflush(stdout);
    return tell_failure(&explorer, &none);
}

static bool flip_command(int count, char **words)
{
    const struct crash_world *worlds[16];
    uint8_t masks = 0x40;
    bool good = true;
    if (count > 0 && strcmp(words[0], "--every-bit") == 0) {
        masks = 0xFF;
        count--;
        words++;
    }
    char *usual[] = {"aged-plain", "aged-fast"};
    size_t world_count =
        count == 0 ? choose_worlds(2, usual, worlds) : choose_worlds(count, words, worlds);
    for (size_t i = 0; i < world_count; i++) {
        good &= flip_world(worlds[i], true, masks);
        good &= flip_world(worlds[i], false, masks);
    }
    return good;
}

static void check_mutant(const struct crash_mutant *mutant, struct crash_explorer *explorer)
{
    struct crash_history history = {.world = find_world(mutant->world), .length = mutant->length};
    struct crash_flip_report report = {0};
    memcpy(history.steps, mutant->steps, sizeof history.steps);
    crash_mutant_apply(mutant, explorer);
    switch (mutant->check) {
    case CRASH_BY_EXPLORING:
        crash_history_explore(&history, explorer);
        break;
    case CRASH_BY_SURVIVING:
        crash_history_survive(&history, explorer);
        break;
    case CRASH_BY_FLIPPING:
        crash_flip_all(history.world, true, 0x40, explorer, &report);
        break;
    }
    crash_mutant_apply(NULL, explorer);
}

static bool mutants_command(const char *only)
{
    size_t count;
    size_t tried = 0;
    size_t caught = 0;
    const struct crash_mutant *mutants = crash_mutants(&count);
    for (size_t i = 0; i < count; i++) {
        struct crash_explorer explorer = {0};
        if (only != NULL && strcmp(only, mutants[i].name) != 0) {
            continue;
        }
        tried++;
        check_mutant(&mutants[i], &explorer);
        printf("%-40s %s %s\n", mutants[i].name, explorer.failed ? "caught by" : "NOT CAUGHT:",
               explorer.failed ? explorer.broken : mutants[i].text);
        fflush(stdout);
        caught += explorer.failed;
        crash_explorer_deinit(&explorer);
    }
    printf("%zu mutants, %zu caught\n", tried, caught);
    return tried > 0 && caught == tried;
}

static bool history_command(int count, char **words)
{
    struct crash_explorer explorer = {0};
    struct crash_history history;
    if (!read_history(count, words, &history)) {
        fputs(usage, stderr);
        exit(2);
    }
    crash_history_explore(&history, &explorer);
    crash_history_survive(&history, &explorer);
    tell_totals(history.world->name, &explorer.totals);
    crash_explorer_deinit(&explorer);
    return tell_failure(&explorer, &history);
}

static bool list_command(void)
{
    size_t count;
    const struct crash_world *worlds = crash_worlds(&count);
    for (size_t i = 0; i < count; i++) {
        printf("world   %-14s %s\n", worlds[i].name, worlds[i].text);
    }
    for (int step = 0; step < CRASH_STEP_COUNT; step++) {
        printf("step    %s\n", crash_step_name((enum crash_step)step));
    }
    const struct crash_mutant *mutants = crash_mutants(&count);
    for (size_t i = 0; i < count; i++) {
        printf("mutant  %-40s %s\n", mutants[i].name, mutants[i].text);
    }
    return true;
}

int main(int argc, char **argv)
{
    mallopt(M_MMAP_THRESHOLD,
            1 << 28); /* the same few buffers, a hundred thousand times a minute */
    mallopt(M_TRIM_THRESHOLD, 1 << 28);
    const char *command = argc > 1 ? argv[1] : "--help";
    bool good = false;
    if (strcmp(command, "--explore") == 0) {
        good = enumerate_command(argc - 2, argv + 2, false);
    } else if (strcmp(command, "--survive") == 0) {
        good = enumerate_command(argc - 2, argv + 2, true);
    } else if (strcmp(command, "--explore-under") == 0) {
        good = under_command(argc - 2, argv + 2, false);
    } else if (strcmp(command, "--survive-under") == 0) {
        good = under_command(argc - 2, argv + 2, true);
    } else if (strcmp(command, "--flip") == 0) {
        good = flip_command(argc - 2, argv + 2);
    } else if (strcmp(command, "--mutants") == 0) {
        good = mutants_command(argc > 2 ? argv[2] : NULL);
    } else if (strcmp(command, "--history") == 0) {
        good = history_command(argc - 2, argv + 2);
    } else if (strcmp(command, "--list") == 0) {
        good = list_command();
    } else {
        fputs(usage, strcmp(command, "--help") == 0 ? stdout : stderr);
        return strcmp(command, "--help") == 0 ? 0 : 2;
    }
    return good ? 0 : 1;
}
