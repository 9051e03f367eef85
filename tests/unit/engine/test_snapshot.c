/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include "engine/snapshot.h"
#include "engine/snapshot_block_priv.h"
#include "tests/unit/engine/power_disk.h"

static aero_id id_of(uint8_t fill)
{
    aero_id id;
    memset(id.bytes, fill, sizeof id.bytes);
    return id;
}

static struct aero_snapshot_header header_of(void)
{
    struct aero_snapshot_header header = {
        .cluster_id = id_of(0x11),
        .id = id_of(0x21),
        .epoch = {.value = 3},
        .position = {.lsn = {.value = 0x1234}, .chain = 99},
        .sequence = 5,
        .expiry_clock = {.value = 777},
    };
    struct aero_incarnation incarnation = {
        .epoch = {.value = 3}, .nonce = id_of(0x41), .node_id = id_of(0x22), .node_name = "alpha"};
    assert_int_equal(aero_history_add_incarnation(&header.history, &incarnation).code, AERO_OK);
    return header;
}

static void put(struct aero_tree *tree, const char *key, const void *value, size_t length)
{
    aero_tree_put(tree, aero_slice_text(key), aero_slice_of(value, length), NULL);
}

static struct aero_tree *tree_of(unsigned count, size_t value_bytes)
{
    struct aero_tree *tree = aero_tree_new();
    uint8_t *value = aero_calloc(1, value_bytes + 1);
    for (unsigned i = 0; i < count; i++) {
        char key[32];
        snprintf(key, sizeof key, "key:%06u", i);
        memset(value, (int)(i & 0xFF), value_bytes);
        put(tree, key, value, value_bytes);
    }
    free(value);
    return tree;
}

/* Runs the writer to its end against the disk. */
static aero_status run_writer(struct power_disk *power, struct aero_snapshot_writer *writer,
                              struct aero_snapshot_entry *out_entry)
{
    struct aero_disk_handles handles = {{0}};
    const struct aero_disk_request *request;
    while ((request = aero_snapshot_writer_next(writer)) != NULL) {
        struct aero_disk_completion completion;
        assert_null(aero_snapshot_writer_next(writer)); /* one at a time */
        aero_disk_run(power_disk_port(power), &handles, request, &completion);
        if (completion.status.code == AERO_CRASHED) {
            aero_disk_handles_close(power_disk_port(power), &handles);
            return completion.status;
        }
        aero_snapshot_writer_on_completion(writer, &completion);
    }
    for (size_t i = 0; i < AERO_DISK_HANDLE_COUNT; i++) {
        assert_null(handles.file[i]);
    }
    assert_true(aero_snapshot_writer_done(writer));
    return aero_snapshot_writer_result(writer, out_entry);
}

static aero_status write_snapshot(struct power_disk *power, struct aero_tree *tree,
                                  struct aero_snapshot_entry *out_entry)
{
    struct aero_snapshot_header header = header_of();
    struct aero_view *view = aero_view_open(tree);
    struct aero_snapshot_writer *writer = aero_snapshot_writer_new(&header, view);
    aero_status status = run_writer(power, writer, out_entry);
    aero_snapshot_writer_free(writer);
    aero_view_close(view);
    aero_snapshot_header_deinit(&header);
    return status;
}

static const char *name_of(const struct aero_snapshot_entry *entry)
{
    static char name[AERO_DISK_NAME_MAX];
    aero_snapshot_name(entry, name);
    return name;
}

static aero_status load_status(struct power_disk *power, const char *name)
{
    struct aero_snapshot_header header;
    struct aero_tree *tree = aero_tree_new();
    uint64_t bad_offset;
    aero_status status =
        aero_snapshot_load(power_disk_port(power), name, tree, &header, &bad_offset);
    if (aero_is_ok(status)) {
        aero_snapshot_header_deinit(&header);
    }
    aero_tree_free(tree);
    return status;
}

static void expect_round_trip(struct aero_tree *tree)
{
    struct power_disk *power = power_disk_new();
    struct aero_snapshot_entry entry;
    struct aero_snapshot_header header;
    struct aero_tree *loaded = aero_tree_new();
    uint64_t bad_offset;
    assert_int_equal(write_snapshot(power, tree, &entry).code, AERO_OK);
    assert_int_equal(entry.size_bytes, power_bytes(power, name_of(&entry))->length);
    power_disk_return(power, POWER_LOST, 0); /* it was durable before it was reported */
    assert_int_equal(
        aero_snapshot_load(power_disk_port(power), name_of(&entry), loaded, &header, &bad_offset)
            .code,
        AERO_OK);
    struct aero_summary before = aero_tree_summary(tree);
    struct aero_summary after = aero_tree_summary(loaded);
    assert_int_equal(before.count, after.count);
    assert_true(aero_u128_equal(before.digest, after.digest));
    assert_int_equal(entry.entry_count, after.count);
    assert_true(aero_u128_equal(entry.digest, after.digest));
    assert_int_equal(header.position.lsn.value, 0x1234);
    assert_int_equal(header.position.chain, 99);
    assert_int_equal(header.expiry_clock.value, 777);
    assert_int_equal(header.history.incarnation_count, 1);
    aero_snapshot_header_deinit(&header);
    aero_tree_free(loaded);
    power_disk_free(power);
}

static void test_load_returns_what_the_view_showed(void **state)
{
    (void)state;
    const struct {
        unsigned count;
        size_t value_bytes;
    } cases[] = {{0, 0}, {1, 0}, {3, 10}, {5000, 64}, {3000, 1024}, {3, 3 << 20}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct aero_tree *tree = tree_of(cases[i].count, cases[i].value_bytes);
        expect_round_trip(tree);
        aero_tree_free(tree);
    }
}

static void test_writer_shows_the_view_while_the_tree_goes_on(void **state)
{
    (void)state;
    struct power_disk *power = power_disk_new();
    struct aero_tree *tree = tree_of(2000, 1000);
    struct aero_snapshot_header header = header_of();
    struct aero_view *view = aero_view_open(tree);
    struct aero_summary before = aero_view_summary(view);
    struct aero_snapshot_writer *writer = aero_snapshot_writer_new(&header, view);
    struct aero_disk_handles handles = {{0}};
    const struct aero_disk_request *request;
    unsigned requests = 0;
    while ((request = aero_snapshot_writer_next(writer)) != NULL) {
        struct aero_disk_completion completion;
        aero_tree_delete_range(tree, aero_slice_text("key:0001"), aero_slice_text("key:0015"));
        put(tree, "key:000000", "other", 5);
        aero_disk_run(power_disk_port(power), &handles, request, &completion);
        aero_snapshot_writer_on_completion(writer, &completion);
        requests++;
    }
    struct aero_snapshot_entry entry;
    assert_true(requests > 2);
    assert_int_equal(aero_snapshot_writer_result(writer, &entry).code, AERO_OK);
    assert_int_equal(entry.entry_count, before.count);
    assert_true(aero_u128_equal(entry.digest, before.digest));
    assert_int_equal(load_status(power, name_of(&entry)).code, AERO_OK);
    aero_snapshot_writer_free(writer);
    aero_view_close(view);
    aero_tree_free(tree);
    aero_snapshot_header_deinit(&header);
    power_disk_free(power);
}

/* A commit's sync pays for whatever a snapshot left unsynced on the same device: that must never be much. */
static void test_writer_leaves_nothing_unsynced_and_writes_small_pieces(void **state)
{
    (void)state;
    struct power_disk *power = power_disk_new();
    struct aero_tree *tree = tree_of(2000, 1000);
    struct aero_snapshot_header header = header_of();
    struct aero_view *view = aero_view_open(tree);
    struct aero_snapshot_writer *writer = aero_snapshot_writer_new(&header, view);
    struct aero_disk_handles handles = {{0}};
    const struct aero_disk_request *request;
    uint64_t written = 0;
    unsigned writes = 0;
    while ((request = aero_snapshot_writer_next(writer)) != NULL) {
        for (uint32_t i = 0; i < request->op_count; i++) {
            if (request->ops[i].kind == AERO_OP_WRITE) {
                assert_int_equal(i + 2, request->op_count);
                assert_int_equal(request->ops[i + 1].kind, AERO_OP_SYNC);
                assert_true(request->ops[i].offset - written <= (size_t)512 << 10);
                written = request->ops[i].offset;
                writes++;
            }
        }
        struct aero_disk_completion completion;
        aero_disk_run(power_disk_port(power), &handles, request, &completion);
        aero_snapshot_writer_on_completion(writer, &completion);
    }
    assert_true(writes >= 4);
    aero_snapshot_writer_free(writer);
    aero_view_close(view);
    aero_tree_free(tree);
    aero_snapshot_header_deinit(&header);
    power_disk_free(power);
}

/* Decision 19: the digest is recomputed from the bytes, so memory that rotted under a view is found before the snapshot
 * has a name. */
static void test_writer_refuses_a_view_that_disagrees_with_itself(void **state)
{
    (void)state;
    struct power_disk *power = power_disk_new();
    struct aero_tree *tree = tree_of(100, 50);
    struct aero_snapshot_entry entry;
    struct aero_slice value;
    assert_true(aero_tree_get(tree, aero_slice_text("key:000042"), &value));
    *(uint8_t *)(uintptr_t)value.data ^= 1;
    assert_int_equal(write_snapshot(power, tree, &entry).code, AERO_CORRUPT);
    assert_int_equal(power->seen.count, 0); /* and nothing stays */
    *(uint8_t *)(uintptr_t)value.data ^= 1;
    aero_tree_free(tree);
    power_disk_free(power);
}

/* FM-8.2: no flipped bit and no truncation loads. */
static void test_load_detects_every_flipped_byte_and_every_truncation(void **state)
{
    (void)state;
    struct power_disk *power = power_disk_new();
    struct aero_tree *tree = tree_of(40, 20);
    struct aero_snapshot_entry entry;
    assert_int_equal(write_snapshot(power, tree, &entry).code, AERO_OK);
    struct aero_buffer *bytes = power_bytes(power, name_of(&entry));
    for (size_t i = 0; i < bytes->length; i++) {
        bytes->data[i] ^= (uint8_t)(1U << i % 8);
        assert_int_not_equal(load_status(power, name_of(&entry)).code, AERO_OK);
        bytes->data[i] ^= (uint8_t)(1U << i % 8);
    }
    size_t length = bytes->length;
    for (bytes->length = 0; bytes->length < length; bytes->length++) {
        assert_int_equal(load_status(power, name_of(&entry)).code, AERO_CORRUPT);
    }
    assert_int_equal(load_status(power, name_of(&entry)).code, AERO_OK);
    aero_buffer_append(bytes, "", 1);
    assert_int_equal(load_status(power, name_of(&entry)).code, AERO_CORRUPT);
    aero_tree_free(tree);
    power_disk_free(power);
}

static void test_load_of_an_unreadable_block_says_where(void **state)
{
    (void)state;
    struct power_disk *power = power_disk_new();
    struct aero_tree *tree = tree_of(3000, 1000);
    struct aero_snapshot_entry entry;
    struct aero_snapshot_header header;
    uint64_t bad_offset;
    assert_int_equal(write_snapshot(power, tree, &entry).code, AERO_OK);
    power_bytes(power, name_of(&entry))->data[1000000] ^= 4;
    struct aero_tree *loaded = aero_tree_new();
    assert_int_equal(
        aero_snapshot_load(power_disk_port(power), name_of(&entry), loaded, &header, &bad_offset)
            .code,
        AERO_CORRUPT);
    assert_true(bad_offset <= 1000000 && bad_offset + AERO_SNAPSHOT_BLOCK_BYTES > 999000);
    aero_tree_free(loaded);
    aero_tree_free(tree);
    power_disk_free(power);
}

static void test_check_takes_pieces_of_any_size(void **state)
{
    (void)state;
    struct power_disk *power = power_disk_new();
    struct aero_tree *tree = tree_of(900, 1000);
    struct aero_snapshot_entry entry;
    assert_int_equal(write_snapshot(power, tree, &entry).code, AERO_OK);
    const struct aero_buffer *bytes = power_bytes(power, name_of(&entry));
    const size_t pieces[] = {1, 47, 48, 4096, 300000, 1 << 22};
    for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
        struct aero_snapshot_check *check = aero_snapshot_check_new();
        uint64_t verified = 0;
        for (size_t at = 0; at < bytes->length; at += pieces[p]) {
            size_t count = bytes->length - at < pieces[p] ? bytes->length - at : pieces[p];
            assert_false(aero_snapshot_check_done(check));
            assert_int_equal(
                aero_snapshot_check_feed(check, aero_slice_of(bytes->data + at, count)).code,
                AERO_OK);
            assert_true(aero_snapshot_check_verified(check) >= verified);
            verified = aero_snapshot_check_verified(check);
            assert_true(verified <= at + count);
        }
        assert_true(aero_snapshot_check_done(check));
        assert_int_equal(verified, bytes->length);
        assert_true(aero_id_equal(aero_snapshot_check_header(check)->id, entry.id));
        aero_snapshot_check_free(check);
    }
    aero_tree_free(tree);
    power_disk_free(power);
}

/* A peer that lies about one byte is found at once, and stays found. */
static void test_check_refuses_a_changed_byte_for_good(void **state)
{
    (void)state;
    struct power_disk *power = power_disk_new();
    struct aero_tree *tree = tree_of(10, 10);
    struct aero_snapshot_entry entry;
    assert_int_equal(write_snapshot(power, tree, &entry).code, AERO_OK);
    struct aero_buffer *bytes = power_bytes(power, name_of(&entry));
    for (size_t i = 0; i < bytes->length; i++) {
        struct aero_snapshot_check *check = aero_snapshot_check_new();
        bytes->data[i] ^= 0x10;
        aero_status status = aero_snapshot_check_feed(check, aero_buffer_slice(bytes));
        assert_int_not_equal(status.code, AERO_OK);
        bytes->data[i] ^= 0x10;
        assert_int_equal(aero_snapshot_check_feed(check, aero_buffer_slice(bytes)).code,
                         status.code);
        assert_false(aero_snapshot_check_done(check));
        aero_snapshot_check_free(check);
    }
    aero_tree_free(tree);
    power_disk_free(power);
}

/* A head that verifies and asks for more than its kind can hold: refused before anybody makes room. */
static void test_check_refuses_what_follows_the_trailer(void **state)
{
    (void)state;
    struct power_disk *power = power_disk_new();
    struct aero_tree *tree = tree_of(10, 10);
    struct aero_snapshot_entry entry;
    assert_int_equal(write_snapshot(power, tree, &entry).code, AERO_OK);
    struct aero_slice bytes = aero_buffer_slice(power_bytes(power, name_of(&entry)));
    for (unsigned together = 0; together < 2; together++) {
        struct aero_snapshot_check *check = aero_snapshot_check_new();
        assert_null(aero_snapshot_check_header(check));
        struct aero_buffer fed = {0};
        aero_buffer_append_slice(&fed, bytes);
        if (together == 0) {
            assert_int_equal(aero_snapshot_check_feed(check, bytes).code, AERO_OK);
            assert_true(aero_snapshot_check_done(check));
            aero_buffer_clear(&fed);
        }
        aero_buffer_append(&fed, "x", 1);
        assert_int_equal(aero_snapshot_check_feed(check, aero_buffer_slice(&fed)).code,
                         AERO_CORRUPT);
        assert_false(aero_snapshot_check_done(check));
        assert_int_equal(aero_snapshot_check_verified(check), bytes.length);
        aero_buffer_deinit(&fed);
        aero_snapshot_check_free(check);
    }
    aero_snapshot_check_free(NULL);
    aero_tree_free(tree);
    power_disk_free(power);
}

static void test_check_refuses_a_head_that_asks_for_more_than_its_kind_holds(void **state)
{
    (void)state;
    static const struct {
        uint8_t kind;
        uint64_t payload_max;
    } cases[] = {
        {AERO_BLOCK_HEADER, 120 + AERO_HISTORY_BYTES_MAX},
        {AERO_BLOCK_ENTRIES, AERO_SNAPSHOT_PAYLOAD_MAX},
        {AERO_BLOCK_TRAILER, 32},
        {AERO_BLOCK_TRAILER + 1, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t head[AERO_SNAPSHOT_HEAD_BYTES] = {'A', 'S', 'B', 'K', cases[i].kind};
        struct aero_snapshot_block block;
        for (uint64_t more = 0; more <= 1; more++) {
            aero_store_u64(head + 24, cases[i].payload_max + more);
            aero_store_u64(head + 40, aero_checksum64(aero_slice_of(head, 40)));
            bool fits = more == 0 && cases[i].payload_max != 0;
            aero_status status =
                aero_snapshot_block_decode(aero_slice_of(head, sizeof head), &block);
            assert_int_equal(status.code, fits ? AERO_OK : AERO_CORRUPT);
        }
    }
}

static void test_read_header_reads_only_the_first_block(void **state)
{
    (void)state;
    struct power_disk *power = power_disk_new();
    struct aero_tree *tree = tree_of(100, 10);
    struct aero_snapshot_entry entry;
    struct aero_snapshot_header header;
    struct aero_disk disk = power_disk_port(power);
    assert_int_equal(write_snapshot(power, tree, &entry).code, AERO_OK);
    struct aero_buffer *bytes = power_bytes(power, name_of(&entry));
    bytes->length = 48 + 120 + 16 + AERO_INCARNATION_BYTES;
    assert_int_equal(aero_snapshot_read_header(disk, name_of(&entry), &header).code, AERO_OK);
    assert_int_equal(header.epoch.value, 3);
    assert_int_equal(header.summary.count, 100);
    aero_snapshot_header_deinit(&header);
    bytes->length--;
    assert_int_equal(aero_snapshot_read_header(disk, name_of(&entry), &header).code, AERO_CORRUPT);
    aero_tree_free(tree);
    power_disk_free(power);
}

/* FM-9.1: whatever operation fails, no file is left under any name, and the error is the one that happened. */
static void test_writer_with_any_operation_failing_leaves_nothing(void **state)
{
    (void)state;
    struct aero_tree *tree = tree_of(3000, 1000);
    uint64_t changes = 0;
    for (uint64_t at = 1; at == 1 || at <= changes; at++) {
        struct power_disk *power = power_disk_new();
        struct aero_snapshot_entry entry;
        power->fail_at = at;
        assert_int_equal(write_snapshot(power, tree, &entry).code, AERO_IO);
        assert_int_equal(power->seen.count, 0);
        power_disk_free(power);
        if (changes == 0) {
            power = power_disk_new();
            assert_int_equal(write_snapshot(power, tree, &entry).code, AERO_OK);
            changes = power->changes;
            power_disk_free(power);
        }
    }
    assert_true(changes >= 7);
    aero_tree_free(tree);
}

/* FM-9.1, FM-5.1: power goes at any operation; a file under the final name is whole. */
static void test_writer_crashed_anywhere_leaves_a_whole_file_or_none(void **state)
{
    (void)state;
    struct aero_tree *tree = tree_of(1500, 1000);
    unsigned named = 0;
    bool finished = false;
    for (uint64_t at = 1; !finished; at++) {
        for (uint64_t seed = 0; seed < 6; seed++) {
            struct power_disk *power = power_disk_new();
            struct aero_snapshot_entry entry = {.id = id_of(0x21),
                                                .position = {.lsn = {.value = 0x1234}}};
            power_disk_crash_at(power, at);
            finished = aero_is_ok(write_snapshot(power, tree, &entry));
            power_disk_return(power, seed == 0 ? POWER_KEPT : POWER_TORN, seed);
            if (power_find(&power->seen, name_of(&entry)) != NULL) {
                named++;
                assert_int_equal(load_status(power, name_of(&entry)).code, AERO_OK);
            }
            power_disk_free(power);
        }
    }
    assert_true(named > 6);
    aero_tree_free(tree);
}

/* Formats are for ever. */
static void test_writer_writes_the_golden_bytes(void **state)
{
    (void)state;
    struct power_disk *power = power_disk_new();
    struct aero_tree *tree = aero_tree_new();
    struct aero_snapshot_entry entry;
    put(tree, "a", "xyz", 3);
    put(tree, "b", "", 0);
    assert_int_equal(write_snapshot(power, tree, &entry).code, AERO_OK);
    assert_string_equal(name_of(&entry),
                        "snapshots/0000000000001234-21212121212121212121212121212121.snap");
    const struct aero_buffer *bytes = power_bytes(power, name_of(&entry));
    const size_t header_bytes = 48 + 120 + 16 + AERO_INCARNATION_BYTES;
    assert_int_equal(bytes->length, header_bytes + (48 + 10 + 7) + (48 + 32));
    const uint8_t head[32] = {'A',  'S',  'B',  'K',  1, 0,    0,    0,    0,    0,    0,
                              0,    0,    0,    0,    0, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21,
                              0x21, 0x21, 0x00, 0x01, 0, 0,    0,    0,    0,    0};
    assert_memory_equal(bytes->data, head, sizeof head);
    const uint8_t *entries = bytes->data + header_bytes;
    const uint8_t payload[17] = {1, 0, 3, 0, 0, 0, 'a', 'x', 'y', 'z', 1, 0, 0, 0, 0, 0, 'b'};
    assert_int_equal(entries[4], 2);
    assert_int_equal(entries[8], 1);
    assert_int_equal(entries[24], sizeof payload);
    assert_memory_equal(entries + 48, payload, sizeof payload);
    const uint8_t *trailer = entries + 48 + sizeof payload;
    assert_int_equal(trailer[4], 3);
    assert_int_equal(trailer[8], 2);
    assert_int_equal(trailer[48], 2);      /* entries */
    assert_int_equal(trailer[48 + 24], 1); /* blocks of entries */
    assert_int_equal(aero_checksum64(aero_buffer_slice(bytes)), 0xe7a446a8682c339dU);
    aero_tree_free(tree);
    power_disk_free(power);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load_returns_what_the_view_showed),
        cmocka_unit_test(test_writer_shows_the_view_while_the_tree_goes_on),
        cmocka_unit_test(test_writer_leaves_nothing_unsynced_and_writes_small_pieces),
        cmocka_unit_test(test_writer_refuses_a_view_that_disagrees_with_itself),
        cmocka_unit_test(test_load_detects_every_flipped_byte_and_every_truncation),
        cmocka_unit_test(test_load_of_an_unreadable_block_says_where),
        cmocka_unit_test(test_check_takes_pieces_of_any_size),
        cmocka_unit_test(test_check_refuses_a_changed_byte_for_good),
        cmocka_unit_test(test_check_refuses_what_follows_the_trailer),
        cmocka_unit_test(test_check_refuses_a_head_that_asks_for_more_than_its_kind_holds),
        cmocka_unit_test(test_read_header_reads_only_the_first_block),
        cmocka_unit_test(test_writer_with_any_operation_failing_leaves_nothing),
        cmocka_unit_test(test_writer_crashed_anywhere_leaves_a_whole_file_or_none),
        cmocka_unit_test(test_writer_writes_the_golden_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
