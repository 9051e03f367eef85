/* SPDX-License-Identifier: Apache-2.0 */
/* The end of the log: is it the end, a torn tail, or damage to durable data? A pure function, a table of cases.
 *
 * Reading stopped somewhere in the last segment (or short of the end that a successor names). What had been durable is said
 * by evidence, never by the bytes that follow: sectors reorder and groups overlap, so a later record that is there does not
 * prove an earlier one (decision 1). "Beyond" always means: of a higher LSN than the last record read in its place.
 *
 *      stop             role     own   evidence beyond the stop                        verdict
 *      any              any      any   a successor's header names an end there         damage (3, 14)
 *      any              any      any   the durable file                                damage (5)
 *      any              primary  any   a snapshot's position                           damage
 *      any              primary  any   the manifest: a segment began there             damage (13, 14)
 *      footer           primary  own   the footer, and no successor                    damage (14)
 *      invalid          primary  own   a footer of this segment                        damage (14)
 *      invalid          primary  own   a later record's mark                           damage (1)
 *      bad header       primary  any   a record under it                               damage (14)
 *      invalid          any      any   none of these                                   torn tail
 *      bad header       any      any   none of these                                   torn tail
 *      clean, footer    any      any   none of these                                   clean
 *
 * Own: the segment's incarnation was originated by this node. Marks and footers in anybody else's segments speak of somebody
 * else's disk (decision 5). A replica writes a footer before any successor and fetches again what it cuts, so only its
 * own proof and its own rotation barrier make bytes durable there. Nor is its snapshot evidence: a bootstrap brings
 * a snapshot at LSN 900 and then WAL from LSN 700 on; power lost at 750 leaves a torn tail below the snapshot, and
 * nothing is wrong. */
#ifndef AERO_ENGINE_TAIL_DECISION_H
#define AERO_ENGINE_TAIL_DECISION_H

#include <stdbool.h>

enum aero_tail_stop {
    AERO_TAIL_CLEAN,   /* nothing of this segment follows */
    AERO_TAIL_FOOTER,  /* a footer that agrees */
    AERO_TAIL_INVALID, /* bytes of this segment, or unclassifiable ones, that do not verify; EIO */
    AERO_TAIL_BAD_HEADER, /* the segment's own header does not verify */
};

struct aero_tail_evidence {
    enum aero_tail_stop stop;
    bool primary; /* this node's role */
    bool own;
    bool successor;
    bool proof;
    bool snapshot;
    bool manifest;
    bool footer;
    bool mark;
    bool record; /* under a bad header: one that verifies alone and is of this place in the log */
};

enum aero_tail_verdict {
    AERO_TAIL_IS_CLEAN,
    AERO_TAIL_IS_TORN,
    AERO_TAIL_IS_DAMAGE,
};

struct aero_tail_decision {
    enum aero_tail_verdict verdict;
    const char *evidence; /* static text: what decided; "none" */
    unsigned row;         /* of the table, from 0 */
};

#define AERO_TAIL_ROWS 11U

struct aero_tail_decision aero_tail_decide(const struct aero_tail_evidence *evidence);

#endif
