/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint_pipelining: the log goes on beside a checkpoint, and what that keeps of the old state is given back in parts. */
#define WINDOW_BYTES ((size_t)16 << 20)
#define CHECKPOINT_PIPELINED true
#include "tests/unit/replica/played_primary.h"

#define KEYS 4000U
#define VALUE_BYTES 400U
#define PIECE_BYTES ((uint64_t)200 << 10)

/* One commit that changes every page. */
static void set_all(struct bench *bench, char fill)
{
    static char value[VALUE_BYTES];
    struct aero_buffer stored = {0};
    struct aero_buffer keys[KEYS] = {{0}};
    struct aero_operation *operations = aero_calloc(KEYS, sizeof *operations);
    uint8_t header[AERO_VALUE_HEADER_MAX];
    memset(value, fill, sizeof value);
    aero_buffer_append(&stored, header, aero_encode_value_header(header, 0));
    aero_buffer_append(&stored, value, sizeof value);
    for (unsigned i = 0; i < KEYS; i++) {
        char key[16];
        snprintf(key, sizeof key, "key%u", i);
        operations[i] = (struct aero_operation){
            .kind = AERO_PUT,
            .key = aero_encode_key(&keys[i], 0, aero_slice_text(key)),
            .value = aero_buffer_slice(&stored),
        };
    }
    world_commit(&bench->primary, operations, KEYS);
    for (unsigned i = 0; i < KEYS; i++) {
        aero_buffer_deinit(&keys[i]);
    }
    free(operations);
    aero_buffer_deinit(&stored);
}

static void ship_in_pieces(struct bench *bench)
{
    while (bench->shipped < bench->primary.bytes.length) {
        uint64_t rest = bench->primary.bytes.length - bench->shipped;
        ship_to(bench, bench->shipped + (rest < PIECE_BYTES ? rest : PIECE_BYTES));
    }
}

/* Everything but what `held` is a part of. */
static void finish_others(struct bench *bench)
{
    struct aero_core_request request;
    aero_replica_end_turn(bench->replica);
    while (next_request(bench, &request)) {
        assert_int_equal(request.owner, AERO_OWNER_WAL);
        finish(bench, &request);
        aero_replica_end_turn(bench->replica);
    }
}

/* Pages that only the checkpoint still shows: their room comes back over several turns, between which clients are served. */
static void test_what_a_checkpoint_kept_is_given_back_in_parts(void **state)
{
    (void)state;
    struct aero_core_request held;
    unsigned parts = 0;
    struct bench *bench = following(1);
    const struct aero_tree *tree = aero_replica_tree(bench->replica);
    set_all(bench, 'a');
    ship_in_pieces(bench);
    turn(bench);
    expect(bench, "AERO.CHECKPOINT", "");
    aero_replica_end_turn(bench->replica);
    assert_true(next_request(bench, &held));
    assert_int_equal(held.owner, AERO_OWNER_CHECKPOINT);
    uint64_t bytes_of_one = aero_tree_memory_bytes(tree);
    set_all(bench, 'b');
    ship_in_pieces(bench);
    finish_others(bench);
    expect_primary_state(bench);
    uint64_t bytes = aero_tree_memory_bytes(tree);
    assert_true(bytes > bytes_of_one + bytes_of_one / 2);
    do {
        finish(bench, &held);
    } while (next_request(bench, &held));
    while (aero_replica_has_idle_work(bench->replica)) {
        aero_replica_end_turn(bench->replica);
        assert_true(aero_tree_memory_bytes(tree) < bytes);
        bytes = aero_tree_memory_bytes(tree);
        parts++;
    }
    assert_true(parts > 1);
    assert_true(bytes < bytes_of_one + bytes_of_one / 10);
    turn(bench);
    expect(bench, "PING", "+OK\r\n+PONG\r\n");
    expect_primary_state(bench);
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_checkpoint_kept_is_given_back_in_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
