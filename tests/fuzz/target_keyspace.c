/* SPDX-License-Identifier: Apache-2.0 */
/* Engine keys and values as the keyspace lays them out: what decodes encodes to the same bytes. */
#include "server/keyspace_codec.h"
#include "tests/fuzz/fuzz.h"

static void look_at_keys(struct aero_slice engine_key, uint8_t database)
{
    struct aero_buffer again = {0};
    struct aero_slice user_key;
    uint64_t deadline_ms;
    bool is_key = aero_decode_key(engine_key, database, &user_key);
    if (is_key) {
        AERO_ASSERT(aero_slice_equal(aero_encode_key(&again, database, user_key), engine_key));
    }
    if (aero_decode_deadline(engine_key, database, &deadline_ms, &user_key)) {
        AERO_ASSERT(!is_key);
        AERO_ASSERT(aero_slice_equal(aero_encode_deadline(&again, database, deadline_ms, user_key),
                                     engine_key));
        /* In the range that a walk by time would see it in, and in no other. */
        struct aero_range_key from = aero_range_of_deadlines(database, deadline_ms);
        struct aero_range_key behind = aero_range_behind_deadlines(database);
        AERO_ASSERT(aero_slice_compare(aero_range_slice(&from), engine_key) <= 0);
        AERO_ASSERT(aero_slice_compare(engine_key, aero_range_slice(&behind)) < 0);
    }
    struct aero_range_key from = aero_range_of_keys(database);
    struct aero_range_key behind = aero_range_behind_keys(database);
    bool in_range = aero_slice_compare(aero_range_slice(&from), engine_key) <= 0 &&
                    aero_slice_compare(engine_key, aero_range_slice(&behind)) < 0;
    AERO_ASSERT(in_range == is_key);
    aero_buffer_deinit(&again);
}

static void look_at_value(struct aero_slice value)
{
    struct aero_entry entry;
    if (!aero_decode_value(value, &entry)) {
        return;
    }
    uint8_t header[AERO_VALUE_HEADER_MAX];
    size_t length = aero_encode_value_header(header, entry.deadline_ms);
    AERO_ASSERT(length + entry.payload.length == value.length);
    AERO_ASSERT(memcmp(header, value.data, length) == 0);
    AERO_ASSERT(entry.payload.data == value.data + length);
}

void fuzz_one(struct aero_slice input)
{
    uint8_t database = fuzz_take_u8(&input) % AERO_DATABASE_COUNT;
    look_at_keys(input, database);
    look_at_value(input);
}

void fuzz_seeds(struct fuzz_seeds *seeds)
{
    struct aero_buffer key = {0};
    struct aero_buffer bytes = {0};
    uint8_t header[AERO_VALUE_HEADER_MAX];
    struct aero_slice user_key = aero_slice_text("user:1");
    for (uint8_t database = 0; database < AERO_DATABASE_COUNT; database += 15) {
        aero_buffer_clear(&bytes);
        aero_buffer_append(&bytes, &database, 1);
        aero_buffer_append_slice(&bytes, aero_encode_key(&key, database, user_key));
        fuzz_seed(seeds, aero_buffer_slice(&bytes));
        bytes.length = 1;
        aero_buffer_append_slice(&bytes,
                                 aero_encode_deadline(&key, database, 1750000000000U, user_key));
        fuzz_seed(seeds, aero_buffer_slice(&bytes));
    }
    for (uint64_t deadline_ms = 0; deadline_ms < 2; deadline_ms++) {
        bytes.length = 1;
        aero_buffer_append(&bytes, header, aero_encode_value_header(header, deadline_ms));
        aero_buffer_append(&bytes, "value", 5);
        fuzz_seed(seeds, aero_buffer_slice(&bytes));
    }
    aero_buffer_deinit(&key);
    aero_buffer_deinit(&bytes);
}
