/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/check_digest.h"

#include <stdlib.h>
#include <string.h>

#include "tests/simulation/world.h"

void aero_check_digest_deinit(struct aero_check_digest *check)
{
    free(check->entries);
    memset(check, 0, sizeof *check);
}

static void grow(struct aero_check_digest *check, uint64_t lsn)
{
    if (lsn < check->capacity) {
        return;
    }
    uint64_t capacity = 2 * lsn + 256;
    check->entries = aero_realloc(check->entries, capacity * sizeof check->entries[0]);
    memset(check->entries + check->capacity, 0,
           (capacity - check->capacity) * sizeof check->entries[0]);
    check->capacity = capacity;
}

void aero_check_digest_state(struct aero_sim_world *world, const char *node, uint64_t lsn,
                             struct aero_summary summary)
{
    if (world->forked && lsn > world->fork_lsn) {
        return; /* two histories: an LSN is no name of a state any more */
    }
    grow(&world->digest, lsn);
    struct aero_check_digest_entry *entry = &world->digest.entries[lsn];
    if (!entry->known) {
        *entry = (struct aero_check_digest_entry){.known = true, .summary = summary};
        return;
    }
    world->counts.digests++;
    if (entry->summary.count != summary.count ||
        !aero_u128_equal(entry->summary.digest, summary.digest)) {
        AERO_SIM_VIOLATION(world, "digest",
                           "%s at LSN %llu has %llu entries and digest %016llx, known before: %llu "
                           "and %016llx",
                           node, (unsigned long long)lsn, (unsigned long long)summary.count,
                           (unsigned long long)summary.digest.low,
                           (unsigned long long)entry->summary.count,
                           (unsigned long long)entry->summary.digest.low);
    }
}
