/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that rots under a running node (FM-8.2, decisions 19 and 20): one bit of one value, where nothing reads a checksum. What
 * follows must be a halt, an audit, a refusal; never another state that somebody believes in. */
#include "tests/unit/cmocka_setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/record.h"
#include "primary/primary.h"
#include "replica/replica.h"
#include "server/keyspace_codec.h"
#include "tests/simulation/node.h"
#include "tests/simulation/resp_lite.h"
#include "tests/simulation/world.h"

#define SECOND_NS 1000000000ULL
#define WRITES_AT_A_TIME 200
#define REPLY_MAX 8192
#define CLIENT "client0"

struct story {
    struct aero_sim_world *world;
    char *told; /* the trace so far */
    size_t told_length;
    FILE *trace;
    struct aero_sim_end link; /* of the client, while it asks */
    struct aero_buffer heard; /* on it */
    char reply[REPLY_MAX];    /* the last one, as text */
    int value;
};

/* ---- A client ------------------------------------------------------------------------------------------------- */

static void on_open(void *self, struct aero_sim_end end, const char *peer, uint32_t port)
{
    (void)self;
    (void)end;
    (void)peer;
    (void)port;
}

static size_t on_bytes(void *self, struct aero_sim_end end, struct aero_slice bytes)
{
    struct story *story = self;
    (void)end;
    aero_buffer_append_slice(&story->heard, bytes);
    return bytes.length;
}

static void on_nothing(void *self, struct aero_sim_end end)
{
    (void)self;
    (void)end;
}

static const struct aero_sim_net_events client_events = {
    .on_open = on_open, .on_bytes = on_bytes, .on_room = on_nothing, .on_close = on_nothing};

/* ---- The world ------------------------------------------------------------------------------------------------ */

/* Optimised, without faults, with segments that no story here fills. */
static void draw_quiet_swarm(struct aero_sim_world *world)
{
    struct aero_sim_swarm *swarm = &world->swarm;
    aero_sim_swarm_draw(&world->choice, swarm);
    memset(swarm->rates, 0, sizeof swarm->rates);
    swarm->worker.stall_millionths = 0;
    swarm->replica_count = 2;
    swarm->writer_count = 0;
    swarm->reader_count = 0;
    for (uint32_t i = 0; i < AERO_SIM_NODES_MAX; i++) {
        swarm->settings[i] = (struct aero_sim_settings){
            .wal = {.switches = {.group_commit = true, .wal_batching = true},
                    .segment_bytes = 524288,
                    .queue_bytes = 524288},
            .checkpoint = {.snapshots_kept = 2, .retention_cap_bytes = 10000000, .pipelined = true},
            .tail_streaming = true,
            .read_fast_path = true,
            .window_bytes = 65536,
            .output_pause_bytes = 65536,
            .held_count_max = 4096,
        };
    }
}

static int begin_story(void **state)
{
    struct story *story = aero_calloc(1, sizeof *story);
    struct aero_sim_world *world = aero_calloc(1, sizeof *world);
    story->world = world;
    story->trace = open_memstream(&story->told, &story->told_length);
    aero_choice_init_seed(&world->choice, 1);
    aero_sim_trace_init(&world->trace, story->trace);
    world->scheduler.trace = &world->trace;
    draw_quiet_swarm(world);
    aero_sim_world_build(world);
    aero_sim_net_up(world->net, CLIENT, &client_events, story);
    *state = story;
    return 0;
}

static int end_story(void **state)
{
    struct story *story = *state;
    aero_sim_net_down(story->world->net, CLIENT);
    aero_sim_world_tear_down(story->world);
    aero_buffer_deinit(&story->heard);
    fclose(story->trace);
    free(story->told);
    free(story->world);
    free(story);
    return 0;
}

static void pass(struct story *story, uint64_t nanoseconds)
{
    uint64_t end_ns = story->world->scheduler.now_ns + nanoseconds;
    while (aero_sim_next_at(&story->world->scheduler) <= end_ns) {
        aero_sim_step(&story->world->scheduler);
    }
}

static struct aero_sim_node *node_of(struct story *story, uint32_t index)
{
    return story->world->nodes[index];
}

static bool was_told(struct story *story, const char *text)
{
    fflush(story->trace);
    return strstr(story->told, text) != NULL;
}

/* ---- What is asked of it -------------------------------------------------------------------------------------- */

/* So many times the same command; the reply to the first is the one that counts. */
static const char *ask_often(struct story *story, uint32_t index, int times, size_t count,
                             const char *const words[])
{
    struct aero_sim_net *net = story->world->net;
    struct aero_buffer request = {0};
    assert_true(node_of(story, index)->alive);
    for (int i = 0; i < times; i++) {
        aero_sim_resp_append_command(&request, count, words);
    }
    story->link =
        aero_sim_net_dial(net, CLIENT, node_of(story, index)->name, AERO_SIM_PORT_CLIENTS);
    pass(story, SECOND_NS);
    assert_int_equal(aero_sim_net_send(net, story->link, aero_buffer_slice(&request)),
                     request.length);
    aero_buffer_deinit(&request);
    pass(story, SECOND_NS);
    aero_sim_net_close(net, story->link);
    size_t length = aero_sim_resp_length(aero_buffer_slice(&story->heard));
    assert_in_range(length, 1, REPLY_MAX - 1);
    memcpy(story->reply, story->heard.data, length);
    story->reply[length] = '\0';
    aero_buffer_clear(&story->heard);
    return story->reply;
}

static const char *ask(struct story *story, uint32_t index, size_t count, const char *const words[])
{
    return ask_often(story, index, 1, count, words);
}

static const char *ask_word(struct story *story, uint32_t index, const char *word)
{
    return ask(story, index, 1, &word);
}

static void set(struct story *story, const char *key)
{
    char value[16];
    snprintf(value, sizeof value, "%d", ++story->value);
    assert_string_equal(ask(story, 0, 3, (const char *const[]){"SET", key, value}), "+OK\r\n");
}

static void write_until(struct story *story, uint64_t lsn)
{
    while (aero_primary_durable_lsn(node_of(story, 0)->primary).value < lsn) {
        const char *said =
            ask_often(story, 0, WRITES_AT_A_TIME, 2, (const char *const[]){"INCR", "count"});
        assert_int_equal(said[0], ':');
    }
}

static bool follows(struct story *story, uint32_t index)
{
    const struct aero_sim_node *node = node_of(story, index);
    return node->alive && aero_replica_state(node->replica) == AERO_REPLICA_FOLLOWING &&
           aero_replica_applied_lsn(node->replica).value ==
               aero_primary_durable_lsn(node_of(story, 0)->primary).value;
}

static bool is_halted(struct story *story, uint32_t index)
{
    const struct aero_sim_node *node = node_of(story, index);
    return node->alive && aero_replica_state(node->replica) == AERO_REPLICA_HALTED;
}

/* One bit of the last byte of the value, behind everybody's back; the next change of the key finds it. */
static void rot(const struct aero_tree *tree, const char *key)
{
    struct aero_buffer engine_key = {0};
    struct aero_slice value;
    struct aero_slice name = aero_slice_of(key, strlen(key));
    assert_true(aero_tree_get(tree, aero_encode_key(&engine_key, 0, name), &value));
    uint8_t *byte = (uint8_t *)(uintptr_t)&value.data[value.length - 1];
    *byte ^= 1;
    aero_buffer_deinit(&engine_key);
}

static void restart(struct story *story, uint32_t index, enum aero_sim_crash how)
{
    aero_sim_node_crash(node_of(story, index), how, SECOND_NS);
    pass(story, 5 * SECOND_NS);
}

/* ---- Stories -------------------------------------------------------------------------------------------------- */

/* REP-4, decision 20: the replica halts at the next digest record, says why to whoever asks, and so do its next lives, however
 * the ones before ended; the primary audits itself and is well; an operator's word has the state made anew from disk. */
static void test_replica_whose_memory_rots_halts_over_restarts_until_an_operator_acts(void **state)
{
    struct story *story = *state;
    set(story, "other");
    set(story, "key");
    pass(story, SECOND_NS);
    assert_true(follows(story, 1) && follows(story, 2));
    rot(aero_replica_tree(node_of(story, 1)->replica), "key");
    set(story, "key");
    assert_true(follows(story, 1));
    write_until(story, AERO_DIGEST_INTERVAL_LSN + 1);
    pass(story, SECOND_NS);
    assert_true(is_halted(story, 1));
    assert_true(follows(story, 2));
    static const enum aero_sim_crash ends[] = {AERO_SIM_KILL, AERO_SIM_POWER, AERO_SIM_POWER_LOSE};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        const char *said = ask(story, 1, 2, (const char *const[]){"GET", "other"});
        assert_memory_equal(said, "-HALTED digest mismatch: the state before LSN 1024", 50);
        restart(story, 1, ends[i]);
        assert_true(is_halted(story, 1));
    }
    assert_true(was_told(story, "event=digest_mismatch_reported replica=replica1"));
    assert_true(was_told(story, "event=audited passed=true"));
    assert_non_null(strstr(ask_word(story, 0, "AERO.STATUS"), "audit:passed"));
    ask_word(story, 1, "AERO.RECONNECT");
    pass(story, 5 * SECOND_NS);
    assert_true(follows(story, 1));
    assert_string_equal(ask(story, 1, 2, (const char *const[]){"GET", "key"}), "$1\r\n3\r\n");
}

/* Decision 20: the state in the primary's log is one that its own replay does not lead to. Its replicas halt, its audit fails,
 * and it is no source for one that begins anew. The log itself is damaged now: no start makes a state of it. */
static void test_primary_whose_memory_rots_fails_its_audit_and_seeds_nobody(void **state)
{
    struct story *story = *state;
    set(story, "key");
    pass(story, SECOND_NS);
    aero_sim_node_replace_disk(node_of(story, 2), NULL, SECOND_NS);
    pass(story, 5 * SECOND_NS);
    assert_true(follows(story, 2)); /* so far it is one */
    rot(aero_primary_tree(node_of(story, 0)->primary), "key");
    set(story, "key");
    write_until(story, AERO_DIGEST_INTERVAL_LSN + 1);
    pass(story, SECOND_NS);
    assert_true(is_halted(story, 1) && is_halted(story, 2));
    assert_true(was_told(story, "event=audited passed=false"));
    assert_non_null(strstr(ask_word(story, 0, "AERO.STATUS"), "audit:failed"));
    aero_sim_node_replace_disk(node_of(story, 2), NULL, SECOND_NS);
    pass(story, 20 * SECOND_NS);
    assert_int_equal(aero_replica_state(node_of(story, 2)->replica), AERO_REPLICA_EMPTY);
    assert_non_null(strstr(ask_word(story, 2, "AERO.STATUS"), "audit fails"));
    restart(story, 0, AERO_SIM_KILL);
    assert_false(node_of(story, 0)->alive);
    assert_true(was_told(story, "cannot start: corrupt"));
}

/* Decision 19: a snapshot of it gets no name. */
static void test_checkpoint_of_memory_that_rots_is_refused(void **state)
{
    struct story *story = *state;
    set(story, "key");
    assert_string_equal(ask_word(story, 0, "AERO.CHECKPOINT"), "+OK\r\n");
    assert_int_equal(aero_primary_manifest(node_of(story, 0)->primary)->snapshot_count, 1);
    set(story, "other");
    rot(aero_primary_tree(node_of(story, 0)->primary), "key");
    assert_memory_equal(ask_word(story, 0, "AERO.CHECKPOINT"), "-ERR checkpoint failed", 22);
    assert_int_equal(aero_primary_manifest(node_of(story, 0)->primary)->snapshot_count, 1);
    restart(story, 0, AERO_SIM_POWER);
    assert_string_equal(ask(story, 0, 2, (const char *const[]){"GET", "key"}), "$1\r\n1\r\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_story, end_story)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_replica_whose_memory_rots_halts_over_restarts_until_an_operator_acts),
        TEST(test_primary_whose_memory_rots_fails_its_audit_and_seeds_nobody),
        TEST(test_checkpoint_of_memory_that_rots_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
