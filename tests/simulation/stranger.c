/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/stranger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "primary/primary.h"
#include "proto/message.h"
#include "shipping/handshake.h"
#include "tests/simulation/act.h"
#include "tests/simulation/node.h"

#define WIRE_MAX_BYTES 60000U
#define RUBBISH_MAX_BYTES 3000U
#define STAY_MAX_NS 400000000U
#define LSN_AHEAD_MAX 3000U

enum way {
    WAY_RUBBISH,
    WAY_REPLAY,
    WAY_LIE,
    WAY_COUNT,
};

struct aero_sim_stranger {
    struct aero_sim_world *world;
    char as[16];
    bool allowed;
    enum way way;
    struct aero_sim_end end;    /* that it dialled; connection 0: none */
    struct aero_buffer heard;   /* on it, not understood yet */
    struct aero_buffer wire[2]; /* what it overheard: [1] to a primary, [0] to a replica */
    uint64_t overhears;         /* the connection */
};

/* ---- What it overhears ---------------------------------------------------------------------------------------- */

void aero_sim_stranger_overhears_open(struct aero_sim_world *world, uint64_t connection)
{
    struct aero_sim_stranger *stranger = world->stranger;
    if (aero_choice_below(&world->choice, 2) == 0) {
        stranger->overhears = connection;
        aero_buffer_clear(&stranger->wire[0]);
        aero_buffer_clear(&stranger->wire[1]);
    }
}

void aero_sim_stranger_overhears(struct aero_sim_world *world, uint64_t connection, bool to_primary,
                                 struct aero_slice bytes)
{
    struct aero_sim_stranger *stranger = world->stranger;
    struct aero_buffer *wire = &stranger->wire[to_primary];
    if (connection == stranger->overhears && wire->length + bytes.length <= WIRE_MAX_BYTES) {
        aero_buffer_append_slice(wire, bytes);
    }
}

const char *aero_sim_stranger_name(const struct aero_sim_world *world, const char *peer,
                                   bool *out_allowed)
{
    if (strcmp(peer, AERO_SIM_STRANGER) != 0) {
        *out_allowed = true;
        return NULL;
    }
    *out_allowed = world->stranger->allowed;
    return world->stranger->as;
}

/* ---- What it says ---------------------------------------------------------------------------------------------- */

static void say(struct aero_sim_stranger *stranger, struct aero_sim_end end,
                const struct aero_buffer *bytes)
{
    (void)aero_sim_net_send(stranger->world->net, end, aero_buffer_slice(bytes));
}

static void say_rubbish(struct aero_sim_stranger *stranger, struct aero_sim_end end)
{
    struct aero_choice *choice = &stranger->world->choice;
    struct aero_buffer bytes = {0};
    uint64_t length = aero_choice_between(choice, 1, RUBBISH_MAX_BYTES);
    for (uint64_t i = 0; i < length; i++) {
        uint8_t byte = (uint8_t)aero_choice_below(choice, 256);
        aero_buffer_append(&bytes, &byte, 1);
    }
    say(stranger, end, &bytes);
    aero_buffer_deinit(&bytes);
}

/* What it overheard, sometimes with a byte changed, sometimes only the first part. */
static void say_again(struct aero_sim_stranger *stranger, struct aero_sim_end end, bool to_primary)
{
    struct aero_choice *choice = &stranger->world->choice;
    const struct aero_buffer *wire = &stranger->wire[to_primary];
    struct aero_buffer bytes = {0};
    if (wire->length == 0) {
        return;
    }
    size_t length = (size_t)aero_choice_between(choice, wire->length / 2, wire->length);
    aero_buffer_append(&bytes, wire->data, length);
    if (length > 0 && aero_choice_below(choice, 3) == 0) {
        bytes.data[aero_choice_below(choice, length)] ^= 1;
    }
    say(stranger, end, &bytes);
    aero_buffer_deinit(&bytes);
}

/* The real cluster, the real history, and a position that is one of a hundred that are not true. */
static void say_false_hello(struct aero_sim_stranger *stranger)
{
    struct aero_sim_world *world = stranger->world;
    struct aero_choice *choice = &world->choice;
    if (!world->nodes[0]->alive) {
        return;
    }
    const struct aero_manifest *manifest = aero_primary_manifest(world->nodes[0]->primary);
    struct aero_buffer history = {0};
    struct aero_buffer bytes = {0};
    aero_handshake_encode_history(&manifest->history, &history);
    struct aero_message message = {.type = AERO_FRAME_HELLO};
    struct aero_message_hello *hello = &message.as.hello;
    uint64_t lsn = aero_choice_below(
        choice, aero_primary_durable_lsn(world->nodes[0]->primary).value + LSN_AHEAD_MAX);
    *hello = (struct aero_message_hello){
        .protocol_version = AERO_PROTOCOL_VERSION,
        .cluster_id = manifest->cluster_id,
        .epoch = manifest->epoch,
        .history = aero_buffer_slice(&history),
        .end = {.lsn = aero_lsn_of(lsn)},
        .tail_streaming = true,
        .credit_bytes = 1 << 20,
    };
    hello->node_id = aero_sim_draw_id(choice);
    hello->end_sequence = aero_choice_between(choice, 1, 30);
    hello->end_offset = 4096 + 8 * aero_choice_below(choice, 4000);
    hello->end.chain = aero_choice_below(choice, UINT64_MAX);
    snprintf(hello->node_name, sizeof hello->node_name, "%s", stranger->as);
    hello->segment_sequence = hello->end_sequence;
    hello->segment_before = hello->end;
    hello->segment_nonce = aero_sim_draw_id(choice);
    if (manifest->history.segment_count > 0 && aero_choice_below(choice, 2) == 0) {
        const struct aero_segment_start *start =
            &manifest->history.segments[aero_choice_below(choice, manifest->history.segment_count)];
        hello->end_sequence = start->sequence;
        hello->segment_sequence = start->sequence;
        hello->segment_before = start->before;
        hello->segment_nonce = start->nonce;
    }
    hello->segment_incarnation =
        manifest->history
            .incarnations[aero_choice_below(choice, manifest->history.incarnation_count)]
            .nonce;
    aero_message_append(&bytes, &message);
    say(stranger, stranger->end, &bytes);
    aero_buffer_deinit(&history);
    aero_buffer_deinit(&bytes);
}

/* Acknowledges what it never got, shows records that do not exist. */
static void answer(struct aero_sim_stranger *stranger, const struct aero_message *heard)
{
    struct aero_choice *choice = &stranger->world->choice;
    struct aero_message message = {.type = AERO_FRAME_ACK};
    struct aero_buffer bytes = {0};
    uint8_t header[4096];
    if (heard->type == AERO_FRAME_VERDICT) {
        aero_lsn lsn =
            aero_lsn_of(heard->as.verdict.durable.value + aero_choice_below(choice, LSN_AHEAD_MAX));
        message.as.ack = (struct aero_message_ack){.link_nonce = heard->as.verdict.link_nonce,
                                                   .received = lsn,
                                                   .durable = lsn,
                                                   .applied = lsn,
                                                   .durable_sequence = 1000,
                                                   .credit_bytes = 1 << 20};
    } else {
        for (size_t i = 0; i < sizeof header; i++) {
            header[i] = (uint8_t)aero_choice_below(choice, 256);
        }
        message.type = AERO_FRAME_RECORD_BYTES;
        message.as.record_bytes =
            (struct aero_message_record_bytes){.after = heard->as.fetch_record.after,
                                               .found = true,
                                               .segment_header = aero_slice_of(header, 4096),
                                               .record_header = aero_slice_of(header, 64)};
    }
    aero_message_append(&bytes, &message);
    say(stranger, stranger->end, &bytes);
    aero_buffer_deinit(&bytes);
}

static void understand(struct aero_sim_stranger *stranger)
{
    struct aero_frame frame;
    size_t used = 0;
    size_t needed = 0;
    while (aero_is_ok(
        aero_frame_decode(aero_buffer_slice(&stranger->heard), &frame, &used, &needed))) {
        struct aero_message message;
        if ((frame.type == AERO_FRAME_VERDICT || frame.type == AERO_FRAME_FETCH_RECORD) &&
            aero_is_ok(aero_message_decode(&frame, &message))) {
            answer(stranger, &message);
            aero_message_deinit(&message);
        }
        aero_buffer_consume(&stranger->heard, used);
    }
}

/* ---- Its connections -------------------------------------------------------------------------------------------- */

static void leave(void *self, uint64_t tag)
{
    struct aero_sim_stranger *stranger = self;
    struct aero_sim_end end = {.connection = tag >> 1, .side = (uint32_t)(tag & 1)};
    if (stranger->end.connection == end.connection) {
        memset(&stranger->end, 0, sizeof stranger->end);
    }
    aero_sim_net_close(stranger->world->net, end);
}

static void on_open(void *self, struct aero_sim_end end, const char *peer, uint32_t port)
{
    struct aero_sim_stranger *stranger = self;
    struct aero_sim_world *world = stranger->world;
    (void)peer;
    (void)port;
    world->counts.strangers++;
    bool to_primary = end.side == 0;
    bool is_lie = to_primary && stranger->way == WAY_LIE;
    if (is_lie) {
        say_false_hello(stranger);
    } else if (stranger->way == WAY_RUBBISH) {
        say_rubbish(stranger, end);
    } else {
        say_again(stranger, end, to_primary);
    }
    aero_sim_after(&world->scheduler, aero_choice_below(&world->choice, STAY_MAX_NS), leave,
                   stranger, end.connection << 1 | end.side);
}

static size_t on_bytes(void *self, struct aero_sim_end end, struct aero_slice bytes)
{
    struct aero_sim_stranger *stranger = self;
    if (end.connection == stranger->end.connection && stranger->way == WAY_LIE) {
        aero_buffer_append_slice(&stranger->heard, bytes);
        understand(stranger);
    }
    return bytes.length;
}

static void on_room(void *self, struct aero_sim_end end)
{
    (void)self;
    (void)end;
}

static void on_close(void *self, struct aero_sim_end end)
{
    struct aero_sim_stranger *stranger = self;
    if (end.connection == stranger->end.connection) {
        memset(&stranger->end, 0, sizeof stranger->end);
    }
}

static const struct aero_sim_net_events net_events = {
    .on_open = on_open, .on_bytes = on_bytes, .on_room = on_room, .on_close = on_close};

struct aero_sim_stranger *aero_sim_stranger_new(struct aero_sim_world *world)
{
    struct aero_sim_stranger *stranger = aero_calloc(1, sizeof *stranger);
    stranger->world = world;
    aero_sim_net_up(world->net, AERO_SIM_STRANGER, &net_events, stranger);
    return stranger;
}

void aero_sim_stranger_free(struct aero_sim_stranger *stranger)
{
    if (stranger != NULL) {
        aero_buffer_deinit(&stranger->heard);
        aero_buffer_deinit(&stranger->wire[0]);
        aero_buffer_deinit(&stranger->wire[1]);
        free(stranger);
    }
}

/* Under a name of its own, or as the twin of a replica that exists; at a replication port or at one for clients. */
void aero_sim_act_stranger(struct aero_sim_world *world)
{
    struct aero_sim_stranger *stranger = world->stranger;
    struct aero_choice *choice = &world->choice;
    if (stranger->end.connection != 0) {
        return;
    }
    bool is_twin = aero_choice_below(choice, 2) == 0;
    snprintf(stranger->as, sizeof stranger->as, "%s",
             is_twin ? aero_sim_draw_replica(world)->name : AERO_SIM_STRANGER);
    stranger->allowed = is_twin || aero_choice_below(choice, 2) == 0;
    stranger->way = (enum way)aero_choice_below(choice, WAY_COUNT);
    bool as_client = stranger->way == WAY_RUBBISH && aero_choice_below(choice, 2) == 0;
    aero_buffer_clear(&stranger->heard);
    aero_sim_trace_event(&world->trace, "stranger", "dials the primary as %s, way %d%s",
                         stranger->as, (int)stranger->way,
                         stranger->allowed ? "" : ", not on the list");
    stranger->end =
        aero_sim_net_dial(world->net, AERO_SIM_STRANGER, "primary",
                          as_client ? AERO_SIM_PORT_CLIENTS : AERO_SIM_PORT_REPLICATION);
}
