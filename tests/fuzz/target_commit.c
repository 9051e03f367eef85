/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads of records: the operations of a commit, read, written again, applied and taken back; and digests. */
#include "engine/operation.h"
#include "tests/fuzz/fuzz.h"

static bool summaries_equal(struct aero_summary a, struct aero_summary b)
{
    return a.count == b.count && aero_u128_equal(a.digest, b.digest);
}

/* One list of operations has one encoding. True when the payload is a commit. */
static bool read_and_write(struct aero_slice payload)
{
    struct aero_commit_reader reader;
    struct aero_operation operation;
    if (!aero_is_ok(aero_commit_open(&reader, payload))) {
        return false;
    }
    struct aero_buffer again = {0};
    aero_commit_begin(&again, reader.expiry_clock);
    aero_status status;
    while (aero_is_ok(status = aero_commit_next(&reader, &operation))) {
        size_t before = again.length;
        aero_commit_add(&again, &operation);
        AERO_ASSERT(again.length - before == aero_commit_add_bytes(&operation));
    }
    bool whole = status.code == AERO_NOT_FOUND;
    AERO_ASSERT(again.length <= payload.length);
    AERO_ASSERT(
        aero_slice_equal(aero_buffer_slice(&again), aero_slice_of(payload.data, again.length)));
    AERO_ASSERT(!whole || again.length == payload.length);
    aero_buffer_deinit(&again);
    return whole;
}

static void fill(struct aero_tree *tree)
{
    static const char *const keys[] = {"a", "b", "key", "m", "zz"};
    for (size_t i = 0; i < 5; i++) {
        aero_tree_put(tree, aero_slice_text(keys[i]), aero_slice_text("before"), NULL);
    }
}

/* All of it or nothing (D-2); and what is applied with an undo log can be taken back to the last entry. */
static void apply(struct aero_slice payload, bool whole)
{
    struct aero_tree *tree = aero_tree_new();
    fill(tree);
    struct aero_summary before = aero_tree_summary(tree);
    aero_wall_ms clock;
    aero_status status = aero_apply_commit(tree, payload, &clock);
    AERO_ASSERT(aero_is_ok(status) == whole);
    AERO_ASSERT(whole || summaries_equal(before, aero_tree_summary(tree)));
    struct aero_summary after = aero_tree_summary(tree);
    aero_tree_free(tree);
    if (!whole) {
        return;
    }
    tree = aero_tree_new();
    fill(tree);
    struct aero_undo *undo = aero_undo_new();
    struct aero_commit_reader reader;
    struct aero_operation operation;
    status = aero_commit_open(&reader, payload);
    AERO_ASSERT(aero_is_ok(status));
    while (aero_is_ok(aero_commit_next(&reader, &operation))) {
        aero_apply(tree, &operation, undo);
    }
    aero_undo_mark(undo, aero_lsn_of(1));
    AERO_ASSERT(summaries_equal(after, aero_tree_summary(tree)));
    struct aero_view *view = aero_view_open(tree);
    AERO_ASSERT(aero_view_audit(view));
    aero_view_close(view);
    aero_undo_rollback(undo, aero_lsn_of(0), tree);
    AERO_ASSERT(summaries_equal(before, aero_tree_summary(tree)));
    aero_undo_free(undo, tree);
    aero_tree_free(tree);
}

static void look_at_digest(struct aero_slice payload)
{
    struct aero_digest_payload digest;
    aero_status status = aero_digest_decode(payload, &digest);
    AERO_ASSERT(aero_is_ok(status) == (payload.length == AERO_DIGEST_PAYLOAD_BYTES));
    if (aero_is_ok(status)) {
        uint8_t again[AERO_DIGEST_PAYLOAD_BYTES];
        aero_digest_encode(&digest, again);
        AERO_ASSERT(memcmp(again, payload.data, sizeof again) == 0);
    }
}

void fuzz_one(struct aero_slice input)
{
    look_at_digest(input);
    apply(input, read_and_write(input));
}

void fuzz_seeds(struct fuzz_seeds *seeds)
{
    struct aero_buffer bytes = {0};
    char long_text[200];
    memset(long_text, 'v', sizeof long_text);
    aero_commit_begin(&bytes, (aero_wall_ms){.value = 0x0102030405060708U});
    fuzz_seed(seeds, aero_buffer_slice(&bytes));
    struct aero_operation operations[] = {
        {AERO_PUT, aero_slice_text("key"), aero_slice_of(long_text, sizeof long_text)},
        {AERO_DELETE, aero_slice_text("a"), aero_slice_text("")},
        {AERO_PUT, aero_slice_text("new"), aero_slice_text("")},
        {AERO_DELETE_RANGE, aero_slice_text("b"), aero_slice_text("m")},
        {AERO_DELETE_RANGE, aero_slice_text(""), aero_slice_text("")},
    };
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        aero_commit_add(&bytes, &operations[i]);
        fuzz_seed(seeds, aero_buffer_slice(&bytes));
    }
    aero_buffer_deinit(&bytes);
    uint8_t digest[AERO_DIGEST_PAYLOAD_BYTES];
    aero_digest_encode(&(struct aero_digest_payload){.expiry_clock = {.value = 9},
                                                     .summary = {.count = 5, .digest = {1, 2}}},
                       digest);
    fuzz_seed(seeds, aero_slice_of(digest, sizeof digest));
}
