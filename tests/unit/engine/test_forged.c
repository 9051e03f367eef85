/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes whose checksums are right and whose meaning is wrong: what a bug of ours, or a peer that lies, would write. Each field
 * that a decoder judges is changed alone, and sealed again. */
#include "tests/unit/cmocka_setup.h"

#include <stdlib.h>

#include "base/checksum.h"
#include "base/le.h"
#include "engine/manifest.h"
#include "engine/snapshot_block_priv.h"

struct change {
    size_t offset;
    uint32_t value; /* replaces four bytes */
    enum aero_code expected;
};

static aero_id id_of(uint8_t fill)
{
    aero_id id;
    memset(id.bytes, fill, sizeof id.bytes);
    return id;
}

/* ---- The manifest ---- */

#define MANIFEST_HEAD_BYTES ((size_t)48)

static void encode_manifest(struct aero_buffer *out_slot)
{
    struct aero_manifest manifest = {
        .generation = 7,
        .cluster_id = id_of(1),
        .node_id = id_of(2),
        .node_name = "node-1",
        .role = AERO_ROLE_PRIMARY,
        .epoch = {.value = 3},
        .wal_floor_sequence = 1,
        .snapshot_count = 1,
        .snapshots = {{.id = id_of(3), .position = {.lsn = {.value = 9}}, .sequence = 1}},
        .pin_count = 1,
        .pins = {{.node_name = "replica1", .sequence = 1}},
        .damaged_count = 1,
        .damaged_segments = {1},
    };
    aero_manifest_encode(&manifest, AERO_MANIFEST_FIRST, out_slot);
}

static void seal_manifest(uint8_t *slot)
{
    uint64_t length = aero_load_u64(slot + 24);
    aero_store_u64(slot + 32, aero_checksum64(aero_slice_of(slot + MANIFEST_HEAD_BYTES, length)));
    aero_store_u64(slot + 40, aero_checksum64(aero_slice_of(slot, 40)));
}

static enum aero_code decode_manifest(struct aero_slice slot)
{
    struct aero_manifest manifest;
    enum aero_manifest_copy copy;
    aero_status status = aero_manifest_decode(slot, &manifest, &copy);
    if (aero_is_ok(status)) {
        aero_manifest_deinit(&manifest);
    }
    return status.code;
}

static void test_manifest_decode_judges_each_field_behind_right_checksums(void **state)
{
    (void)state;
    const size_t body = MANIFEST_HEAD_BYTES;
    const size_t name = body + 32;
    const size_t role = name + AERO_NODE_NAME_MAX;
    const size_t counts = role + 8 + 8 + 256 + 256 + 8;
    const size_t snapshot = body + 648;
    const size_t pin = snapshot + 88;
    const struct change changes[] = {
        {body, 0x01010101, AERO_OK}, /* no change */
        {12, AERO_MANIFEST_SECOND, AERO_OK},
        {12, AERO_MANIFEST_SECOND + 1, AERO_CORRUPT},
        {8, 2, AERO_CORRUPT}, /* of the version that counts lost records, and none is counted */
        {8, 3, AERO_UNSUPPORTED},
        {name, 0x41414100, AERO_CORRUPT}, /* bytes behind the NUL */
        {role, AERO_ROLE_REPLICA, AERO_OK},
        {role, 0, AERO_CORRUPT},
        {role, AERO_ROLE_REPLICA + 1, AERO_CORRUPT},
        {role + 4, AERO_GATE_SUPERSEDED, AERO_OK},
        {role + 4, AERO_GATE_SUPERSEDED + 1, AERO_CORRUPT},
        {counts, AERO_SNAPSHOTS_MAX + 1, AERO_CORRUPT},
        {counts, 2, AERO_CORRUPT}, /* more than there are bytes for */
        {counts + 4, AERO_PINS_MAX + 1, AERO_CORRUPT},
        {counts + 4, 2, AERO_CORRUPT},
        {counts + 8, AERO_DAMAGED_MAX + 1, AERO_CORRUPT},
        {counts + 8, 9, AERO_CORRUPT},
        {counts + 12, 1, AERO_CORRUPT}, /* records lost, and no gate that says so */
        {snapshot + 72, 1, AERO_OK},    /* damaged: said to be */
        {snapshot + 72, 2, AERO_CORRUPT},
        {snapshot + 80, 1, AERO_CORRUPT},     /* reserved */
        {pin + 60, 0x41414141, AERO_CORRUPT}, /* a name without its end */
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct aero_buffer slot = {0};
        encode_manifest(&slot);
        aero_store_u32(slot.data + changes[i].offset, changes[i].value);
        seal_manifest(slot.data);
        assert_int_equal(decode_manifest(aero_buffer_slice(&slot)), changes[i].expected);
        aero_buffer_deinit(&slot);
    }
}

/* A length is believed only within its bound, and only as far as there are bytes. */
static void test_manifest_decode_bounds_the_length(void **state)
{
    (void)state;
    struct aero_buffer slot = {0};
    encode_manifest(&slot);
    aero_store_u64(slot.data + 24, AERO_MANIFEST_SLOT_BYTES);
    aero_store_u64(slot.data + 40, aero_checksum64(aero_slice_of(slot.data, 40)));
    assert_int_equal(decode_manifest(aero_buffer_slice(&slot)), AERO_CORRUPT);
    aero_store_u64(slot.data + 24, slot.length - MANIFEST_HEAD_BYTES + 1);
    aero_store_u64(slot.data + 40, aero_checksum64(aero_slice_of(slot.data, 40)));
    assert_int_equal(decode_manifest(aero_buffer_slice(&slot)), AERO_INCOMPLETE);
    aero_buffer_deinit(&slot);
}

/* ---- Snapshots ---- */

#define SNAPSHOT_ID 0x21
#define HEADER_BLOCK ((size_t)0)
#define ENTRIES_BLOCK (AERO_SNAPSHOT_HEAD_BYTES + 120 + 16)
#define FIRST_ENTRY (ENTRIES_BLOCK + AERO_SNAPSHOT_HEAD_BYTES)
#define TRAILER_BLOCK (FIRST_ENTRY + 10 + 7)
#define TRAILER (TRAILER_BLOCK + AERO_SNAPSHOT_HEAD_BYTES)

/* "a" = "xyz", "b" = "": three blocks. */
static void encode_snapshot(struct aero_buffer *out)
{
    struct aero_slice a = aero_slice_text("a");
    struct aero_slice b = aero_slice_text("b");
    struct aero_slice value = aero_slice_text("xyz");
    struct aero_slice nothing = aero_slice_text("");
    struct aero_snapshot_header header = {
        .cluster_id = id_of(0x11),
        .id = id_of(SNAPSHOT_ID),
        .epoch = {.value = 3},
        .position = {.lsn = {.value = 9}, .chain = 99},
        .sequence = 1,
        .summary = {.count = 2,
                    .digest =
                        aero_u128_add(aero_entry_hash(a, value), aero_entry_hash(b, nothing))},
    };
    size_t start = aero_snapshot_block_begin(out);
    aero_snapshot_put_header(out, &header);
    aero_snapshot_block_end(out, start, AERO_BLOCK_HEADER, 0, header.id);
    assert_int_equal(out->length, ENTRIES_BLOCK);
    start = aero_snapshot_block_begin(out);
    aero_snapshot_put_entry(out, a, value);
    aero_snapshot_put_entry(out, b, nothing);
    aero_snapshot_block_end(out, start, AERO_BLOCK_ENTRIES, 1, header.id);
    assert_int_equal(out->length, TRAILER_BLOCK);
    start = aero_snapshot_block_begin(out);
    aero_snapshot_put_trailer(out, header.summary, 1);
    aero_snapshot_block_end(out, start, AERO_BLOCK_TRAILER, 2, header.id);
}

static void seal_blocks(struct aero_buffer *bytes)
{
    const size_t blocks[] = {HEADER_BLOCK, ENTRIES_BLOCK, TRAILER_BLOCK, bytes->length};
    for (size_t i = 0; i < 3; i++) {
        uint8_t *head = bytes->data + blocks[i];
        struct aero_slice payload = aero_slice_of(
            head + AERO_SNAPSHOT_HEAD_BYTES, blocks[i + 1] - blocks[i] - AERO_SNAPSHOT_HEAD_BYTES);
        aero_store_u64(head + 32, aero_checksum64(payload));
        aero_store_u64(head + 40, aero_checksum64(aero_slice_of(head, 40)));
    }
}

/* What a transfer says of the whole. */
static enum aero_code check_snapshot(struct aero_slice bytes)
{
    struct aero_snapshot_check *check = aero_snapshot_check_new();
    aero_status status = aero_snapshot_check_feed(check, bytes);
    assert_true(!aero_is_ok(status) || aero_snapshot_check_done(check));
    aero_snapshot_check_free(check);
    return status.code;
}

static void test_snapshot_check_judges_each_field_behind_right_checksums(void **state)
{
    (void)state;
    const size_t header = HEADER_BLOCK + AERO_SNAPSHOT_HEAD_BYTES;
    const struct change changes[] = {
        {header, 1, AERO_OK}, /* no change */
        {header, 2, AERO_UNSUPPORTED},
        {header + 4, 1, AERO_CORRUPT}, /* reserved */
        {header + 104, 1, AERO_CORRUPT},
        {header + 112, 1, AERO_CORRUPT},
        {header + 120, 1, AERO_CORRUPT},         /* a history without its bytes */
        {header + 24, 0x22222222, AERO_CORRUPT}, /* the id is not that of the block's head */
        {header + 80, 3, AERO_CORRUPT},          /* count and digest, of the header ... */
        {header + 88, 0, AERO_CORRUPT},
        {TRAILER, 3, AERO_CORRUPT}, /* ... and of the trailer */
        {TRAILER + 8, 0, AERO_CORRUPT},
        {TRAILER + 24, 2, AERO_CORRUPT},               /* blocks of entries */
        {HEADER_BLOCK + 16, 0x22222222, AERO_CORRUPT}, /* the head's id is not that in the block */
        {HEADER_BLOCK + 4, AERO_BLOCK_ENTRIES, AERO_CORRUPT},
        {ENTRIES_BLOCK + 4, AERO_BLOCK_HEADER, AERO_CORRUPT},
        {ENTRIES_BLOCK + 4, 0, AERO_CORRUPT},
        {ENTRIES_BLOCK + 8, 2, AERO_CORRUPT},           /* index */
        {ENTRIES_BLOCK + 16, 0x22222222, AERO_CORRUPT}, /* of another snapshot */
        {FIRST_ENTRY, 3U << 16, AERO_CORRUPT},          /* no key */
        {FIRST_ENTRY, 1U | 4U << 16, AERO_CORRUPT},     /* the value takes the next entry's bytes */
        {FIRST_ENTRY + 2, (uint32_t)AERO_TREE_VALUE_MAX + 1, AERO_CORRUPT},
        {FIRST_ENTRY + 6, 0x7a797863, AERO_CORRUPT}, /* "c" stands before "b" */
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct aero_buffer bytes = {0};
        encode_snapshot(&bytes);
        aero_store_u32(bytes.data + changes[i].offset, changes[i].value);
        seal_blocks(&bytes);
        assert_int_equal(check_snapshot(aero_buffer_slice(&bytes)), changes[i].expected);
        aero_buffer_deinit(&bytes);
    }
}

/* Too short for what they must hold, and sound otherwise. */
static void test_snapshot_check_refuses_short_payloads(void **state)
{
    (void)state;
    static const struct {
        enum aero_snapshot_block_kind kind;
        size_t payload_bytes;
    } cases[] = {{AERO_BLOCK_HEADER, 3},  {AERO_BLOCK_HEADER, 119}, {AERO_BLOCK_ENTRIES, 5},
                 {AERO_BLOCK_ENTRIES, 6}, {AERO_BLOCK_TRAILER, 31}, {AERO_BLOCK_TRAILER, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct aero_buffer whole = {0};
        struct aero_buffer bytes = {0};
        encode_snapshot(&whole);
        bool first = cases[i].kind == AERO_BLOCK_HEADER;
        bool entries = cases[i].kind == AERO_BLOCK_ENTRIES;
        size_t block = first ? HEADER_BLOCK : entries ? ENTRIES_BLOCK : TRAILER_BLOCK;
        aero_buffer_append(&bytes, whole.data, block);
        size_t start = aero_snapshot_block_begin(&bytes);
        aero_buffer_append(&bytes, whole.data + block + AERO_SNAPSHOT_HEAD_BYTES,
                           cases[i].payload_bytes);
        aero_snapshot_block_end(&bytes, start, cases[i].kind,
                                first     ? 0
                                : entries ? 1
                                          : 2,
                                id_of(SNAPSHOT_ID));
        assert_int_equal(check_snapshot(aero_buffer_slice(&bytes)), AERO_CORRUPT);
        aero_buffer_deinit(&whole);
        aero_buffer_deinit(&bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manifest_decode_judges_each_field_behind_right_checksums),
        cmocka_unit_test(test_manifest_decode_bounds_the_length),
        cmocka_unit_test(test_snapshot_check_judges_each_field_behind_right_checksums),
        cmocka_unit_test(test_snapshot_check_refuses_short_payloads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
