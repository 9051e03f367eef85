/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/clients.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/simulation/node.h"
#include "tests/simulation/resp_lite.h"

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
    WISH_SHARED, /* a key that everybody writes: check_linear.h */
    WISH_TOKEN,  /* AERO.LSN behind the writes so far: check_session.h */
    WISH_REACH,  /* AERO.WAITLSN on a replica */
    WISH_OTHER,  /* any reply will do: SCAN, DBSIZE, AERO.CHECKPOINT, WAIT, INFO, ... */
};

struct request {
    enum wish wish;
    uint32_t key;
    uint32_t write;
    uint32_t floor;
    enum aero_linear_kind kind;      /* WISH_SHARED; key and write are those of check_linear.h */
    struct aero_session_token token; /* WISH_REACH */
    uint32_t replies_left;           /* a MULTI is answered four times, the last one counts */
};

struct aero_sim_client {
    struct aero_sim_world *world;
    char name[16];
    uint32_t index;
    uint32_t node_index;
    const char *node_name;
    uint32_t commands_left;
    uint32_t generation;                        /* of keys: one a connection */
    uint32_t own[REGISTERS_PER_CONNECTION + 1]; /* keys of this generation */
    uint32_t own_count;
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
    uint32_t key = aero_check_ack_key(client->world, name, kind);
    bool known = kind == AERO_ACK_EXPIRING; /* may be gone: no use behind a token */
    for (uint32_t i = 0; i < client->own_count; i++) {
        known |= client->own[i] == key;
    }
    if (!known) {
        client->own[client->own_count++] = key;
    }
    return key;
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
    /* Of all that INFO says this part does not count sessions and commands, and so not the observer's. */
    static const char *const unaware[4] = {"INFO", "keyspace"};
    const char *const *words = commands[aero_choice_below(&client->world->choice, count)];
    bool is_observed =
        client->world->listening == AERO_SIM_CURIOUS || client->world->listening == AERO_SIM_DEAF;
    if (is_observed && strcmp(words[0], "INFO") == 0) {
        words = unaware;
    }
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

static void append_shared(struct aero_sim_client *client, struct request *request)
{
    struct aero_sim_world *world = client->world;
    static const enum aero_linear_kind kinds[] = {
        AERO_LINEAR_READ,  AERO_LINEAR_READ, AERO_LINEAR_READ,   AERO_LINEAR_WRITE,
        AERO_LINEAR_WRITE, AERO_LINEAR_SWAP, AERO_LINEAR_DELETE, AERO_LINEAR_CREATE};
    char name[16];
    char value[16];
    request->kind = kinds[aero_choice_below(&world->choice, sizeof kinds / sizeof kinds[0])];
    request->key = (uint32_t)aero_choice_below(&world->choice, AERO_LINEAR_KEYS);
    request->write = aero_check_linear_begin(world, request->key, request->kind);
    snprintf(name, sizeof name, "shared%u", request->key);
    snprintf(value, sizeof value, "%u", request->write + 1);
    switch (request->kind) {
    case AERO_LINEAR_READ:
        aero_sim_resp_append_command(&client->output, 2, (const char *const[]){"GET", name});
        break;
    case AERO_LINEAR_WRITE:
        aero_sim_resp_append_command(&client->output, 3, (const char *const[]){"SET", name, value});
        break;
    case AERO_LINEAR_DELETE:
        aero_sim_resp_append_command(&client->output, 2, (const char *const[]){"DEL", name});
        break;
    case AERO_LINEAR_SWAP:
        aero_sim_resp_append_command(&client->output, 3,
                                     (const char *const[]){"GETSET", name, value});
        break;
    case AERO_LINEAR_CREATE:
        aero_sim_resp_append_command(&client->output, 3,
                                     (const char *const[]){"SETNX", name, value});
        break;
    }
}

static void append_reach(struct aero_sim_client *client, struct request *request)
{
    const struct aero_session_token *token = aero_check_session_draw(client->world);
    if (token == NULL) {
        request->wish = WISH_OTHER;
        append_other(client);
        return;
    }
    request->token = *token;
    aero_sim_resp_append_command(&client->output, 3,
                                 (const char *const[]){"AERO.WAITLSN", token->text, "40"});
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
    /* What a writer usually has, of 100; swarm.h. */
    static const struct {
        uint32_t usual;
        enum wish wish;
    } table[AERO_SIM_WISHES] = {{20, WISH_SET},       {4, WISH_DELETE}, {8, WISH_PAIR},
                                {10, WISH_INCREMENT}, {4, WISH_LOCK},   {3, WISH_EXPIRING},
                                {27, WISH_SHARED},    {5, WISH_TOKEN},  {14, WISH_GET},
                                {5, WISH_OTHER}};
    struct aero_sim_world *world = client->world;
    if (client->node_index != 0) {
        uint64_t draw = aero_choice_below(&world->choice, 100);
        return draw < 75 ? WISH_GET : draw < 90 ? WISH_REACH : WISH_OTHER;
    }
    uint64_t all = 0;
    for (size_t i = 0; i < AERO_SIM_WISHES; i++) {
        all += table[i].usual * world->swarm.wishes[i];
    }
    uint64_t draw = aero_choice_below(&world->choice, all);
    size_t i = 0;
    while (draw >= table[i].usual * world->swarm.wishes[i]) {
        draw -= table[i].usual * world->swarm.wishes[i];
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
    case WISH_SHARED:
        append_shared(client, &request);
        break;
    case WISH_TOKEN:
        aero_sim_resp_append_command(&client->output, 1, (const char *const[]){"AERO.LSN"});
        break;
    case WISH_REACH:
        append_reach(client, &request);
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

static void hear_shared(struct aero_sim_client *client, const struct request *request,
                        struct aero_slice reply)
{
    long long number = 0;
    bool is_read = request->kind == AERO_LINEAR_READ;
    if (reply.data[0] == '-') {
        if (is_read || is_without_effect(reply)) {
            aero_check_linear_refused(client->world, request->key, request->write);
        }
        return;
    }
    if (aero_sim_resp_integer(reply, &number)) {
        aero_check_linear_done(client->world, request->key, request->write, (uint32_t)number);
    } else {
        aero_check_linear_done(client->world, request->key, request->write,
                               aero_sim_resp_number(reply));
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
    static const char *const wishes[] = {[WISH_SET] = "SET",
                                         [WISH_DELETE] = "DEL",
                                         [WISH_PAIR] = "MULTI SET SET EXEC",
                                         [WISH_INCREMENT] = "INCR",
                                         [WISH_LOCK] = "SET NX",
                                         [WISH_EXPIRING] = "PSETEX",
                                         [WISH_GET] = "GET",
                                         [WISH_GET_PAIR] = "MGET",
                                         [WISH_SHARED] = "shared",
                                         [WISH_TOKEN] = "AERO.LSN",
                                         [WISH_REACH] = "AERO.WAITLSN",
                                         [WISH_OTHER] = "other"};
    static const char *const kinds[] = {[AERO_LINEAR_READ] = "GET",
                                        [AERO_LINEAR_WRITE] = "SET",
                                        [AERO_LINEAR_DELETE] = "DEL",
                                        [AERO_LINEAR_SWAP] = "GETSET",
                                        [AERO_LINEAR_CREATE] = "SETNX"};
    if (request->wish == WISH_SHARED) {
        aero_sim_trace_event(&client->world->trace, client->name, "%s shared%u value %u: %s",
                             kinds[request->kind], request->key, request->write + 1, text);
        return;
    }
    bool has_key = request->wish < WISH_SHARED;
    aero_sim_trace_event(
        &client->world->trace, client->name, "%s %s write %u: %s", wishes[request->wish],
        has_key ? client->world->ack.keys[request->key].name : "-", request->write, text);
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
    case WISH_SHARED:
        hear_shared(client, request, reply);
        break;
    case WISH_TOKEN:
        if (reply.data[0] == '$') {
            aero_check_session_token(client->world, aero_sim_resp_bulk(reply), client->own,
                                     client->own_count);
        }
        break;
    case WISH_REACH:
        if (reply.data[0] == '+') {
            aero_check_session_reached(client->world, client->node_index, &request->token);
        }
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
    if (client->commands_left > 0 && client->outstanding_count < depth) {
        work_later(client, client->world->swarm.think_max_ns); /* else an answer wakes it */
    }
}

static void forget_connection(struct aero_sim_client *client)
{
    memset(&client->end, 0, sizeof client->end);
    client->open = false;
    client->outstanding_count = 0; /* their writes stay in the state SENT for ever */
    client->generation++;
    client->own_count = 0;
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
