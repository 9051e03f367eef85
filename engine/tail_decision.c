/* SPDX-License-Identifier: Apache-2.0 */
/* The table of tail_decision.h, row by row; the first row that fits decides, and the last rows fit whatever is left. */
#include "engine/tail_decision.h"

#include <stddef.h>

#include "base/assert.h"

/* What a row asks of one column. */
enum ask {
    ANY = 0,
    YES,
};

#define STOP(kind) (1U << (kind))
#define ANY_STOP                                                                \
    (STOP(AERO_TAIL_CLEAN) | STOP(AERO_TAIL_FOOTER) | STOP(AERO_TAIL_INVALID) | \
     STOP(AERO_TAIL_BAD_HEADER))

struct row {
    unsigned stops; /* a set */
    enum ask primary, own, successor, proof, snapshot, manifest, footer, mark, record;
    enum aero_tail_verdict verdict;
    const char *evidence;
};

static const struct row table[] = {
    {.stops = ANY_STOP,
     .successor = YES,
     .verdict = AERO_TAIL_IS_DAMAGE,
     .evidence = "the successor's header"},
    {.stops = ANY_STOP,
     .proof = YES,
     .verdict = AERO_TAIL_IS_DAMAGE,
     .evidence = "the durable file"},
    {.stops = ANY_STOP,
     .primary = YES,
     .snapshot = YES,
     .verdict = AERO_TAIL_IS_DAMAGE,
     .evidence = "a snapshot"},
    {.stops = ANY_STOP,
     .primary = YES,
     .manifest = YES,
     .verdict = AERO_TAIL_IS_DAMAGE,
     .evidence = "the manifest"},
    {.stops = STOP(AERO_TAIL_FOOTER),
     .primary = YES,
     .own = YES,
     .verdict = AERO_TAIL_IS_DAMAGE,
     .evidence = "a footer without a successor"},
    {.stops = STOP(AERO_TAIL_INVALID),
     .primary = YES,
     .own = YES,
     .footer = YES,
     .verdict = AERO_TAIL_IS_DAMAGE,
     .evidence = "the segment's footer"},
    {.stops = STOP(AERO_TAIL_INVALID),
     .primary = YES,
     .own = YES,
     .mark = YES,
     .verdict = AERO_TAIL_IS_DAMAGE,
     .evidence = "a later record's mark"},
    {.stops = STOP(AERO_TAIL_BAD_HEADER),
     .primary = YES,
     .record = YES,
     .verdict = AERO_TAIL_IS_DAMAGE,
     .evidence = "a record under the bad header"},
    {.stops = STOP(AERO_TAIL_INVALID), .verdict = AERO_TAIL_IS_TORN, .evidence = "none"},
    {.stops = STOP(AERO_TAIL_BAD_HEADER), .verdict = AERO_TAIL_IS_TORN, .evidence = "none"},
    {.stops = STOP(AERO_TAIL_CLEAN) | STOP(AERO_TAIL_FOOTER),
     .verdict = AERO_TAIL_IS_CLEAN,
     .evidence = "none"},
};

_Static_assert(sizeof table / sizeof *table == AERO_TAIL_ROWS, "as many rows as the header draws");

static bool fits(enum ask ask, bool fact)
{
    return ask == ANY || fact;
}

static bool row_fits(const struct row *row, const struct aero_tail_evidence *e)
{
    return (row->stops & STOP(e->stop)) != 0 && fits(row->primary, e->primary) &&
           fits(row->own, e->own) && fits(row->successor, e->successor) &&
           fits(row->proof, e->proof) && fits(row->snapshot, e->snapshot) &&
           fits(row->manifest, e->manifest) && fits(row->footer, e->footer) &&
           fits(row->mark, e->mark) && fits(row->record, e->record);
}

struct aero_tail_decision aero_tail_decide(const struct aero_tail_evidence *evidence)
{
    unsigned index = 0;
    while (!row_fits(&table[index], evidence)) {
        index++;
        AERO_ASSERT(index < AERO_TAIL_ROWS);
    }
    return (struct aero_tail_decision){
        .verdict = table[index].verdict, .evidence = table[index].evidence, .row = index};
}
