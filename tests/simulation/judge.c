/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/judge.h"

#include <stdio.h>

#include "server/server.h"
#include "tests/simulation/check_ack.h"
#include "tests/simulation/resp_lite.h"
#include "tests/simulation/world.h"

/* Longer than any operation of a disk stands still. */
#define PATIENCE_NS 10000000000U

/* A key that expires just now is being deleted: its answer waits for the log (decision 21). */
static struct aero_slice wait_for_output(struct aero_sim_world *world, struct aero_session *session)
{
    uint64_t end_ns = world->scheduler.now_ns + PATIENCE_NS;
    struct aero_slice output = aero_session_output(session);
    while (output.length == 0 && world->scheduler.now_ns < end_ns && aero_sim_world_step(world)) {
        output = aero_session_output(session);
    }
    return output;
}

/* Asks in a session of its own, so that no network stands between. */
static bool ask(struct aero_sim_world *world, struct aero_session *session, const char *name,
                struct aero_buffer *reply)
{
    struct aero_buffer request = {0};
    const char *words[] = {"GET", name};
    aero_sim_resp_append_command(&request, 2, words);
    aero_session_on_input(session, aero_buffer_slice(&request));
    aero_buffer_deinit(&request);
    aero_buffer_clear(reply);
    struct aero_slice output = wait_for_output(world, session);
    aero_buffer_append_slice(reply, output);
    aero_session_sent(session, output.length);
    if (reply->length == 0 || reply->data[0] != '$') {
        AERO_SIM_VIOLATION(world, "progress", "GET %s is answered with \"%.*s\"", name,
                           (int)(reply->length & 63), (const char *)reply->data);
        return false;
    }
    return true;
}

/* Everybody has caught up by now: a replica must show what the primary must. Unless the primary refuses: then each is judged by
 * what it has shown itself. */
static uint32_t floor_of(const struct aero_sim_world *world, uint32_t node_index, uint32_t index)
{
    return world->given_up || world->forked ? aero_check_ack_floor(world, index, node_index)
                                            : world->ack.keys[index].floor;
}

static void judge_key(struct aero_sim_world *world, struct aero_session *session,
                      uint32_t node_index, uint32_t index)
{
    const struct aero_ack_key *key = &world->ack.keys[index];
    struct aero_buffer replies[2] = {{0}, {0}};
    bool is_pair = key->kind == AERO_ACK_PAIR;
    bool answered = true;
    for (int half = 0; half < (is_pair ? 2 : 1) && answered; half++) {
        char name[32];
        snprintf(name, sizeof name, "%s%s", key->name, !is_pair ? "" : half == 0 ? "a" : "b");
        answered = ask(world, session, name, &replies[half]);
    }
    if (answered) {
        struct aero_slice a = aero_sim_resp_bulk(aero_buffer_slice(&replies[0]));
        uint32_t floor = floor_of(world, node_index, index);
        if (is_pair) {
            aero_check_ack_seen_pair(world, index, node_index, floor, a,
                                     aero_sim_resp_bulk(aero_buffer_slice(&replies[1])));
        } else {
            aero_check_ack_seen(world, index, node_index, floor, a);
        }
    }
    aero_buffer_deinit(&replies[0]);
    aero_buffer_deinit(&replies[1]);
}

/* The last read of the keys that everybody wrote. */
static void read_shared(struct aero_sim_world *world, struct aero_session *session)
{
    for (uint32_t i = 0; i < AERO_LINEAR_KEYS && !world->verdict.failed; i++) {
        struct aero_buffer reply = {0};
        char name[16];
        snprintf(name, sizeof name, "shared%u", i);
        uint32_t read = aero_check_linear_begin(world, i, AERO_LINEAR_READ);
        if (ask(world, session, name, &reply)) {
            aero_check_linear_done(world, i, read, aero_sim_resp_number(aero_buffer_slice(&reply)));
        }
        aero_buffer_deinit(&reply);
    }
}

void aero_sim_judge(struct aero_sim_world *world, uint32_t node_index, struct aero_server *server)
{
    struct aero_session *session = aero_session_open(
        server, &(struct aero_session_options){
                    .peer_address = "judge", .local_address = "here", .trusted = true});
    for (uint32_t i = 0; i < world->ack.count && !world->verdict.failed; i++) {
        struct aero_ack_key *key = &world->ack.keys[i];
        if (key->kind != AERO_ACK_EXPIRING) {
            judge_key(world, session, node_index, i);
        }
        if (key->kind == AERO_ACK_LOCK && key->lock_held && key->floor == 0 && !world->given_up &&
            !world->forked) {
            AERO_SIM_VIOLATION(world, "ack", "%s is free, somebody was told that it is held",
                               key->name);
        }
    }
    if (node_index == 0 && !world->forked) {
        read_shared(world, session);
    }
    aero_session_close(session);
}
