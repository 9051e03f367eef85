/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/look_ahead.h"

#include "base/le.h"
#include "engine/operation.h"
#include "engine/record.h"

/* The key of the first operation of the commit at the beginning of `bytes`, unverified as it is. Returns the record's bytes;
 * 0: no whole commit stands there. */
static size_t peek_key(struct aero_slice bytes, struct aero_slice *out_key)
{
    struct aero_commit_reader commit;
    struct aero_operation operation;
    if (bytes.length < AERO_RECORD_HEADER_BYTES || bytes.data[4] != AERO_RECORD_COMMIT) {
        return 0;
    }
    size_t payload_length = aero_load_u32(bytes.data + 8);
    struct aero_slice payload =
        aero_slice_of(bytes.data + AERO_RECORD_HEADER_BYTES, payload_length);
    if (payload_length > bytes.length - AERO_RECORD_HEADER_BYTES ||
        !aero_is_ok(aero_commit_open(&commit, payload)) ||
        !aero_is_ok(aero_commit_next(&commit, &operation)) || operation.key.length == 0) {
        return 0;
    }
    *out_key = operation.key;
    return aero_record_bytes(payload_length);
}

size_t aero_look_ahead(const struct aero_tree *tree, struct aero_slice records)
{
    struct aero_slice keys[AERO_TREE_PREFETCH_MAX];
    size_t count = 0;
    while (count < AERO_TREE_PREFETCH_MAX) {
        size_t bytes = peek_key(records, &keys[count]);
        if (bytes == 0 || bytes > records.length) {
            break;
        }
        count++;
        records = aero_slice_of(records.data + bytes, records.length - bytes);
    }
    aero_tree_prefetch(tree, keys, count);
    return count;
}
