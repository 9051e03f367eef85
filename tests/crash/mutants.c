/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/mutants.h"

#include <string.h>

#include "engine/operation.h"
#include "engine/proof.h"
#include "engine/tail_decision.h"

/* ---- Operations that are left out ----------------------------------------------------------------------------- */

enum where {
    IN_PRIMARY = 1,
    IN_REPLICA = 2,
    IN_NODES = 3,
    IN_RECOVERY = 4,
};

struct rule {
    unsigned where; /* 0: none */
    enum crash_change_kind kind;
    const char *prefix; /* of the file's name, or the directory's */
    const char *suffix;
};

/* ---- Functions that are replaced ------------------------------------------------------------------------------ */

enum wrapped {
    WRAP_NOTHING,
    WRAP_TAIL,  /* whatever stands behind the end of the log is no damage */
    WRAP_APPLY, /* every second commit of a replay is forgotten */
    WRAP_PROOF, /* the durable file is not read */
};

/* One mutant at a time in a process. */
static enum wrapped wrapped;
static uint64_t applied;

struct aero_tail_decision __real_aero_tail_decide(const struct aero_tail_evidence *evidence);
struct aero_tail_decision __wrap_aero_tail_decide(const struct aero_tail_evidence *evidence);
aero_status __real_aero_apply_commit(struct aero_tree *tree, struct aero_slice payload,
                                     aero_wall_ms *out_clock);
aero_status __wrap_aero_apply_commit(struct aero_tree *tree, struct aero_slice payload,
                                     aero_wall_ms *out_clock);
aero_status __real_aero_proof_read(struct aero_disk disk, struct aero_proof *out_proof);
aero_status __wrap_aero_proof_read(struct aero_disk disk, struct aero_proof *out_proof);

struct aero_tail_decision __wrap_aero_tail_decide(const struct aero_tail_evidence *evidence)
{
    struct aero_tail_decision decision = __real_aero_tail_decide(evidence);
    if (wrapped == WRAP_TAIL && decision.verdict == AERO_TAIL_IS_DAMAGE && !evidence->successor) {
        decision.verdict = AERO_TAIL_IS_TORN;
    }
    return decision;
}

aero_status __wrap_aero_apply_commit(struct aero_tree *tree, struct aero_slice payload,
                                     aero_wall_ms *out_clock)
{
    if (wrapped == WRAP_APPLY && ++applied % 2 == 0) {
        *out_clock = (aero_wall_ms){.value = 0};
        return aero_ok();
    }
    return __real_aero_apply_commit(tree, payload, out_clock);
}

aero_status __wrap_aero_proof_read(struct aero_disk disk, struct aero_proof *out_proof)
{
    return wrapped == WRAP_PROOF ? aero_error(AERO_NOT_FOUND)
                                 : __real_aero_proof_read(disk, out_proof);
}

/* ---- The list ------------------------------------------------------------------------------------------------- */

struct entry {
    struct crash_mutant mutant;
    struct rule rule;
    enum wrapped wrapped;
};

#define STEPS(...)          \
    .steps = {__VA_ARGS__}, \
    .length = sizeof((enum crash_step[]){__VA_ARGS__}) / sizeof(enum crash_step)

static const struct entry entries[] = {
    {.mutant = {"ack-before-sync", "a group is said to be durable without its fdatasync (D-1)",
                CRASH_BY_EXPLORING, "young-plain", STEPS(CRASH_STEP_PUT)},
     .rule = {IN_PRIMARY, CRASH_SYNC, "wal/", ""}},
    {.mutant = {"replica-shows-before-sync",
                "a replica applies what it has not synced (decision 18)", CRASH_BY_EXPLORING,
                "aged-plain", STEPS(CRASH_STEP_PUT, CRASH_STEP_SHIP)},
     .rule = {IN_REPLICA, CRASH_SYNC, "wal/", ""}},
    {.mutant = {"rotate-without-directory-sync",
                "a segment is used before its name is durable (decision 14)", CRASH_BY_EXPLORING,
                "young-plain", STEPS(CRASH_STEP_PUT, CRASH_STEP_ROTATE)},
     .rule = {IN_PRIMARY, CRASH_SYNC_DIRECTORY, "wal", "wal"}},
    {.mutant = {"replica-rotates-without-directory-sync", "the same on a replica",
                CRASH_BY_EXPLORING, "young-plain", STEPS(CRASH_STEP_PUT, CRASH_STEP_SHIP)},
     .rule = {IN_REPLICA, CRASH_SYNC_DIRECTORY, "wal", "wal"}},
    {.mutant = {"snapshot-named-before-sync",
                "the manifest names a snapshot whose bytes were never synced (FM-9.1)",
                CRASH_BY_EXPLORING, "young-plain", STEPS(CRASH_STEP_PUT, CRASH_STEP_CHECKPOINT)},
     .rule = {IN_PRIMARY, CRASH_SYNC, "snapshots/", ""}},
    {.mutant = {"snapshot-name-not-durable",
                "the manifest names a snapshot whose name may be lost (FM-9.1)", CRASH_BY_EXPLORING,
                "young-plain", STEPS(CRASH_STEP_PUT, CRASH_STEP_CHECKPOINT)},
     .rule = {IN_PRIMARY, CRASH_SYNC_DIRECTORY, "snapshots", "snapshots"}},
    {.mutant = {"transfer-named-before-sync",
                "a replica names a snapshot that it received and did not sync (decision 24)",
                CRASH_BY_EXPLORING, "aged-plain", STEPS(CRASH_STEP_TRANSFER)},
     .rule = {IN_REPLICA, CRASH_SYNC, "snapshots/", ""}},
    {.mutant = {"truncate-before-manifest",
                "WAL goes while the manifest that lets it go may still be lost (FM-9.2, 13)",
                CRASH_BY_EXPLORING, "aged-plain", STEPS(CRASH_STEP_CHECKPOINT)},
     .rule = {IN_PRIMARY, CRASH_SYNC, "manifest", ""}},
    {.mutant = {"recovery-trusts-the-cache",
                "what recovery found in the page cache is not made durable anew (decision 2)",
                CRASH_BY_EXPLORING, "young-plain", STEPS(CRASH_STEP_PUT)},
     .rule = {IN_RECOVERY, CRASH_SYNC, "wal/", ".tmp"}},
    {.mutant = {"recovery-renames-without-directory-sync",
                "the copy that recovery made may lose its name to the old file (decision 2)",
                CRASH_BY_EXPLORING, "young-plain", STEPS(CRASH_STEP_PUT)},
     .rule = {IN_RECOVERY, CRASH_SYNC_DIRECTORY, "wal", "wal"}},
    {.mutant = {"proof-not-written", "nothing is written to the durable file (decision 5)",
                CRASH_BY_FLIPPING, "aged-plain", .length = 0},
     .rule = {IN_NODES, CRASH_WRITE, AERO_PROOF_FILE, ""}},
    {.mutant = {"proof-not-read", "recovery does not look at the durable file (decision 5)",
                CRASH_BY_FLIPPING, "aged-plain", .length = 0},
     .wrapped = WRAP_PROOF},
    {.mutant = {"damage-is-a-torn-tail", "the tail is cut whatever the evidence says (decision 1)",
                CRASH_BY_FLIPPING, "aged-plain", .length = 0},
     .wrapped = WRAP_TAIL},
    {.mutant = {"replay-forgets", "a replay leaves commits out (DET-1)", CRASH_BY_EXPLORING,
                "young-plain", STEPS(CRASH_STEP_PUT, CRASH_STEP_PUT)},
     .wrapped = WRAP_APPLY},
};

#define ENTRY_COUNT (sizeof entries / sizeof entries[0])

const struct crash_mutant *crash_mutants(size_t *out_count)
{
    static struct crash_mutant list[ENTRY_COUNT];
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        list[i] = entries[i].mutant;
    }
    *out_count = ENTRY_COUNT;
    return list;
}

static bool has_suffix(const char *name, const char *suffix)
{
    size_t length = strlen(name);
    size_t tail = strlen(suffix);
    return length >= tail && strcmp(name + length - tail, suffix) == 0;
}

static enum crash_act leave_out(void *self, const struct crash_node *node,
                                const struct crash_change *change)
{
    const struct rule *rule = self;
    unsigned where = node == NULL ? IN_RECOVERY : (node->is_primary ? IN_PRIMARY : IN_REPLICA);
    bool is_meant = (rule->where & where) != 0 && change->kind == rule->kind &&
                    strncmp(change->name, rule->prefix, strlen(rule->prefix)) == 0 &&
                    has_suffix(change->name, rule->suffix);
    return is_meant ? CRASH_SKIP : CRASH_DO;
}

void crash_mutant_apply(const struct crash_mutant *mutant, struct crash_explorer *explorer)
{
    explorer->mutate = NULL;
    wrapped = WRAP_NOTHING;
    applied = 0;
    for (size_t i = 0; i < ENTRY_COUNT && mutant != NULL; i++) {
        if (strcmp(entries[i].mutant.name, mutant->name) == 0) {
            static struct rule rule;
            rule = entries[i].rule;
            explorer->mutate_self = &rule;
            explorer->mutate = rule.where == 0 ? NULL : leave_out;
            wrapped = entries[i].wrapped;
        }
    }
}
