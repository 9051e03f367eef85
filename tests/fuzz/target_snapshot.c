/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshot files: in pieces as a transfer brings them, and loaded as a whole; both must say the same. What loads is written
 * again and loads as the same. */
#include "engine/snapshot.h"
#include "engine/snapshot_block_priv.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/engine/memory_disk.h"

#define NAME "snapshots/input.snap"

static bool summaries_equal(struct aero_summary a, struct aero_summary b)
{
    return a.count == b.count && aero_u128_equal(a.digest, b.digest);
}

/* OK when it is whole; *out_verified is how far whole blocks reached. */
static aero_status check_in_pieces(struct aero_slice bytes, uint32_t pattern,
                                   uint64_t *out_verified)
{
    struct aero_snapshot_check *check = aero_snapshot_check_new();
    aero_status status = aero_ok();
    while (bytes.length != 0 && aero_is_ok(status)) {
        struct aero_slice piece = fuzz_take_piece(&bytes, &pattern);
        uint8_t *exact = fuzz_copy(piece);
        status = aero_snapshot_check_feed(check, aero_slice_of(exact, piece.length));
        free(exact);
    }
    if (aero_is_ok(status) && !aero_snapshot_check_done(check)) {
        status = aero_error(AERO_CORRUPT);
    }
    AERO_ASSERT(!aero_is_ok(status) || aero_snapshot_check_header(check) != NULL);
    *out_verified = aero_snapshot_check_verified(check);
    aero_snapshot_check_free(check);
    return status;
}

static void write_snapshot(struct memory_disk *disk, const struct aero_snapshot_header *header,
                           struct aero_tree *tree, struct aero_snapshot_entry *out_entry)
{
    struct aero_view *view = aero_view_open(tree);
    struct aero_snapshot_writer *writer = aero_snapshot_writer_new(header, view);
    struct aero_disk_handles handles = {{0}};
    const struct aero_disk_request *request;
    while ((request = aero_snapshot_writer_next(writer)) != NULL) {
        struct aero_disk_completion completion;
        aero_disk_run(memory_disk_port(disk), &handles, request, &completion);
        aero_snapshot_writer_on_completion(writer, &completion);
    }
    aero_status status = aero_snapshot_writer_result(writer, out_entry);
    AERO_ASSERT(aero_is_ok(status));
    aero_snapshot_writer_free(writer);
    aero_view_close(view);
}

static void write_and_load(const struct aero_snapshot_header *header, struct aero_tree *tree)
{
    struct memory_disk disk = {0};
    struct aero_snapshot_entry entry;
    struct aero_snapshot_header again;
    struct aero_buffer first = {0};
    struct aero_buffer second = {0};
    char name[AERO_DISK_NAME_MAX];
    uint64_t bad_offset;
    write_snapshot(&disk, header, tree, &entry);
    aero_snapshot_name(&entry, name);
    struct aero_tree *copy = aero_tree_new();
    aero_status status =
        aero_snapshot_load(memory_disk_port(&disk), name, copy, &again, &bad_offset);
    AERO_ASSERT(aero_is_ok(status));
    AERO_ASSERT(summaries_equal(aero_tree_summary(copy), aero_tree_summary(tree)));
    aero_snapshot_put_header(&first, header);
    aero_snapshot_put_header(&second, &again);
    AERO_ASSERT(aero_slice_equal(aero_buffer_slice(&first), aero_buffer_slice(&second)));
    aero_buffer_deinit(&first);
    aero_buffer_deinit(&second);
    aero_snapshot_header_deinit(&again);
    aero_tree_free(copy);
    memory_disk_deinit(&disk);
}

static aero_status load(struct aero_slice bytes, uint64_t *out_bad_offset)
{
    struct memory_disk disk = {0};
    struct aero_snapshot_header header;
    struct aero_tree *tree = aero_tree_new();
    aero_buffer_append_slice(&memory_put(&disk, NAME)->bytes, bytes);
    aero_status status =
        aero_snapshot_load(memory_disk_port(&disk), NAME, tree, &header, out_bad_offset);
    if (aero_is_ok(status)) {
        AERO_ASSERT(summaries_equal(aero_tree_summary(tree), header.summary));
        struct aero_view *view = aero_view_open(tree);
        AERO_ASSERT(aero_view_audit(view));
        aero_view_close(view);
        write_and_load(&header, tree);
        aero_snapshot_header_deinit(&header);
    }
    if (aero_is_ok(aero_snapshot_read_header(memory_disk_port(&disk), NAME, &header))) {
        aero_snapshot_header_deinit(&header);
    } else {
        AERO_ASSERT(!aero_is_ok(status));
    }
    aero_tree_free(tree);
    memory_disk_deinit(&disk);
    return status;
}

static void look(struct aero_slice bytes, uint32_t pattern)
{
    uint64_t verified;
    uint64_t bad_offset;
    aero_status pieces = check_in_pieces(bytes, pattern, &verified);
    aero_status whole = load(bytes, &bad_offset);
    AERO_ASSERT(pieces.code == whole.code);
    AERO_ASSERT(verified == bad_offset);
}

/* Sums of a whole file that a changed entry no longer agrees with: put right in the header and in the trailer. */
struct sums {
    struct aero_summary summary;
    uint64_t entry_blocks;
};

static void add_entries(struct sums *sums, struct aero_slice payload)
{
    sums->entry_blocks++;
    while (payload.length >= AERO_SNAPSHOT_ENTRY_HEAD_BYTES) {
        size_t key_length = aero_load_u16(payload.data);
        size_t value_length = aero_load_u32(payload.data + 2);
        const uint8_t *key = payload.data + AERO_SNAPSHOT_ENTRY_HEAD_BYTES;
        size_t room = payload.length - AERO_SNAPSHOT_ENTRY_HEAD_BYTES;
        if (room < key_length || room - key_length < value_length) {
            return;
        }
        struct aero_u128 hash = aero_entry_hash(aero_slice_of(key, key_length),
                                                aero_slice_of(key + key_length, value_length));
        sums->summary.count++;
        sums->summary.digest = aero_u128_add(sums->summary.digest, hash);
        room -= key_length + value_length;
        payload = aero_slice_of(key + key_length + value_length, room);
    }
}

static void store_summary(uint8_t *out, struct aero_summary summary)
{
    aero_store_u64(out, summary.count);
    aero_store_u64(out + 8, summary.digest.low);
    aero_store_u64(out + 16, summary.digest.high);
}

static void seal_block(uint8_t *head, size_t payload_length)
{
    aero_store_u64(head + 32,
                   aero_checksum64(aero_slice_of(head + AERO_SNAPSHOT_HEAD_BYTES, payload_length)));
    fuzz_seal(head, 40);
}

static void seal_blocks(uint8_t *bytes, size_t length, bool sums_too)
{
    struct sums sums = {0};
    uint8_t *first = bytes;
    size_t first_payload = 0;
    while (length >= AERO_SNAPSHOT_HEAD_BYTES) {
        uint64_t payload_length = aero_load_u64(bytes + 24);
        uint8_t *payload = bytes + AERO_SNAPSHOT_HEAD_BYTES;
        if (payload_length > length - AERO_SNAPSHOT_HEAD_BYTES) {
            fuzz_seal(bytes, 40);
            return;
        }
        uint32_t kind = aero_load_u32(bytes + 4);
        if (kind == AERO_BLOCK_HEADER) {
            first_payload = (size_t)payload_length;
        } else if (kind == AERO_BLOCK_ENTRIES) {
            add_entries(&sums, aero_slice_of(payload, (size_t)payload_length));
        } else if (sums_too && kind == AERO_BLOCK_TRAILER && payload_length >= 32 &&
                   first_payload >= 104) {
            store_summary(payload, sums.summary);
            aero_store_u64(payload + 24, sums.entry_blocks);
            store_summary(first + AERO_SNAPSHOT_HEAD_BYTES + 80, sums.summary);
            seal_block(first, first_payload);
        }
        seal_block(bytes, (size_t)payload_length);
        bytes += AERO_SNAPSHOT_HEAD_BYTES + payload_length;
        length -= AERO_SNAPSHOT_HEAD_BYTES + (size_t)payload_length;
    }
}

void fuzz_one(struct aero_slice input)
{
    uint32_t pattern = fuzz_take_u8(&input);
    look(input, pattern);
    uint8_t *bytes = fuzz_copy(input);
    seal_blocks(bytes, input.length, false);
    look(aero_slice_of(bytes, input.length), pattern);
    seal_blocks(bytes, input.length, true);
    look(aero_slice_of(bytes, input.length), pattern);
    free(bytes);
}

static void add(struct fuzz_seeds *seeds, const struct aero_snapshot_header *header,
                struct aero_tree *tree)
{
    struct memory_disk disk = {0};
    struct aero_snapshot_entry entry;
    struct aero_buffer bytes = {0};
    char name[AERO_DISK_NAME_MAX];
    write_snapshot(&disk, header, tree, &entry);
    aero_snapshot_name(&entry, name);
    aero_buffer_append(&bytes, "\1", 1);
    aero_buffer_append_slice(&bytes, aero_buffer_slice(&memory_find(&disk, name)->bytes));
    fuzz_seed(seeds, aero_buffer_slice(&bytes));
    aero_buffer_deinit(&bytes);
    memory_disk_deinit(&disk);
}

void fuzz_seeds(struct fuzz_seeds *seeds)
{
    struct aero_snapshot_header header = {
        .cluster_id = fuzz_id(0x11),
        .id = fuzz_id(0x21),
        .epoch = {.value = 3},
        .position = {.lsn = {.value = 0x1234}, .chain = 99},
        .sequence = 5,
        .expiry_clock = {.value = 777},
    };
    struct aero_tree *tree = aero_tree_new();
    add(seeds, &header, tree);
    struct aero_incarnation incarnation = {.epoch = {.value = 3},
                                           .nonce = fuzz_id(0x41),
                                           .node_id = fuzz_id(0x22),
                                           .node_name = "alpha"};
    AERO_ASSERT(aero_is_ok(aero_history_add_incarnation(&header.history, &incarnation)));
    aero_tree_put(tree, aero_slice_text("a"), aero_slice_text("xyz"), NULL);
    aero_tree_put(tree, aero_slice_text("b"), aero_slice_text(""), NULL);
    add(seeds, &header, tree);
    aero_snapshot_header_deinit(&header);
    aero_tree_free(tree);
}
