/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/clients.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/sim/node.h"
#include "tests/sim/resp_lite.h"

#define OUTSTANDING_MAX 64
#define REGISTERS_PER_CONNECTION 3U
#define COUNTERS 2U
#define LOCKS 6U
#define RECONNECT_MAX_NS 400000000U

enum wish {
    WISH_SET,
    WISH_DELETE,
    WISH_PAIR,
    WISH_INCREMENT,
    WISH_LOCK,
    WISH_EXPIRING,
    WISH_GET,
    WISH_GET_PAIR,
    WISH_OTHER, /* any reply will do: SCAN, DBSIZE, AERO.CHECKPOINT, WAIT, INFO, ... */
};

struct request {
    enum wish wish;
    uint32_t key;
    uint32_t write;
    uint32_t floor;
    uint32_t replies_left; /* a MULTI is answered four times, the last one counts */
};

struct aero_sim_client {
    struct aero_sim_world *world;
    char name[16];
    uint32_t index;
    uint32_t node_index;
    const char *node_name;
    uint32_t commands_left;
    uint32_t generation; /* of keys: one a connection */
    struct aero_sim_end end;
    bool open;
    bool work_is_due;
    struct aero_buffer input;
    struct aero_buffer output; /* not taken by the network yet */
    struct request outstanding[OUTSTANDING_MAX];
    uint32_t outstanding_count;
};

/* ---- What it wishes ------------------------------------------------------------------------------------------ */

static uint32_t own_key(struct aero_sim_client *client, enum aero_ack_kind kind)
{
    char name[24];
    static const char letter[] = {'r', 'p', '?', '?', 'x'};
    uint32_t number =
        kind == AERO_ACK_REGISTER
            ? (uint32_t)aero_choice_below(&client->world->choice, REGISTERS_PER_CONNECTION)
            : 0;
    snprintf(name, sizeof name, "c%u:%u:%c%u", client->index, client->generation, letter[kind],
             number);
    return aero_check_ack_key(client->world, name, kind);
}

static uint32_t shared_key(struct aero_sim_client *client, enum aero_ack_kind kind)
{
    char name[24];
    bool is_lock = kind == AERO_ACK_LOCK;
    uint32_t number =
        (uint32_t)aero_choice_below(&client->world->choice, is_lock ? LOCKS : COUNTERS);
    snprintf(name, sizeof name, "%s%u", is_lock ? "lock" : "counter", number);
    return aero_check_ack_key(client->world, name, kind);
}

static void append_other(struct aero_sim_client *client)
{
    static const char *const commands[][4] = {
        {"SCAN", "0", "COUNT", "7"}, {"DBSIZE", NULL},          {"INFO", NULL},
        {"AERO.LSN", NULL},          {"AERO.DIGEST", NULL},     {"EXISTS", "counter0", NULL},
        {"WAIT", "1", "20", NULL},   {"AERO.CHECKPOINT", NULL}, {"NOSUCHCOMMAND", NULL},
        {"TTL", "counter1", NULL},   {"KEYS", "lock*", NULL},   {"RANDOMKEY", NULL},
    };
    size_t count = sizeof commands / sizeof commands[0];
    const char *const *words = commands[aero_choice_below(&client->world->choice, count)];
    size_t length = 0;
    while (length < 4 && words[length] != NULL) {
        length++;
    }
    aero_sim_resp_append_command(&client->output, length, words);
}

static void append_pair(struct aero_sim_client *client, uint32_t key, struct aero_slice value)
{
    const char *name = client->world->ack.keys[key].name;
    char half[2][32];
    aero_sim_resp_append_command(&client->output, 1, (const char *const[]){"MULTI"});
    for (int i = 0; i < 2; i++) {
        snprintf(half[i], sizeof half[i], "%s%c", name, 'a' + i);
        aero_sim_resp_append_command_with(&client->output, 2, (const char *const[]){"SET", half[i]},
                                          value);
    }
    aero_sim_resp_append_command(&client->output, 1, (const char *const[]){"EXEC"});
}

static void append_write(struct aero_sim_client *client, struct request *request)
{
    uint8_t bytes[AERO_ACK_VALUE_MAX];
    request->write = aero_check_ack_sent(client->world, request->key, request->wish == WISH_DELETE);
    struct aero_slice value = aero_check_ack_value(request->key, request->write, bytes);
    const char *name = client->world->ack.keys[request->key].name;
    switch (request->wish) {
    case WISH_SET:
        aero_sim_resp_append_command_with(&client->output, 2, (const char *const[]){"SET", name},
                                          value);
        break;
    case WISH_DELETE:
        aero_sim_resp_append_command(&client->output, 2, (const char *const[]){"DEL", name});
        break;
    case WISH_PAIR:
        request->replies_left = 4;
        append_pair(client, request->key, value);
        break;
    case WISH_INCREMENT:
        aero_sim_resp_append_command(&client->output, 2, (const char *const[]){"INCR", name});
        break;
    case WISH_EXPIRING:
        aero_sim_resp_append_command_with(&client->output, 3,
                                          (const char *const[]){"PSETEX", name, "300"}, value);
        break;
    default:
        AERO_ASSERT(false);
    }
}

static void append_lock(struct aero_sim_client *client, struct request *request)
{
    uint8_t bytes[AERO_ACK_VALUE_MAX + 1];
    request->write = aero_check_ack_sent(client->world, request->key, false);
    struct aero_slice value = aero_check_ack_value(request->key, request->write, bytes);
    bytes[value.length] = '\0';
    const char *name = client->world->ack.keys[request->key].name;
    aero_sim_resp_append_command(&client->output, 4,
                                 (const char *const[]){"SET", name, (const char *)bytes, "NX"});
}

static void append_get(struct aero_sim_client *client, struct request *request)
{
    struct aero_sim_world *world = client->world;
    if (world->ack.count == 0) {
        request->wish = WISH_OTHER;
        append_other(client);
        return;
    }
    request->key = (uint32_t)aero_choice_below(&world->choice, world->ack.count);
    request->floor = aero_check_ack_floor(world, request->key, client->node_index);
    const struct aero_ack_key *key = &world->ack.keys[request->key];
    if (key->kind == AERO_ACK_PAIR) {
        char half[2][32];
        request->wish = WISH_GET_PAIR;
        snprintf(half[0], sizeof half[0], "%sa", key->name);
        snprintf(half[1], sizeof half[1], "%sb", key->name);
        aero_sim_resp_append_command(&client->output, 3,
                                     (const char *const[]){"MGET", half[0], half[1]});
    } else {
        aero_sim_resp_append_command(&client->output, 2, (const char *const[]){"GET", key->name});
    }
}

static enum wish draw_wish(struct aero_sim_client *client)
{
    uint64_t draw = aero_choice_below(&client->world->choice, 100);
    if (client->node_index != 0) {
        return draw < 90 ? WISH_GET : WISH_OTHER;
    }
    static const struct {
        uint64_t below;
        enum wish wish;
    } table[] = {{30, WISH_SET},  {36, WISH_DELETE},   {48, WISH_PAIR}, {60, WISH_INCREMENT},
                 {66, WISH_LOCK}, {70, WISH_EXPIRING}, {95, WISH_GET},  {100, WISH_OTHER}};
    size_t i = 0;
    while (draw >= table[i].below) {
        i++;
    }
    return table[i].wish;
}

static void issue(struct aero_sim_client *client)
{
    struct request request = {.wish = draw_wish(client), .replies_left = 1};
    switch (request.wish) {
    case WISH_SET:
    case WISH_DELETE:
        request.key = own_key(client, AERO_ACK_REGISTER);
        append_write(client, &request);
        break;
    case WISH_PAIR:
        request.key = own_key(client, AERO_ACK_PAIR);
        append_write(client, &request);
        break;
    case WISH_EXPIRING:
        request.key = own_key(client, AERO_ACK_EXPIRING);
        append_write(client, &request);
        break;
    case WISH_INCREMENT:
        request.key = shared_key(client, AERO_ACK_COUNTER);
        append_write(client, &request);
        break;
    case WISH_LOCK:
        request.key = shared_key(client, AERO_ACK_LOCK);
        append_lock(client, &request);
        break;
    case WISH_GET:
        append_get(client, &request);
        break;
    default:
        append_other(client);
        break;
    }
    client->outstanding[client->outstanding_count++] = request;
    client->commands_left--;
    client->world->counts.commands++;
}

/* ---- What it is told ----------------------------------------------------------------------------------------- */

/* Refused before it had any effect, or told to have none for good (decision 11). */
static bool is_without_effect(struct aero_slice reply)
{
    static const char *const codes[] = {"NOTWRITTEN", "MISCONF",   "OOM",    "LOADING",
                                        "READONLY",   "EXECABORT", "NOAUTH", "ERR"};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (aero_sim_resp_is_error(reply, codes[i])) {
            return true;
        }
    }
    return false;
}

static void hear_write(struct aero_sim_client *client, const struct request *request,
                       struct aero_slice reply)
{
    struct aero_sim_world *world = client->world;
    long long number = 0;
    if (reply.data[0] == '-') {
        if (is_without_effect(reply)) {
            aero_check_ack_notwritten(world, request->key, request->write);
        } else if (!aero_sim_resp_is_error(reply, "UNKNOWN")) {
            AERO_SIM_VIOLATION(world, "ack", "an error of no known kind: %.*s",
                               (int)(reply.length < 100 ? reply.length : 100),
                               (const char *)reply.data);
        }
        return;
    }
    if (request->wish == WISH_LOCK && reply.data[0] == '$') {
        aero_check_ack_notwritten(world, request->key, request->write);
        aero_check_ack_lock_held(world, request->key);
        return;
    }
    aero_sim_resp_integer(reply, &number);
    aero_check_ack_done(world, request->key, request->write, (uint64_t)number);
}

static void hear_read(struct aero_sim_client *client, const struct request *request,
                      struct aero_slice reply)
{
    if (reply.data[0] == '-') {
        return;
    }
    if (request->wish == WISH_GET_PAIR) {
        aero_check_ack_seen_pair(client->world, request->key, client->node_index, request->floor,
                                 aero_sim_resp_bulk(aero_sim_resp_element(reply, 0)),
                                 aero_sim_resp_bulk(aero_sim_resp_element(reply, 1)));
    } else {
        aero_check_ack_seen(client->world, request->key, client->node_index, request->floor,
                            aero_sim_resp_bulk(reply));
    }
}

static void trace_reply(struct aero_sim_client *client, const struct request *request,
                        struct aero_slice reply)
{
    int shown = (int)(reply.length < 60 ? reply.length : 60);
    char text[61] = "";
    for (int i = 0; i < shown; i++) {
        char byte = (char)reply.data[i];
        text[i] = byte >= ' ' && byte <= '~' ? byte : '.';
    }
    bool has_key = request->wish != WISH_OTHER;
    aero_sim_trace_event(
        &client->world->trace, client->name, "wish %d %s write %u: %s", (int)request->wish,
        has_key ? client->world->ack.keys[request->key].name : "", request->write, text);
}

static void hear(struct aero_sim_client *client, struct aero_slice reply)
{
    if (client->outstanding_count == 0) {
        AERO_SIM_VIOLATION(client->world, "ack", "%s hears an answer to nothing", client->name);
        return;
    }
    struct request *request = &client->outstanding[0];
    if (--request->replies_left > 0) {
        return;
    }
    trace_reply(client, request, reply);
    switch (request->wish) {
    case WISH_OTHER:
        break;
    case WISH_GET:
    case WISH_GET_PAIR:
        hear_read(client, request, reply);
        break;
    default:
        hear_write(client, request, reply);
    }
    client->outstanding_count--;
    memmove(request, request + 1, client->outstanding_count * sizeof *request);
}

/* ---- Its connection ------------------------------------------------------------------------------------------ */

static void work(void *self, uint64_t unused);

static void work_later(struct aero_sim_client *client, uint64_t delay_max_ns)
{
    if (!client->work_is_due) {
        client->work_is_due = true;
        aero_sim_after(&client->world->scheduler,
                       aero_choice_below(&client->world->choice, delay_max_ns + 1), work, client,
                       0);
    }
}

static void send_output(struct aero_sim_client *client)
{
    if (client->open && client->output.length > 0) {
        size_t sent =
            aero_sim_net_send(client->world->net, client->end, aero_buffer_slice(&client->output));
        aero_buffer_consume(&client->output, sent);
    }
}

static void work(void *self, uint64_t unused)
{
    struct aero_sim_client *client = self;
    (void)unused;
    client->work_is_due = false;
    if (client->end.connection == 0) {
        if (client->commands_left > 0) {
            client->end = aero_sim_net_dial(client->world->net, client->name, client->node_name,
                                            AERO_SIM_PORT_CLIENTS);
        }
        return;
    }
    if (!client->open) {
        return;
    }
    uint32_t depth = client->world->swarm.pipeline_depth;
    uint64_t burst = aero_choice_between(&client->world->choice, 1, depth);
    while (burst-- > 0 && client->commands_left > 0 && client->outstanding_count < depth) {
        issue(client);
    }
    send_output(client);
    if (client->commands_left > 0) {
        work_later(client, client->world->swarm.think_max_ns);
    }
}

static void forget_connection(struct aero_sim_client *client)
{
    memset(&client->end, 0, sizeof client->end);
    client->open = false;
    client->outstanding_count = 0; /* their writes stay in the state SENT for ever */
    client->generation++;
    aero_buffer_clear(&client->input);
    aero_buffer_clear(&client->output);
    work_later(client, RECONNECT_MAX_NS);
}

static void on_open(void *self, struct aero_sim_end end, const char *peer, uint32_t port)
{
    struct aero_sim_client *client = self;
    (void)peer;
    (void)port;
    AERO_ASSERT(end.connection == client->end.connection);
    client->open = true;
    work_later(client, client->world->swarm.think_max_ns);
}

static size_t on_bytes(void *self, struct aero_sim_end end, struct aero_slice bytes)
{
    struct aero_sim_client *client = self;
    AERO_ASSERT(end.connection == client->end.connection);
    aero_buffer_append_slice(&client->input, bytes);
    size_t done = 0;
    for (;;) {
        struct aero_slice rest =
            aero_slice_of(client->input.data + done, client->input.length - done);
        size_t length = rest.length == 0 ? 0 : aero_sim_resp_length(rest);
        if (length == SIZE_MAX) {
            AERO_SIM_VIOLATION(client->world, "ack", "%s hears what is not RESP", client->name);
            length = 0;
        }
        if (length == 0) {
            break;
        }
        hear(client, aero_slice_of(rest.data, length));
        done += length;
    }
    aero_buffer_consume(&client->input, done);
    if (client->commands_left > 0) {
        work_later(client, client->world->swarm.think_max_ns);
    }
    return bytes.length;
}

static void on_room(void *self, struct aero_sim_end end)
{
    (void)end;
    send_output(self);
}

static void on_close(void *self, struct aero_sim_end end)
{
    struct aero_sim_client *client = self;
    AERO_ASSERT(end.connection == client->end.connection);
    forget_connection(client);
}

static const struct aero_sim_net_events net_events = {
    .on_open = on_open, .on_bytes = on_bytes, .on_room = on_room, .on_close = on_close};

struct aero_sim_client *aero_sim_client_new(struct aero_sim_world *world, uint32_t index,
                                            uint32_t node_index)
{
    struct aero_sim_client *client = aero_calloc(1, sizeof *client);
    client->world = world;
    client->index = index;
    client->node_index = node_index;
    client->node_name = world->nodes[node_index]->name;
    client->commands_left = world->swarm.commands_per_client;
    snprintf(client->name, sizeof client->name, "client%u", index);
    aero_sim_net_up(world->net, client->name, &net_events, client);
    work_later(client, 1000000);
    return client;
}

void aero_sim_client_free(struct aero_sim_client *client)
{
    if (client != NULL) {
        aero_buffer_deinit(&client->input);
        aero_buffer_deinit(&client->output);
        free(client);
    }
}

void aero_sim_client_stop(struct aero_sim_client *client)
{
    client->commands_left = 0;
}

bool aero_sim_client_is_done(const struct aero_sim_client *client)
{
    return client->commands_left == 0 && client->outstanding_count == 0;
}
