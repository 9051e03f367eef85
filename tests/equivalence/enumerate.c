/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/equivalence/enumerate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

#define POLICIES 4
#define PATHS_MAX 32 /* outcomes of one power loss that are walked; the rest is drawn */
#define DRAWS 6      /* ... so often */
#define SCHEDULES_MAX 64
#define FAULT_DRAWS 2          /* of a power loss behind a fault */
#define BASELINE_FAULT_DRAWS 8 /* ... of the system that others are compared with */
#define FAULT_LUCKS 8          /* ways in which a fault falls that are drawn */
#define RECOVERY_STEPS_MAX 80
#define FIRST_LIFE_STRIDE \
    4 /* every so many-th point of the first of several lives is one at which it is stopped */
#define LIFE_STRIDE 13 /* of later lives every so many-th point is one */

struct fault_plan {
    const struct aero_case_fault *fault; /* NULL: none */
    uint32_t nth;                        /* counted from 1 */
    uint32_t luck;
    uint32_t met;
    bool happened;
};

struct run {
    const struct aero_case_list *list;
    const char *history;
    uint32_t switches;
    uint32_t policy;
    struct aero_choice schedule;
    struct fault_plan plan;
    struct aero_enumeration *out;
    struct aero_twin_story story;
    struct aero_twin twin;
    struct aero_lines *crashed_in_recovery; /* points at which that was walked */
};

void aero_enumeration_deinit(struct aero_enumeration *enumeration)
{
    aero_lines_deinit(&enumeration->seen);
}

/* ---- Probes -------------------------------------------------------------------------------------------------- */

static void add_line(struct run *run, const char *point, const char *text, const char *where)
{
    char line[AERO_SEEN_TEXT_MAX + 64];
    snprintf(line, sizeof line, "%s\t%s", point, text);
    aero_lines_add(&run->out->seen, line, where);
}

static void record(struct run *run, const char *point, const char *where,
                   const struct aero_seen *seen)
{
    char text[AERO_SEEN_TEXT_MAX];
    run->out->outcomes++;
    aero_laws_judge(run->out->laws, &run->story, seen, where);
    if (!aero_is_ok(seen->status)) {
        return;
    }
    aero_seen_text(seen, text);
    add_line(run, point, text, where);
    for (char client = 'A'; client < 'A' + AERO_TWIN_CLIENTS; client++) {
        if (aero_writer_text(&run->story, seen, client, text)) {
            add_line(run, point, text, where);
        }
    }
    for (uint32_t i = 0; i < run->story.count; i++) {
        if (aero_other_text(&run->story.commands[i], text)) {
            add_line(run, point, text, where);
        }
    }
}

/* `disk` has crashed. Takes it. */
static void look(struct run *run, struct aero_sim_disk *disk, const char *point, const char *how)
{
    char where[AERO_DISK_NAME_MAX + 240];
    struct aero_seen seen;
    snprintf(where, sizeof where, "%s switches %x policy %u: %s, %s", run->list->name,
             run->switches, run->policy, point, how);
    aero_sim_disk_restart(disk);
    aero_look(disk, &seen);
    if (seen.report.verdict == AERO_VERDICT_TORN_TAIL) {
        size_t length = strlen(where);
        snprintf(where + length, sizeof where - length, ", %s at %llu", seen.report.file,
                 (unsigned long long)seen.report.offset);
    }
    record(run, point, where, &seen);
    if (aero_is_ok(seen.status) && run->twin.primary != NULL) {
        aero_laws_judge_shipped(run->out->laws, run->twin.primary, run->twin.disk, disk,
                                seen.floor_sequence, where);
    }
    aero_sim_disk_free(disk);
}

static void probe_draws(struct run *run, const char *point, uint32_t draws)
{
    for (uint32_t seed = 1; seed <= draws; seed++) {
        struct aero_choice luck;
        aero_choice_init_seed(&luck, seed);
        struct aero_sim_disk *disk = aero_sim_disk_clone(run->twin.disk, &luck);
        aero_sim_disk_crash(disk, AERO_SIM_POWER);
        look(run, disk, point, "power lost, drawn");
    }
}

/* Every outcome of the un-synced writes, as far as they can be walked; drawn ones otherwise. */
static void probe_power(struct run *run, const char *point)
{
    struct aero_choice luck;
    uint32_t paths = 0;
    aero_choice_init_paths(&luck);
    do {
        struct aero_sim_disk *disk = aero_sim_disk_clone(run->twin.disk, &luck);
        aero_sim_disk_crash(disk, AERO_SIM_POWER);
        look(run, disk, point, "power lost");
    } while (++paths < PATHS_MAX && aero_choice_next_path(&luck));
    if (paths == PATHS_MAX) {
        probe_draws(run, point, DRAWS);
    }
}

static void probe_one(struct run *run, const char *point, enum aero_sim_crash how, const char *text)
{
    struct aero_choice luck;
    aero_choice_init_seed(&luck, 1);
    struct aero_sim_disk *disk = aero_sim_disk_clone(run->twin.disk, &luck);
    aero_sim_disk_crash(disk, how);
    look(run, disk, point, text);
}

/* FR-3: recovery is stopped before each of its changes and run again, after a kill or a power loss. */
static void probe_recovery(struct run *run, const char *point, enum aero_sim_crash first,
                           enum aero_sim_crash second)
{
    bool crashed = true;
    for (uint64_t step = 1; crashed && step < RECOVERY_STEPS_MAX; step++) {
        struct aero_choice luck;
        struct aero_recovered recovered;
        struct aero_recovery_report report;
        aero_choice_init_seed(&luck, step);
        struct aero_sim_disk *disk = aero_sim_disk_clone(run->twin.disk, &luck);
        aero_sim_disk_crash(disk, first);
        aero_sim_disk_restart(disk);
        aero_sim_disk_crash_at(disk, aero_sim_disk_changes(disk) + step, second);
        aero_status status = aero_recover(aero_sim_disk_port(disk), NULL, &recovered, &report);
        crashed = status.code == AERO_CRASHED;
        aero_sim_disk_crash_at(disk, 0, AERO_SIM_KILL);
        if (aero_is_ok(status)) {
            aero_recovered_deinit(&recovered);
            aero_sim_disk_crash(disk, second);
        }
        look(run, disk, point, "stopped in recovery");
    }
}

static bool is_new(struct aero_lines *lines, const char *text)
{
    size_t before = lines->count;
    aero_lines_add(lines, text, "");
    return lines->count != before;
}

static void probe(struct run *run, const char *point)
{
    run->out->points++;
    aero_laws_judge_proof(run->out->laws, run->twin.primary, run->twin.started_with, run->twin.disk,
                          point);
    probe_one(run, point, AERO_SIM_KILL, "killed");
    probe_one(run, point, AERO_SIM_POWER_LOSE, "power lost, all un-synced with it");
    probe_one(run, point, AERO_SIM_POWER_KEEP, "power lost, all un-synced kept");
    probe_power(run, point);
    if (is_new(run->crashed_in_recovery, point)) {
        probe_recovery(run, point, AERO_SIM_KILL, AERO_SIM_KILL);
        probe_recovery(run, point, AERO_SIM_KILL, AERO_SIM_POWER);
        probe_recovery(run, point, AERO_SIM_POWER_KEEP, AERO_SIM_POWER_LOSE);
    }
}

/* A part of the write has been handed over: to the first byte, to each sector's end, to all but the last byte. */
static void probe_part(struct run *run, const struct aero_step *step)
{
    const char *name;
    const struct aero_disk_op *op = aero_hands_op(&run->twin.hands, step, &name);
    char point[64];
    snprintf(point, sizeof point, "%s part", step->label);
    if (op->produce != NULL || op->bytes.length < 2) {
        return; /* made where it runs: its first byte and its last are those of other points */
    }
    size_t piece = op->bytes.length / 6;
    piece = piece < 512 ? 512 : piece;
    for (size_t part = 1; part < op->bytes.length;
         part = part == 1 ? piece - (size_t)(op->offset % 512) : part + piece) {
        struct aero_choice luck;
        aero_choice_init_seed(&luck, part);
        struct aero_sim_disk *disk =
            aero_hands_clone_with_part(&run->twin.hands, step, part, &luck);
        struct aero_sim_disk *twin = aero_sim_disk_clone(disk, &luck);
        aero_sim_disk_crash(disk, AERO_SIM_KILL);
        look(run, disk, point, "killed");
        aero_sim_disk_crash(twin, AERO_SIM_POWER_KEEP);
        look(run, twin, point, "power lost, all un-synced kept");
    }
}

/* ---- Order --------------------------------------------------------------------------------------------------- */

static int priority(const struct aero_step *step, uint32_t policy)
{
    bool background =
        strncmp(step->label, "prepare", 7) == 0 || strncmp(step->label, "snapshot", 8) == 0 ||
        strncmp(step->label, "manifest", 8) == 0 || strncmp(step->label, "truncate", 8) == 0;
    bool second = strncmp(step->label, "second", 6) == 0;
    switch (policy) {
    case 0: /* commits first */
        return background ? 2 : step->is_group ? 0 : 1;
    case 1: /* background first */
        return background ? 0 : 1;
    case 2: /* youngest first */
        return -(int)step->job;
    default: /* both are written, then the second syncs before the first, and the news of it comes last */
        if (strstr(step->label, "write") != NULL) {
            return 0;
        }
        return second ? (strstr(step->label, "sync") != NULL ? 1 : 3) : 2;
    }
}

static uint32_t choose(struct run *run, const struct aero_step *steps, uint32_t count)
{
    uint32_t groups[AERO_HANDS_JOBS_MAX];
    uint32_t group_count = 0;
    uint32_t best = 0;
    for (uint32_t i = 0; i < count; i++) {
        best = priority(&steps[i], run->policy) < priority(&steps[best], run->policy) ? i : best;
        if (steps[i].is_group) {
            groups[group_count++] = i;
        }
    }
    if (steps[best].is_group && run->policy == 0 && group_count > 1) {
        return groups[aero_choice_below(&run->schedule, group_count)];
    }
    return best;
}

/* ---- One run ------------------------------------------------------------------------------------------------- */

static const char *fault_point(const struct run *run, char out_point[64])
{
    snprintf(out_point, 64, "fail %s %s", run->plan.fault->step, run->plan.fault->name);
    return out_point;
}

/* The step meets the fault if it is its turn. */
static void arm(struct run *run, const struct aero_step *step)
{
    struct fault_plan *plan = &run->plan;
    if (plan->fault == NULL || plan->happened || strcmp(step->label, plan->fault->step) != 0 ||
        ++plan->met != plan->nth) {
        return;
    }
    plan->happened = true;
    if (plan->fault->sys_errno == AERO_CASE_WRITEBACK) {
        aero_sim_disk_fail_writeback(run->twin.disk);
        return;
    }
    aero_sim_disk_fail_call(run->twin.disk, aero_hands_call(&run->twin.hands, step), 1,
                            plan->fault->sys_errno);
}

/* Without a fault every point is one of its own; behind a fault all are points of the fault. */
static void stop_here(struct run *run, const struct aero_step *step)
{
    char point[64];
    if (run->plan.happened) {
        fault_point(run, point);
        run->out->points++;
        probe_one(run, point, AERO_SIM_KILL, "killed");
        probe_one(run, point, AERO_SIM_POWER_LOSE, "power lost, all un-synced with it");
        probe_draws(run, point, run->switches == 0 ? BASELINE_FAULT_DRAWS : FAULT_DRAWS);
    } else if (run->plan.fault == NULL) {
        probe(run, step == NULL ? "idle" : step->label);
        if (step != NULL && step->is_write) {
            probe_part(run, step);
        }
    }
}

/* The plain system is plain: while a snapshot is written no commit is on its way. */
static void judge_alone(struct run *run, const struct aero_step *steps, uint32_t count)
{
    bool snapshot = false;
    bool group = false;
    for (uint32_t i = 0; i < count; i++) {
        snapshot |= strncmp(steps[i].label, "snapshot", 8) == 0;
        group |= strncmp(steps[i].label, "group", 5) == 0;
    }
    if (snapshot && group && (run->switches & AERO_TWIN_CHECKPOINT_PIPELINING) == 0) {
        aero_laws_break(run->out->laws, run->history, "a commit runs beside a checkpoint");
    }
}

static void run_until_quiet(struct run *run)
{
    struct aero_step steps[AERO_HANDS_JOBS_MAX];
    uint32_t count;
    do {
        while ((count = aero_hands_steps(&run->twin.hands, steps)) > 0) {
            const struct aero_step *step = &steps[choose(run, steps, count)];
            judge_alone(run, steps, count);
            stop_here(run, step);
            arm(run, step);
            aero_twin_run(&run->twin, step);
        }
        stop_here(run, NULL);
    } while (aero_twin_wait(&run->twin));
}

static void run_history(struct run *run)
{
    const char *text = run->history;
    run_until_quiet(run);
    while (*text != '\0') {
        while (aero_twin_feed(&run->twin, &text)) {
        }
        aero_twin_turn(&run->twin);
        run_until_quiet(run);
        text += *text == '|';
    }
}

/* From an empty directory to the end of the history. */
static void run_once(struct run *run)
{
    struct aero_choice luck;
    aero_choice_init_seed(&luck, 100 + run->plan.luck);
    struct aero_sim_disk *disk = aero_twin_new_disk(&luck);
    const struct aero_twin_options options = {.switches = run->switches,
                                              .segment_bytes = run->list->segment_bytes};
    run->story = (struct aero_twin_story){0};
    run->plan.met = 0;
    run->plan.happened = false;
    bool opened = aero_twin_open(&run->twin, &options, &run->story, disk, 1);
    AERO_ASSERT(opened);
    run_history(run);
    if (run->plan.fault == NULL) {
        aero_laws_judge_answers(run->out->laws, &run->story, run->history);
    }
    aero_twin_close(&run->twin);
    aero_sim_disk_free(disk);
}

static void run_schedules(struct run *run)
{
    for (run->policy = 0; run->policy < POLICIES; run->policy++) {
        uint32_t schedules = 0;
        uint32_t max = run->list->schedules_max != 0 ? run->list->schedules_max : SCHEDULES_MAX;
        aero_choice_init_paths(&run->schedule);
        do {
            run_once(run);
        } while (run->policy == 0 && ++schedules < max && aero_choice_next_path(&run->schedule));
    }
}

/* Each fault at each step that can meet it, until a run meets it no more. */
static void run_faults(struct run *run)
{
    for (size_t i = 0; i < run->list->fault_count; i++) {
        run->plan = (struct fault_plan){.fault = &run->list->faults[i]};
        do {
            run->plan.nth++;
            for (run->plan.luck = 0; run->plan.luck < FAULT_LUCKS; run->plan.luck++) {
                run->policy = run->plan.luck % POLICIES;
                aero_choice_init_paths(&run->schedule);
                run_once(run);
            }
        } while (run->plan.happened);
    }
    run->plan = (struct fault_plan){0};
}

void aero_enumerate(const struct aero_case_list *list, uint32_t switches,
                    struct aero_enumeration *enumeration)
{
    struct aero_lines crashed_in_recovery = {0};
    struct run *run = aero_calloc(1, sizeof *run);
    run->list = list;
    run->switches = switches;
    run->out = enumeration;
    run->crashed_in_recovery = &crashed_in_recovery;
    for (const char *const *history = list->histories; *history != NULL; history++) {
        run->history = *history;
        run_schedules(run);
        run_faults(run);
    }
    aero_lines_deinit(&crashed_in_recovery);
    free(run);
}

/* ---- Lives --------------------------------------------------------------------------------------------------- */

struct lives {
    const struct aero_case_list *list;
    const uint32_t *switches;
    struct aero_enumeration *out;
};

static void live(const struct lives *lives, size_t index, const struct aero_twin_story *story,
                 struct aero_sim_disk *disk);

static void end_here(const struct lives *lives, const struct aero_twin_story *story,
                     struct aero_sim_disk *disk)
{
    struct run run = {
        .list = lives->list, .switches = lives->switches[0], .out = lives->out, .story = *story};
    look(&run, disk, "lives", "after all lives");
}

/* Stops it here in each way, and goes on with the next life on what is left. */
static void stop_life(const struct lives *lives, size_t index, const struct aero_twin *twin)
{
    static const enum aero_sim_crash ways[] = {AERO_SIM_KILL, AERO_SIM_POWER_LOSE,
                                               AERO_SIM_POWER_KEEP};
    size_t count = index == 0 ? sizeof ways / sizeof ways[0] : 2;
    for (size_t i = 0; i < count; i++) {
        struct aero_choice luck;
        aero_choice_init_seed(&luck, i + 1);
        struct aero_sim_disk *disk = aero_sim_disk_clone(twin->disk, &luck);
        aero_sim_disk_crash(disk, ways[i]);
        lives->out->points++;
        if (index + 1 < AERO_CASE_LIVES) {
            aero_sim_disk_restart(disk);
            live(lives, index + 1, twin->story, disk);
            aero_sim_disk_free(disk);
        } else {
            end_here(lives, twin->story, disk);
        }
    }
}

static void run_life(const struct lives *lives, size_t index, struct aero_twin *twin)
{
    struct aero_step steps[AERO_HANDS_JOBS_MAX];
    const char *text = lives->list->lives[index];
    uint64_t steps_done = 0;
    bool goes_on = true;
    while (aero_twin_feed(twin, &text)) {
    }
    aero_twin_turn(twin);
    while (goes_on) {
        while (aero_hands_steps(&twin->hands, steps) > 0) {
            if (steps_done++ % (index == 0 ? FIRST_LIFE_STRIDE : LIFE_STRIDE) == 0) {
                stop_life(lives, index, twin);
            }
            aero_twin_run(twin, &steps[0]);
        }
        goes_on = aero_twin_wait(twin);
    }
    stop_life(lives, index, twin);
}

static void live(const struct lives *lives, size_t index, const struct aero_twin_story *story,
                 struct aero_sim_disk *disk)
{
    struct aero_twin *twin = aero_calloc(1, sizeof *twin);
    struct aero_twin_story own = *story;
    const struct aero_twin_options options = {.switches = lives->switches[index],
                                              .segment_bytes = lives->list->segment_bytes};
    if (aero_twin_open(twin, &options, &own, disk, index + 1)) {
        run_life(lives, index, twin);
        aero_twin_close(twin);
    } else {
        aero_laws_break(lives->out->laws, "lives", "life %zu does not start", index);
    }
    free(twin);
}

void aero_enumerate_lives(const struct aero_case_list *list,
                          const uint32_t switches[AERO_CASE_LIVES],
                          struct aero_enumeration *enumeration)
{
    struct lives lives = {.list = list, .switches = switches, .out = enumeration};
    struct aero_choice luck;
    struct aero_twin_story story = {0};
    aero_choice_init_seed(&luck, 1);
    struct aero_sim_disk *disk = aero_twin_new_disk(&luck);
    live(&lives, 0, &story, disk);
    aero_sim_disk_free(disk);
}

/* ---- Comparing ----------------------------------------------------------------------------------------------- */

static bool names_point(const char *points, const char *line)
{
    size_t length = strcspn(line, "\t");
    for (const char *at = points; at != NULL; at = strchr(at, '|')) {
        at += *at == '|';
        if (strcspn(at, "|") == length && strncmp(at, line, length) == 0) {
            return true;
        }
    }
    return false;
}

/* Of the points named, without the points. */
static void observations(const struct aero_lines *seen, const char *points,
                         struct aero_lines *out_lines)
{
    *out_lines = (struct aero_lines){0};
    for (size_t i = 0; i < seen->count; i++) {
        const struct aero_line *line = &seen->entries[i];
        if (names_point(points, line->text)) {
            aero_lines_add(out_lines, strchr(line->text, '\t') + 1, line->where);
        }
    }
}

static uint32_t compare_row(const struct aero_case_row *row,
                            const struct aero_enumeration *baseline,
                            const struct aero_enumeration *optimised)
{
    struct aero_lines expected;
    struct aero_lines found;
    uint32_t problems = 0;
    observations(&baseline->seen, row->baseline != NULL ? row->baseline : row->points, &expected);
    observations(&optimised->seen, row->points, &found);
    if (expected.count == 0 || found.count == 0) {
        fprintf(stderr, "%s: the %s system never met [%s]\n", row->id,
                found.count == 0 ? "optimised" : "baseline",
                found.count != 0 && row->baseline != NULL ? row->baseline : row->points);
        problems++;
    }
    for (size_t i = 0; i < found.count; i++) {
        if (!aero_lines_explain(&expected, found.entries[i].text)) {
            fprintf(stderr, "%s: the baseline never shows [%s], seen at [%s]\n", row->id,
                    found.entries[i].text, found.entries[i].where);
            problems++;
        }
    }
    printf("%-8s %4zu observations of the optimised system among %zu of the baseline: %s\n",
           row->id, found.count, expected.count, problems == 0 ? "equivalent" : "NOT EQUIVALENT");
    aero_lines_deinit(&expected);
    aero_lines_deinit(&found);
    return problems != 0;
}

/* Each point that was met stands in a row. */
static uint32_t find_points_without_row(const struct aero_case_list *list,
                                        const struct aero_enumeration *optimised)
{
    struct aero_lines missing = {0};
    for (size_t i = 0; i < optimised->seen.count; i++) {
        const char *line = optimised->seen.entries[i].text;
        bool known = false;
        for (size_t row = 0; row < list->row_count && !known; row++) {
            known = names_point(list->rows[row].points, line);
        }
        char point[64];
        snprintf(point, sizeof point, "%.*s", (int)strcspn(line, "\t"), line);
        if (!known) {
            aero_lines_add(&missing, point, "");
        }
    }
    for (size_t i = 0; i < missing.count; i++) {
        fprintf(stderr, "%s: no row names the failure point [%s]\n", list->name,
                missing.entries[i].text);
    }
    uint32_t count = (uint32_t)missing.count;
    aero_lines_deinit(&missing);
    return count;
}

uint32_t aero_case_list_compare(const struct aero_case_list *list,
                                const struct aero_enumeration *baseline,
                                const struct aero_enumeration *optimised)
{
    uint32_t problems = find_points_without_row(list, optimised);
    for (size_t i = 0; i < list->row_count; i++) {
        problems += compare_row(&list->rows[i], baseline, optimised);
    }
    return problems;
}
