/* SPDX-License-Identifier: Apache-2.0 */
/* A story of our own in the simulated world: a primary, two replicas, one client who asks one thing at a time, and nothing that
 * goes wrong but what the story tells. Everything that was traced is there to be searched. */
#ifndef AERO_TESTS_SIMULATION_STORY_H
#define AERO_TESTS_SIMULATION_STORY_H

#include "tests/unit/cmocka_setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "primary/primary.h"
#include "replica/replica.h"
#include "tests/simulation/node.h"
#include "tests/simulation/resp_lite.h"
#include "tests/simulation/world.h"

#define SECOND_NS 1000000000ULL
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

static inline void on_open(void *self, struct aero_sim_end end, const char *peer, uint32_t port)
{
    (void)self;
    (void)end;
    (void)peer;
    (void)port;
}

static inline size_t on_bytes(void *self, struct aero_sim_end end, struct aero_slice bytes)
{
    struct story *story = self;
    (void)end;
    aero_buffer_append_slice(&story->heard, bytes);
    return bytes.length;
}

static inline void on_nothing(void *self, struct aero_sim_end end)
{
    (void)self;
    (void)end;
}

static const struct aero_sim_net_events client_events = {
    .on_open = on_open, .on_bytes = on_bytes, .on_room = on_nothing, .on_close = on_nothing};

/* ---- The world ------------------------------------------------------------------------------------------------ */

/* Optimised, without faults, with segments that no story here fills. */
static inline void draw_quiet_swarm(struct aero_sim_world *world)
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

static inline int begin_story(void **state)
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

static inline int end_story(void **state)
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

static inline void pass(struct story *story, uint64_t nanoseconds)
{
    uint64_t end_ns = story->world->scheduler.now_ns + nanoseconds;
    while (aero_sim_next_at(&story->world->scheduler) <= end_ns) {
        aero_sim_step(&story->world->scheduler);
    }
}

static inline struct aero_sim_node *node_of(struct story *story, uint32_t index)
{
    return story->world->nodes[index];
}

static inline bool was_told(struct story *story, const char *text)
{
    fflush(story->trace);
    return strstr(story->told, text) != NULL;
}

/* ---- What is asked of it -------------------------------------------------------------------------------------- */

/* So many times the same command; the reply to the first is the one that counts. */
static inline const char *ask_often(struct story *story, uint32_t index, int times, size_t count,
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

static inline const char *ask(struct story *story, uint32_t index, size_t count,
                              const char *const words[])
{
    return ask_often(story, index, 1, count, words);
}

static inline const char *ask_word(struct story *story, uint32_t index, const char *word)
{
    return ask(story, index, 1, &word);
}

static inline void set(struct story *story, const char *key)
{
    char value[16];
    snprintf(value, sizeof value, "%d", ++story->value);
    assert_string_equal(ask(story, 0, 3, (const char *const[]){"SET", key, value}), "+OK\r\n");
}

static inline bool follows(struct story *story, uint32_t index)
{
    const struct aero_sim_node *node = node_of(story, index);
    return node->alive && aero_replica_state(node->replica) == AERO_REPLICA_FOLLOWING &&
           aero_replica_applied_lsn(node->replica).value ==
               aero_primary_durable_lsn(node_of(story, 0)->primary).value;
}

static inline bool is_halted(struct story *story, uint32_t index)
{
    const struct aero_sim_node *node = node_of(story, index);
    return node->alive && aero_replica_state(node->replica) == AERO_REPLICA_HALTED;
}

static inline void restart(struct story *story, uint32_t index, enum aero_sim_crash how)
{
    aero_sim_node_crash(node_of(story, index), how, SECOND_NS);
    pass(story, 5 * SECOND_NS);
}

/* A test with a world of its own. */
#define STORY(name) cmocka_unit_test_setup_teardown(name, begin_story, end_story)

#endif
