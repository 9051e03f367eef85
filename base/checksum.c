/* SPDX-License-Identifier: Apache-2.0 */
#include "base/checksum.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t aero_checksum64(struct aero_slice bytes)
{
    return XXH3_64bits(bytes.data, bytes.length);
}

struct aero_u128 aero_checksum128(struct aero_slice bytes)
{
    XXH128_hash_t hash = XXH3_128bits(bytes.data, bytes.length);
    return (struct aero_u128){.low = hash.low64, .high = hash.high64};
}
