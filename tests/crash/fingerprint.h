/* SPDX-License-Identifier: Apache-2.0 */
/* Names for disks, so that an outcome that was judged once is not judged again, and a set of such names.
 *
 * Two disks with one name hold the same files with the same bytes, and, where a power loss could still take something back,
 * the same un-synced writes and names: whatever comes next comes out the same. 128 bits: by accident never. */
#ifndef AERO_TESTS_CRASH_FINGERPRINT_H
#define AERO_TESTS_CRASH_FINGERPRINT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/checksum.h"
#include "tests/simulation/sim_disk.h"

struct aero_u128 crash_fingerprint(const struct aero_sim_disk *disk);
/* Of what a reader sees, whatever of it is synced: enough where no other crash comes. */
struct aero_u128 crash_fingerprint_seen(const struct aero_sim_disk *disk);
/* With whatever else a judgement depends on. */
struct aero_u128 crash_fingerprint_with(struct aero_u128 name, uint64_t salt);

struct crash_seen {
    struct aero_u128 *slots; /* zero: free */
    size_t capacity;
    size_t count;
};

void crash_seen_deinit(struct crash_seen *seen);
bool crash_seen_has(const struct crash_seen *seen, struct aero_u128 name);
/* False when it was there already. */
bool crash_seen_add(struct crash_seen *seen, struct aero_u128 name);

#endif
