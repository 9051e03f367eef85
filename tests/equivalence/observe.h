/* SPDX-License-Identifier: Apache-2.0 */
/* What each observer may see of a story that was stopped somewhere: recovery (which commits, which state, which verdict), each
 * client (what it was told, and whether what it wrote is there), a replica (the bytes that were shippable).
 *
 * Observations are short lines of text, so that sets of them can be compared and read:
 *
 *     recovery  torn {1 2}        the log had a torn tail; the commits of writes 1 and 2 are there, in that order, no other
 *     writes    A: w1K+ w4.-      client A wrote 1, was told so, and it is there; it wrote 4, was told nothing, it is not there
 *     reads     B: r0K=3          client B was shown 3 as the newest write
 *
 * What must hold whatever the switches are is checked on the way (the laws): an acknowledged write is there, one that was said
 * NOTWRITTEN is not, what a read showed is there, reads never go back and show the client's own acknowledged writes,
 * the commits that are there are a prefix of the log, equal logs have equal
 * states and equal decoded commits, and the bytes that could have been shipped are in the log as they were. */
#ifndef AERO_TESTS_EQUIVALENCE_OBSERVE_H
#define AERO_TESTS_EQUIVALENCE_OBSERVE_H

#include "engine/recovery.h"
#include "tests/equivalence/twin.h"

#define AERO_SEEN_TEXT_MAX 400

struct aero_seen {
    aero_status status;
    struct aero_recovery_report report;
    uint64_t present; /* bit n: the write of id n */
    uint32_t shared;
    uint64_t end_lsn;
    struct aero_summary summary;
    uint64_t commits; /* hash of the decoded commits from first_lsn on */
    uint64_t first_lsn;
    uint64_t floor_sequence;
};

/* Recovers `disk` and tells what it found. */
void aero_look(struct aero_sim_disk *disk, struct aero_seen *out_seen);

/* A set of lines, each with where it was seen first. */
struct aero_lines {
    struct aero_line {
        char *text;
        char *where;
    } * entries; /* sorted by text */
    size_t count;
    size_t capacity;
};
void aero_lines_deinit(struct aero_lines *lines);
void aero_lines_add(struct aero_lines *lines, const char *text, const char *where);

/* What the laws broke, and the ledger of states that must be one under every configuration. */
struct aero_laws {
    struct aero_lines ledger; /* text: "{1 2} digest", where: the value */
    uint64_t looks;
    uint64_t violations;
    bool stop_at_first; /* the process ends with the first violation: for those who look for one */
};
void aero_laws_deinit(struct aero_laws *laws);
void aero_laws_break(struct aero_laws *laws, const char *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Judges what recovery found against what clients had been told. */
void aero_laws_judge(struct aero_laws *laws, const struct aero_twin_story *story,
                     const struct aero_seen *seen, const char *where);
/* Nothing failed: every command was carried out and answered. */
void aero_laws_judge_answers(struct aero_laws *laws, const struct aero_twin_story *story,
                             const char *where);
/* Decision 5: whatever this process calls durable, beyond what it started with, the proof on its disk says so, too. */
void aero_laws_judge_proof(struct aero_laws *laws, const struct aero_primary *primary,
                           aero_lsn started_with, const struct aero_sim_disk *disk,
                           const char *where);
/* The most that a replica can hold of `primary`, whose files are on `before`, must be in the log of `after`. */
void aero_laws_judge_shipped(struct aero_laws *laws, struct aero_primary *primary,
                             const struct aero_sim_disk *before, const struct aero_sim_disk *after,
                             uint64_t floor_sequence, const char *where);

void aero_seen_text(const struct aero_seen *seen, char out_text[AERO_SEEN_TEXT_MAX]);
/* What the client wrote. False: nothing yet. */
bool aero_writer_text(const struct aero_twin_story *story, const struct aero_seen *seen,
                      char client, char out_text[AERO_SEEN_TEXT_MAX]);
/* A read or a checkpoint: a line each, what relates a client's reads to each other is a law. False: it is a write. */
bool aero_other_text(const struct aero_twin_command *command, char out_text[AERO_SEEN_TEXT_MAX]);

/* Whether `line` is one that the baseline may show: it is in the set, or differs from one in it only in replies that say
 * nothing: none ('.') and UNKNOWN ('U'). A reply that left may always be lost with its connection, and whoever is told UNKNOWN
 * knows as much as whoever is told nothing. That every command of a history without faults is answered is a law of its own. */
bool aero_lines_explain(const struct aero_lines *baseline, const char *line);

#endif
