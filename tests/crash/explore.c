/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/explore.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/crash/log_bytes.h"
#include "tests/crash/recover.h"

void crash_explorer_deinit(struct crash_explorer *explorer)
{
    crash_seen_deinit(&explorer->seen);
}

void crash_explorer_fail(struct crash_explorer *explorer, const char *broken, const char *format,
                         ...)
{
    va_list arguments;
    if (explorer->failed) {
        return;
    }
    explorer->failed = true;
    snprintf(explorer->broken, sizeof explorer->broken, "%s", broken);
    va_start(arguments, format);
    vsnprintf(explorer->text, sizeof explorer->text, format, arguments);
    va_end(arguments);
}

static enum crash_act decide_in_recovery(void *self, const struct crash_change *change)
{
    struct crash_explorer *explorer = self;
    return explorer->mutate(explorer->mutate_self, NULL, change);
}

static void init_port(struct crash_explorer *explorer, struct crash_port *port,
                      struct aero_sim_disk *disk)
{
    crash_port_init(port, disk);
    port->self = explorer;
    port->decide = explorer->mutate == NULL ? NULL : decide_in_recovery;
}

static const char *who(const struct crash_explorer *explorer)
{
    return explorer->is_primary ? "primary" : "replica";
}

/* False when a crash with the same disk was taken before: only of a write a part may be there. */
static bool is_new_point(struct crash_explorer *explorer, const struct aero_sim_disk *disk,
                         uint64_t salt, const struct crash_change *next)
{
    uint64_t write =
        next == NULL || next->kind != CRASH_WRITE ? 0 : aero_checksum64(next->bytes) + next->offset;
    return crash_seen_add(&explorer->seen,
                          crash_fingerprint_with(crash_fingerprint(disk), salt + write + 99));
}

/* ---- A recovery that is crashed ------------------------------------------------------------------------------- */

struct again {
    struct crash_explorer *explorer;
    struct aero_sim_disk *disk;
    const struct crash_result *expected;
    /* A kill leaves un-synced writes, and power may yet take from them what nobody has been shown. With none left, or with
     * recovery done, the same must come out. */
    bool must_be_same;
    uint64_t salt;
};

/* What is judged of a start. */
static uint64_t name_result(const struct crash_explorer *explorer,
                            const struct crash_result *result)
{
    const uint64_t words[] = {
        (uint64_t)result->status.code, result->end.lsn.value,       result->end.chain,
        result->summary.digest.low,    result->summary.digest.high, result->summary.count,
        explorer->is_primary,          explorer->is_created,
    };
    return aero_checksum64(aero_slice_of(words, sizeof words));
}

/* Whether it is known to come back as expected, or was judged for this very recovery. */
static bool is_judged(const struct again *again, struct aero_u128 image)
{
    struct crash_explorer *explorer = again->explorer;
    return crash_seen_has(&explorer->seen,
                          crash_fingerprint_with(image, name_result(explorer, again->expected))) ||
           !crash_seen_add(&explorer->seen,
                           crash_fingerprint_with(image, again->salt + again->must_be_same));
}

static void judge_again(void *self, struct aero_sim_disk *image)
{
    struct again *again = self;
    struct crash_explorer *explorer = again->explorer;
    struct aero_u128 name = crash_fingerprint_seen(image); /* no other crash comes */
    explorer->totals.again_outcomes++;
    if (explorer->failed || is_judged(again, name)) {
        return;
    }
    struct crash_port port;
    struct crash_result result;
    explorer->totals.again_recovered++;
    init_port(explorer, &port, image);
    crash_recover(&port, explorer->is_primary, !explorer->is_created, &explorer->pair->truth,
                  &result);
    (void)crash_seen_add(&explorer->seen,
                         crash_fingerprint_with(name, name_result(explorer, &result)));
    bool is_allowed = aero_is_ok(result.status) && result.matches &&
                      result.end.lsn.value >= explorer->low &&
                      result.end.lsn.value <= again->expected->end.lsn.value;
    if (again->must_be_same ? !crash_result_same(&result, again->expected) : !is_allowed) {
        bool lost = aero_is_ok(result.status) && result.end.lsn.value < explorer->low;
        crash_explorer_fail(explorer, lost ? "survive" : "again",
                            "the %s's recovery ended at LSN %llu; crashed on its way and run again "
                            "it says %s, LSN %llu: %s",
                            who(explorer), (unsigned long long)again->expected->end.lsn.value,
                            aero_code_text(result.status.code),
                            (unsigned long long)result.end.lsn.value, result.report.text);
    }
}

static void crash_in_recovery(void *self, const struct crash_change *change)
{
    struct again *again = self;
    struct crash_outcomes counts = {0};
    again->explorer->totals.again_points++;
    if (!is_new_point(again->explorer, again->disk, again->salt + again->must_be_same, change)) {
        return;
    }
    crash_outcomes_visit_kills(again->disk, change, &counts, judge_again, again);
    if (!crash_outcomes_come_back(change)) {
        crash_outcomes_visit_power(again->disk, &counts, judge_again, again);
    }
    again->explorer->totals.cut_short += counts.cut_short;
}

static enum crash_act decide_again(void *self, const struct crash_change *change)
{
    struct again *again = self;
    return again->explorer->mutate == NULL ? CRASH_DO : decide_in_recovery(again->explorer, change);
}

/* Runs the recovery of `image` once more, crashes it before each change, and behind the last one. */
static void recover_and_crash(struct crash_explorer *explorer, const struct aero_sim_disk *image,
                              const struct crash_result *expected)
{
    struct aero_choice quiet;
    struct crash_port port;
    struct crash_result result;
    aero_choice_init_seed(&quiet, 1);
    struct aero_sim_disk *disk = aero_sim_disk_clone(image, &quiet);
    struct again again = {
        .explorer = explorer,
        .disk = disk,
        .expected = expected,
        .must_be_same = aero_sim_disk_pending(disk) == 0,
        .salt = explorer->salt + expected->end.chain + 16 * expected->end.lsn.value + 8,
    };
    crash_port_init(&port, disk);
    port.self = &again;
    port.before = crash_in_recovery;
    port.decide = decide_again;
    crash_recover(&port, explorer->is_primary, !explorer->is_created, NULL, &result);
    again.must_be_same = true;
    crash_in_recovery(&again, NULL);
    aero_sim_disk_free(disk);
}

/* ---- An outcome ----------------------------------------------------------------------------------------------- */

static void judge_result(struct crash_explorer *explorer, const struct crash_result *result)
{
    uint64_t end = result->end.lsn.value;
    if (!aero_is_ok(result->status)) {
        crash_explorer_fail(explorer, "sound", "the %s does not start after a crash: %s: %s",
                            who(explorer), aero_code_text(result->status.code),
                            result->report.text);
    } else if (end < explorer->low) {
        crash_explorer_fail(explorer, "survive", "the %s had LSN %llu, it comes back with %llu",
                            who(explorer), (unsigned long long)explorer->low,
                            (unsigned long long)end);
    } else if (end > explorer->high) {
        crash_explorer_fail(explorer, "invent", "the %s comes back with LSN %llu of %llu",
                            who(explorer), (unsigned long long)end,
                            (unsigned long long)explorer->high);
    } else if (!result->matches) {
        crash_explorer_fail(explorer, "prefix", "the %s: %s", who(explorer), result->mismatch);
    } else if (result->is_damaged || result->report.older_snapshot_used) {
        crash_explorer_fail(explorer, "sound",
                            "a crash damaged %s of the %s%s (it ends at LSN %llu)", result->damaged,
                            who(explorer),
                            result->report.older_snapshot_used ? ", an older snapshot is used" : "",
                            (unsigned long long)result->end.lsn.value);
    }
    explorer->totals.torn_tails += result->report.verdict == AERO_VERDICT_TORN_TAIL;
}

static void judge_verification(struct crash_explorer *explorer, aero_status status,
                               const struct aero_verify_report *report,
                               const struct aero_finding *finding,
                               const struct crash_result *result)
{
    bool is_nothing_yet = status.code == AERO_NOT_FOUND && !explorer->is_created;
    if (is_nothing_yet) {
        return;
    }
    if (!aero_is_ok(status) || report->damage_count > 0) {
        crash_explorer_fail(explorer, "sound",
                            "verification of the %s finds damage after a crash: %s %s",
                            who(explorer), finding->file, finding->text);
    } else if (report->state_position.lsn.value != result->end.lsn.value ||
               report->state_position.chain != result->end.chain ||
               !aero_u128_equal(report->state.digest, result->summary.digest)) {
        crash_explorer_fail(explorer, "sound",
                            "verification of the %s ends at LSN %llu, recovery at %llu",
                            who(explorer), (unsigned long long)report->state_position.lsn.value,
                            (unsigned long long)result->end.lsn.value);
    }
}

static void note_change(void *self, const struct crash_change *change)
{
    struct crash_explorer *explorer = self;
    crash_shape_change(&explorer->shape, change);
}

static bool must_be_crashed(struct crash_explorer *explorer)
{
    bool is_new = crash_seen_add(
        &explorer->seen, crash_fingerprint_with(explorer->shape.name, explorer->is_primary));
    return is_new || !explorer->once_a_shape;
}

static void judge_outcome(void *self, struct aero_sim_disk *image)
{
    struct crash_explorer *explorer = self;
    if (explorer->failed ||
        !crash_seen_add(&explorer->seen,
                        crash_fingerprint_with(crash_fingerprint(image), explorer->salt))) {
        return;
    }
    struct aero_choice quiet;
    struct crash_port port;
    struct crash_result result;
    struct aero_verify_report report;
    struct aero_finding finding;
    explorer->totals.new_outcomes++;
    aero_choice_init_seed(&quiet, 1);
    struct aero_sim_disk *copy = aero_sim_disk_clone(image, &quiet);
    aero_status verified = crash_verify(copy, &report, &finding);
    init_port(explorer, &port, copy);
    port.before = note_change;
    crash_shape_begin(&explorer->shape, copy);
    crash_recover(&port, explorer->is_primary, !explorer->is_created, &explorer->pair->truth,
                  &result);
    crash_shape_end(&explorer->shape, &result, explorer->low);
    judge_result(explorer, &result);
    judge_verification(explorer, verified, &report, &finding, &result);
    if (!explorer->is_primary && !explorer->failed) {
        crash_log_bytes_judge(explorer, copy);
    }
    aero_sim_disk_free(copy);
    if (!explorer->failed && must_be_crashed(explorer)) {
        recover_and_crash(explorer, image, &result);
    }
}

/* ---- A crash point -------------------------------------------------------------------------------------------- */

static void set_window(struct crash_explorer *explorer, const struct crash_pair *pair,
                       const struct crash_node *node)
{
    const struct crash_truth *truth = &pair->truth;
    explorer->pair = pair;
    explorer->is_primary = node->is_primary;
    explorer->is_created = node->is_created;
    explorer->low = node->is_primary ? truth->durable : truth->shown;
    explorer->high = node->is_primary ? truth->top : truth->durable;
    explorer->salt = crash_truth_digest(truth, explorer->low, explorer->high) + 2 * explorer->low +
                     (node->is_primary ? 1 : 0) + (node->is_created ? 1U << 31 : 0);
}

void crash_explore_point(void *self, struct crash_pair *pair, struct crash_node *node,
                         const struct crash_change *change)
{
    struct crash_explorer *explorer = self;
    if (explorer->failed) {
        return;
    }
    if (node == NULL) {
        explorer->totals.link_points++; /* no disk is any different there */
        return;
    }
    explorer->totals.disk_points++;
    set_window(explorer, pair, node);
    if (!is_new_point(explorer, node->machine.disk, explorer->salt, change)) {
        return;
    }
    struct crash_outcomes counts = {0};
    explorer->totals.new_points++;
    crash_outcomes_visit_kills(node->machine.disk, change, &counts, judge_outcome, explorer);
    crash_outcomes_visit_power(node->machine.disk, &counts, judge_outcome, explorer);
    explorer->totals.outcomes += counts.walked;
    explorer->totals.cut_short += counts.cut_short;
}
