/* SPDX-License-Identifier: Apache-2.0 */
/* Each direction of a connection is a queue of bytes and a queue of pieces with the time at which they arrive; times never
 * decrease, so bytes stay in order. Piece by piece they become "arrived", and the reader takes what it likes of those. */
#include "tests/simulation/sim_net.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

#define NODES_MAX 16
#define LATE_CLOSE_MAX_NS 20000000000ULL /* how long an end may believe in a dead peer */

struct node {
    const char *name;
    const struct aero_sim_net_events *events;
    void *self;
    bool up;
};

struct piece {
    size_t length;
    bool is_end; /* the peer closed */
};

struct direction {
    struct aero_buffer bytes;
    size_t arrived;
    struct piece *pieces; /* a ring would do; queues are short */
    size_t piece_count;
    size_t piece_capacity;
    uint64_t last_arrival_ns;
    bool end_arrived;
    bool writer_waits;
};

struct connection {
    uint64_t number;
    uint32_t node[2];
    uint32_t port;
    bool open[2]; /* as that end believes */
    bool dialling;
    struct direction to[2]; /* to[side]: what `side` will read */
};

struct lane {
    uint64_t clogged_until_ns;
    bool partitioned;
};

struct aero_sim_net {
    struct aero_sim_net_options options;
    struct aero_sim_scheduler *scheduler;
    struct aero_choice *choice;
    struct aero_sim_trace *trace;
    struct node nodes[NODES_MAX];
    uint32_t node_count;
    struct lane lanes[NODES_MAX][NODES_MAX];
    struct connection **connections; /* sorted by number */
    size_t connection_count;
    size_t connection_capacity;
    uint64_t next_number;
};

struct aero_sim_net *aero_sim_net_new(const struct aero_sim_net_options *options,
                                      struct aero_sim_scheduler *scheduler,
                                      struct aero_choice *choice, struct aero_sim_trace *trace)
{
    AERO_ASSERT(options->window_bytes >= 1);
    AERO_ASSERT(options->piece_bytes >= 1);
    struct aero_sim_net *net = aero_calloc(1, sizeof *net);
    net->options = *options;
    net->scheduler = scheduler;
    net->choice = choice;
    net->trace = trace;
    net->next_number = 1;
    return net;
}

static void free_connection(struct connection *connection)
{
    for (int side = 0; side < 2; side++) {
        aero_buffer_deinit(&connection->to[side].bytes);
        free(connection->to[side].pieces);
    }
    free(connection);
}

void aero_sim_net_free(struct aero_sim_net *net)
{
    if (net == NULL) {
        return;
    }
    for (size_t i = 0; i < net->connection_count; i++) {
        free_connection(net->connections[i]);
    }
    free(net->connections);
    free(net);
}

static uint32_t find_node(const struct aero_sim_net *net, const char *name)
{
    uint32_t i = 0;
    while (i < net->node_count && strcmp(net->nodes[i].name, name) != 0) {
        i++;
    }
    return i;
}

static size_t find_place(const struct aero_sim_net *net, uint64_t number)
{
    size_t low = 0;
    size_t high = net->connection_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (net->connections[middle]->number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct connection *find_connection(const struct aero_sim_net *net, uint64_t number)
{
    size_t place = find_place(net, number);
    bool found = place < net->connection_count && net->connections[place]->number == number;
    return found ? net->connections[place] : NULL;
}

/* A connection that no end believes in any more is forgotten; events that still come for it find nothing. */
static void forget_if_dead(struct aero_sim_net *net, uint64_t number)
{
    size_t place = find_place(net, number);
    struct connection *connection = find_connection(net, number);
    if (connection == NULL || connection->open[0] || connection->open[1] || connection->dialling) {
        return;
    }
    free_connection(connection);
    net->connection_count--;
    memmove(&net->connections[place], &net->connections[place + 1],
            (net->connection_count - place) * sizeof(struct connection *));
}

void aero_sim_net_up(struct aero_sim_net *net, const char *name,
                     const struct aero_sim_net_events *events, void *self)
{
    uint32_t node = find_node(net, name);
    if (node == net->node_count) {
        AERO_ASSERT(net->node_count < NODES_MAX);
        net->node_count++;
    }
    net->nodes[node] = (struct node){.name = name, .events = events, .self = self, .up = true};
}

static uint64_t draw_delay(struct aero_sim_net *net)
{
    return aero_choice_between(net->choice, net->options.delay_min_ns, net->options.delay_max_ns);
}

static uint64_t tag_of(uint64_t number, uint32_t side)
{
    return number << 1 | side;
}

static struct aero_sim_end end_of(const struct connection *connection, uint32_t side)
{
    return (struct aero_sim_end){.connection = connection->number, .side = side};
}

static const struct lane *lane_to(struct aero_sim_net *net, const struct connection *connection,
                                  uint32_t side)
{
    return &net->lanes[connection->node[1 - side]][connection->node[side]];
}

/* ---- Delivery ------------------------------------------------------------------------------------------------ */

static void close_end(struct aero_sim_net *net, uint64_t number, uint32_t side)
{
    struct connection *connection = find_connection(net, number);
    if (connection == NULL || !connection->open[side]) {
        return;
    }
    connection->open[side] = false;
    const struct node *node = &net->nodes[connection->node[side]];
    aero_sim_trace_event(net->trace, node->name, "net connection %llu closed",
                         (unsigned long long)number);
    if (node->up) {
        node->events->on_close(node->self, end_of(connection, side));
    }
    forget_if_dead(net, number);
}

/* Offers what has arrived. Every call into a node may close the connection, so it is found anew each time. */
static void offer(struct aero_sim_net *net, uint64_t number, uint32_t side)
{
    for (;;) {
        struct connection *connection = find_connection(net, number);
        if (connection == NULL || !connection->open[side]) {
            return;
        }
        struct direction *direction = &connection->to[side];
        const struct node *node = &net->nodes[connection->node[side]];
        if (!node->up) {
            return;
        }
        if (direction->arrived == 0) {
            if (direction->end_arrived) {
                close_end(net, number, side);
            }
            return;
        }
        /* The node may send or close while it reads, which moves the queue: it gets a copy. */
        size_t length = direction->arrived;
        uint8_t *copy = aero_malloc(length);
        memcpy(copy, direction->bytes.data, length);
        size_t taken = node->events->on_bytes(node->self, end_of(connection, side),
                                              aero_slice_of(copy, length));
        free(copy);
        AERO_ASSERT(taken <= length);
        connection = find_connection(net, number);
        if (connection == NULL) {
            return;
        }
        direction = &connection->to[side];
        aero_buffer_consume(&direction->bytes, taken);
        direction->arrived -= taken;
        uint32_t writer = 1 - side;
        const struct node *peer = &net->nodes[connection->node[writer]];
        if (taken > 0 && direction->writer_waits && connection->open[writer] && peer->up) {
            direction->writer_waits = false;
            peer->events->on_room(peer->self, end_of(connection, writer));
        }
        if (taken == 0) {
            return;
        }
    }
}

static void arrive(void *self, uint64_t tag)
{
    struct aero_sim_net *net = self;
    uint32_t side = (uint32_t)(tag & 1);
    struct connection *connection = find_connection(net, tag >> 1);
    if (connection == NULL) {
        return;
    }
    const struct lane *lane = lane_to(net, connection, side);
    uint64_t now = net->scheduler->now_ns;
    if (lane->partitioned || lane->clogged_until_ns > now) {
        uint64_t wait = lane->partitioned ? 10000000 : lane->clogged_until_ns - now;
        aero_sim_after(net->scheduler, wait, arrive, net, tag);
        return;
    }
    struct direction *direction = &connection->to[side];
    AERO_ASSERT(direction->piece_count > 0);
    struct piece piece = direction->pieces[0];
    direction->piece_count--;
    memmove(direction->pieces, direction->pieces + 1,
            direction->piece_count * sizeof direction->pieces[0]);
    direction->arrived += piece.length;
    direction->end_arrived |= piece.is_end;
    offer(net, tag >> 1, side);
}

static void add_piece(struct aero_sim_net *net, struct connection *connection, uint32_t side,
                      struct piece piece, uint64_t delay_ns)
{
    struct direction *direction = &connection->to[side];
    if (direction->piece_count == direction->piece_capacity) {
        direction->piece_capacity =
            direction->piece_capacity == 0 ? 8 : 2 * direction->piece_capacity;
        direction->pieces = aero_realloc(direction->pieces,
                                         direction->piece_capacity * sizeof direction->pieces[0]);
    }
    direction->pieces[direction->piece_count++] = piece;
    uint64_t at = net->scheduler->now_ns + delay_ns;
    if (at < direction->last_arrival_ns) {
        at = direction->last_arrival_ns;
    }
    direction->last_arrival_ns = at;
    aero_sim_after(net->scheduler, at - net->scheduler->now_ns, arrive, net,
                   tag_of(connection->number, side));
}

/* ---- What nodes do ----------------------------------------------------------------------------------------- */

static void finish_dial(void *self, uint64_t number)
{
    struct aero_sim_net *net = self;
    struct connection *connection = find_connection(net, number);
    AERO_ASSERT(connection != NULL);
    connection->dialling = false;
    const struct node *from = &net->nodes[connection->node[0]];
    const struct node *to = &net->nodes[connection->node[1]];
    bool reaches = to->up && !lane_to(net, connection, 0)->partitioned &&
                   !lane_to(net, connection, 1)->partitioned;
    if (!reaches) {
        close_end(net, number, 0);
        forget_if_dead(net, number);
        return;
    }
    aero_sim_trace_event(net->trace, from->name, "net connection %llu to %s port %u open",
                         (unsigned long long)number, to->name, connection->port);
    connection->open[1] = true;
    to->events->on_open(to->self, end_of(connection, 1), from->name, connection->port);
    connection = find_connection(net, number);
    if (connection == NULL) {
        return;
    }
    if (connection->open[0] && from->up) {
        from->events->on_open(from->self, end_of(connection, 0), to->name, connection->port);
    } else {
        /* The dialling end gave up meanwhile: the other one learns of it late. */
        connection->open[0] = false;
        add_piece(net, connection, 1, (struct piece){.is_end = true}, draw_delay(net));
    }
}

struct aero_sim_end aero_sim_net_dial(struct aero_sim_net *net, const char *from, const char *to,
                                      uint32_t port)
{
    struct connection *connection = aero_calloc(1, sizeof *connection);
    connection->number = net->next_number++;
    connection->node[0] = find_node(net, from);
    connection->node[1] = find_node(net, to);
    AERO_ASSERT(connection->node[0] < net->node_count);
    AERO_ASSERT(connection->node[1] < net->node_count);
    connection->port = port;
    connection->open[0] = true;
    connection->dialling = true;
    if (net->connection_count == net->connection_capacity) {
        net->connection_capacity =
            net->connection_capacity == 0 ? 16 : 2 * net->connection_capacity;
        net->connections =
            aero_realloc(net->connections, net->connection_capacity * sizeof(struct connection *));
    }
    net->connections[net->connection_count++] = connection;
    aero_sim_after(net->scheduler, draw_delay(net), finish_dial, net, connection->number);
    return end_of(connection, 0);
}

size_t aero_sim_net_send(struct aero_sim_net *net, struct aero_sim_end end, struct aero_slice bytes)
{
    struct connection *connection = find_connection(net, end.connection);
    if (connection == NULL || !connection->open[end.side] || connection->dialling) {
        return 0;
    }
    uint32_t reader = 1 - end.side;
    struct direction *direction = &connection->to[reader];
    size_t room = direction->bytes.length < net->options.window_bytes
                      ? net->options.window_bytes - direction->bytes.length
                      : 0;
    size_t length = bytes.length < room ? bytes.length : room;
    direction->writer_waits |= length < bytes.length;
    aero_buffer_append(&direction->bytes, bytes.data, length);
    for (size_t done = 0; done < length;) {
        size_t most =
            length - done < net->options.piece_bytes ? length - done : net->options.piece_bytes;
        /* Often all of it, sometimes a single byte. */
        size_t piece = aero_choice_below(net->choice, 4) == 0
                           ? (size_t)aero_choice_between(net->choice, 1, most)
                           : most;
        add_piece(net, connection, reader, (struct piece){.length = piece}, draw_delay(net));
        done += piece;
    }
    return length;
}

void aero_sim_net_close(struct aero_sim_net *net, struct aero_sim_end end)
{
    struct connection *connection = find_connection(net, end.connection);
    if (connection == NULL || !connection->open[end.side]) {
        return;
    }
    connection->open[end.side] = false;
    uint32_t peer = 1 - end.side;
    if (connection->open[peer]) {
        add_piece(net, connection, peer, (struct piece){.is_end = true}, draw_delay(net));
    }
    forget_if_dead(net, end.connection);
}

void aero_sim_net_poke(struct aero_sim_net *net, struct aero_sim_end end)
{
    offer(net, end.connection, end.side);
}

/* ---- Faults ------------------------------------------------------------------------------------------------ */

/* Of what is on its way, only a prefix arrives, then the end. */
static void cut_direction(struct aero_sim_net *net, struct connection *connection, uint32_t side)
{
    struct direction *direction = &connection->to[side];
    size_t on_the_way = direction->bytes.length - direction->arrived;
    size_t keep = (size_t)aero_choice_below(net->choice, on_the_way + 1);
    direction->bytes.length = direction->arrived + keep;
    for (size_t i = 0; i < direction->piece_count; i++) {
        struct piece *piece = &direction->pieces[i];
        piece->length = piece->length < keep ? piece->length : keep;
        keep -= piece->length;
    }
    uint64_t late = aero_choice_below(net->choice, 4) == 0
                        ? aero_choice_below(net->choice, LATE_CLOSE_MAX_NS)
                        : draw_delay(net);
    add_piece(net, connection, side, (struct piece){.is_end = true}, late);
}

void aero_sim_net_down(struct aero_sim_net *net, const char *name)
{
    uint32_t node = find_node(net, name);
    AERO_ASSERT(node < net->node_count);
    net->nodes[node].up = false;
    for (size_t i = net->connection_count; i-- > 0;) {
        struct connection *connection = net->connections[i];
        for (uint32_t side = 0; side < 2; side++) {
            if (connection->node[side] != node || !connection->open[side]) {
                continue;
            }
            connection->open[side] = false;
            if (connection->open[1 - side]) {
                cut_direction(net, connection, 1 - side);
            }
        }
        forget_if_dead(net, connection->number);
    }
}

static bool is_between(const struct connection *connection, uint32_t a, uint32_t b)
{
    return (connection->node[0] == a && connection->node[1] == b) ||
           (connection->node[0] == b && connection->node[1] == a);
}

bool aero_sim_net_cut(struct aero_sim_net *net, const char *a, const char *b)
{
    uint32_t nodes[2] = {find_node(net, a), find_node(net, b)};
    size_t candidates = 0;
    for (size_t i = 0; i < net->connection_count; i++) {
        const struct connection *connection = net->connections[i];
        candidates += is_between(connection, nodes[0], nodes[1]) && connection->open[0] &&
                      connection->open[1];
    }
    if (candidates == 0) {
        return false;
    }
    size_t chosen = (size_t)aero_choice_below(net->choice, candidates);
    for (size_t i = 0; i < net->connection_count; i++) {
        struct connection *connection = net->connections[i];
        bool is_candidate = is_between(connection, nodes[0], nodes[1]) && connection->open[0] &&
                            connection->open[1];
        if (!is_candidate || chosen-- > 0) {
            continue;
        }
        aero_sim_trace_event(net->trace, "net", "connection %llu of %s and %s is cut",
                             (unsigned long long)connection->number, a, b);
        cut_direction(net, connection, 0);
        cut_direction(net, connection, 1);
        return true;
    }
    return false;
}

static struct lane *find_lane(struct aero_sim_net *net, const char *from, const char *to)
{
    uint32_t nodes[2] = {find_node(net, from), find_node(net, to)};
    AERO_ASSERT(nodes[0] < net->node_count);
    AERO_ASSERT(nodes[1] < net->node_count);
    return &net->lanes[nodes[0]][nodes[1]];
}

void aero_sim_net_clog(struct aero_sim_net *net, const char *from, const char *to,
                       uint64_t duration_ns)
{
    find_lane(net, from, to)->clogged_until_ns = net->scheduler->now_ns + duration_ns;
    aero_sim_trace_event(net->trace, "net", "%s to %s clogged for %llu us", from, to,
                         (unsigned long long)(duration_ns / 1000));
}

void aero_sim_net_partition(struct aero_sim_net *net, const char *from, const char *to)
{
    find_lane(net, from, to)->partitioned = true;
    aero_sim_trace_event(net->trace, "net", "%s to %s partitioned", from, to);
}

void aero_sim_net_heal(struct aero_sim_net *net)
{
    memset(net->lanes, 0, sizeof net->lanes);
    aero_sim_trace_event(net->trace, "net", "healed");
}
