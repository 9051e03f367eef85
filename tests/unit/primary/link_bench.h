/* SPDX-License-Identifier: Apache-2.0 */
/* A primary's replication link between a core on a disk in memory and replicas that a test plays over real TLS.
 *
 *     loop_turn           the loop's side: what came from the link goes into the core, what the core has goes out
 *     link_turn           the link thread's side, on this thread: no thread is started unless a test says so
 *     dial, say_hello     a replica connects and says that it holds nothing
 *     await               turns of all until something holds
 */
#ifndef AERO_TESTS_PRIMARY_LINK_BENCH_H
#define AERO_TESTS_PRIMARY_LINK_BENCH_H

#include "tests/unit/shipping/certs.h"

#include <event2/event.h>
#include <string.h>
#include <sys/eventfd.h>

#include "primary/host_link_priv.h"
#include "proto/frame.h"
#include "proto/message.h"
#include "tests/unit/engine/memory_disk.h"
#include "tests/unit/kept_log.h"
#include "tests/unit/set_key.h"

#define PEERS_MAX 3
#define FRAME_KINDS 32

/* A replica as the test plays it. */
struct peer {
    char certs[CERTS_DIRECTORY_BYTES];
    struct aero_tls_context *context;
    struct aero_connection *connection; /* NULL: not there, or gone */
    unsigned opened;
    unsigned closed;
    enum aero_close_reason reason;
    char primary_name[AERO_TLS_NAME_MAX];
    struct aero_buffer got; /* not decoded yet */
    uint64_t got_bytes;
    unsigned count[FRAME_KINDS]; /* frames heard, of each kind */
    enum aero_handshake_kind verdict;
    struct aero_message_bye bye;
};

struct bench {
    struct memory_disk disk;
    struct aero_disk_handles *handles[AERO_OWNER_COUNT];
    struct aero_logger logger;
    struct aero_buffer log;
    struct aero_config *config;
    struct aero_primary *primary;
    struct aero_session *client;
    struct authority authority;
    char certs[CERTS_DIRECTORY_BYTES];
    struct aero_host_wake loop_wake;
    struct aero_primary_link *link;
    struct aero_host_link port;
    struct event_base *base; /* the peers' */
    struct peer peers[PEERS_MAX];
    aero_mono_ns mono;
    uint8_t entropy;
};

static inline aero_id id_of(uint8_t fill)
{
    aero_id id;
    memset(id.bytes, fill, sizeof id.bytes);
    return id;
}

/* ---- Life ---- */

static inline void write_certs(struct bench *bench, const char *directory, const char *name)
{
    certs_write_named(directory, &bench->authority, name);
}

/* Of a peer's certificate. */
static inline long serial_of(unsigned peer)
{
    return 100 + (long)peer;
}

static inline void start_primary(struct bench *bench)
{
    static const struct aero_session_options client = {
        .peer_address = "127.0.0.1:50000", .local_address = "127.0.0.1:6379", .trusted = true};
    const struct aero_disk disk = memory_disk_port(&bench->disk);
    const struct aero_manifest manifest = {.cluster_id = id_of(8),
                                           .node_id = id_of(9),
                                           .node_name = "primary",
                                           .role = AERO_ROLE_PRIMARY,
                                           .epoch = {.value = 1}};
    struct aero_primary_options options = {
        .wal = {.segment_bytes = 64 << 20, .queue_bytes = 64 << 20},
        .checkpoint = {.snapshots_kept = 2, .retention_cap_bytes = UINT64_MAX},
    };
    struct aero_recovered recovered = {.manifest = manifest, .tree = aero_tree_new()};
    const struct aero_recovery_report report = {.evidence = "none"};
    assert_true(
        aero_is_ok(aero_primary_begin_incarnation(disk, &recovered, &report, false, id_of(2))));
    aero_server_options_default(&options.server);
    bench->primary = aero_primary_new(&options, &recovered, id_of(3), &bench->logger);
    aero_recovered_deinit(&recovered);
    bench->client = aero_session_open(aero_primary_server(bench->primary), &client);
}

static inline aero_status new_link(struct bench *bench)
{
    const struct aero_primary_link_options options = {
        .config = bench->config,
        .logger = &bench->logger,
        .disk = memory_disk_port(&bench->disk),
        .loop_wake = &bench->loop_wake,
    };
    return aero_primary_link_new(&options, &bench->link);
}

/* Everything but the link. */
static inline struct bench *bench_new(void)
{
    struct bench *bench = aero_calloc(1, sizeof *bench);
    char name[16];
    bench->mono.value = 1000000000;
    aero_logger_init(&bench->logger, kept_log_sink(&bench->log), aero_clock_posix(),
                     AERO_LOG_KEY_VALUE, AERO_LOG_INFO);
    bench->config = aero_config_new(aero_config_keys_primary());
    bench->authority = certs_authority("authority");
    certs_make_directory(bench->certs);
    write_certs(bench, bench->certs, "primary");
    set_key(bench->config, "certs_dir", bench->certs);
    set_key(bench->config, "replication_port", "0"); /* the kernel finds one */
    set_key(bench->config, "replication_bind", "127.0.0.1");
    set_key(bench->config, "ship_groups", "1");    /* no acknowledgement is waited for */
    set_key(bench->config, "link_silence", "10m"); /* nothing here is decided by time */
    set_key(bench->config, "heartbeat", "60s");
    aero_host_wake_init(&bench->loop_wake);
    bench->base = event_base_new();
    for (unsigned i = 0; i < PEERS_MAX; i++) {
        char text[AERO_TLS_TEXT_MAX];
        struct peer *peer = &bench->peers[i];
        certs_make_directory(peer->certs);
        snprintf(name, sizeof name, "replica%u", i + 1);
        certs_write_node(peer->certs, &bench->authority, &bench->authority,
                         (struct node_wish){.dns = name,
                                            .common_name = name,
                                            .begins_s = -60,
                                            .ends_s = 3000,
                                            .serial = serial_of(i)});
        assert_true(aero_is_ok(aero_tls_context_load(peer->certs, &peer->context, text)));
    }
    return bench;
}

static inline struct bench *bench_start(void)
{
    struct bench *bench = bench_new();
    start_primary(bench);
    assert_true(aero_is_ok(new_link(bench)));
    bench->link->primary = bench->primary;
    bench->port = aero_primary_link_port(bench->link);
    return bench;
}

/* The thread that a test did not start is none to be joined. */
static inline void free_link(struct bench *bench)
{
    if (bench->link != NULL) {
        bench->link->primary = NULL;
    }
    aero_primary_link_free(bench->link);
    bench->link = NULL;
}

static inline void bench_free(struct bench *bench)
{
    free_link(bench);
    for (unsigned i = 0; i < PEERS_MAX; i++) {
        struct peer *peer = &bench->peers[i];
        while (peer->connection != NULL) {
            aero_connection_close(peer->connection);
            event_base_loop(bench->base, EVLOOP_ONCE);
        }
        aero_tls_context_release(peer->context);
        aero_buffer_deinit(&peer->got);
        certs_remove_directory(peer->certs);
    }
    event_base_free(bench->base);
    for (unsigned owner = 0; owner < AERO_OWNER_COUNT; owner++) {
        if (bench->handles[owner] != NULL) {
            aero_disk_handles_close(memory_disk_port(&bench->disk), bench->handles[owner]);
        }
    }
    aero_primary_free(bench->primary);
    aero_host_wake_deinit(&bench->loop_wake);
    certs_remove_directory(bench->certs);
    certs_authority_free(&bench->authority);
    aero_config_free(bench->config);
    aero_buffer_deinit(&bench->log);
    memory_disk_deinit(&bench->disk);
    free(bench);
}

/* ---- The loop ---- */

static inline void run_requests(struct bench *bench)
{
    struct aero_core_request request;
    struct aero_disk_completion completion;
    bool moves = true;
    while (aero_primary_wants_entropy(bench->primary)) {
        aero_primary_give_entropy(bench->primary, id_of(++bench->entropy));
    }
    while (moves) {
        moves = false;
        aero_primary_end_turn(bench->primary);
        while (aero_primary_next_request(bench->primary, &request)) {
            bench->handles[request.owner] = request.handles;
            aero_disk_run(memory_disk_port(&bench->disk), request.handles, request.request,
                          &completion);
            aero_primary_on_completion(bench->primary, request.owner, &completion);
            moves = true;
        }
    }
}

static inline void hear_link(struct bench *bench)
{
    aero_primary_tick(bench->primary, bench->mono, (aero_wall_ms){1000000});
    bench->port.ops->deliver(bench->port.self);
    run_requests(bench);
}

static inline void loop_turn(struct bench *bench)
{
    hear_link(bench);
    bench->port.ops->publish(bench->port.self);
}

/* A write of so many bytes, durable. */
static inline void write_bytes(struct bench *bench, const char *key, size_t bytes)
{
    char head[96];
    uint8_t *value = aero_malloc(bytes);
    memset(value, 'x', bytes);
    snprintf(head, sizeof head, "*3\r\n$3\r\nSET\r\n$%zu\r\n%s\r\n$%zu\r\n", strlen(key), key,
             bytes);
    aero_session_on_input(bench->client, aero_slice_text(head));
    aero_session_on_input(bench->client, aero_slice_of(value, bytes));
    aero_session_on_input(bench->client, aero_slice_text("\r\n"));
    run_requests(bench);
    struct aero_slice reply = aero_session_output(bench->client);
    assert_true(aero_slice_equal(reply, aero_slice_text("+OK\r\n")));
    aero_session_sent(bench->client, reply.length);
    free(value);
}

/* ---- Peers ---- */

static inline void hear_frame(struct peer *peer, const struct aero_frame *frame)
{
    struct aero_message message;
    assert_true(frame->type < FRAME_KINDS);
    peer->count[frame->type]++;
    if (frame->type != AERO_FRAME_VERDICT && frame->type != AERO_FRAME_BYE) {
        return;
    }
    assert_true(aero_is_ok(aero_message_decode(frame, &message)));
    if (frame->type == AERO_FRAME_VERDICT) {
        peer->verdict = message.as.verdict.kind;
    } else {
        peer->bye = message.as.bye;
    }
    aero_message_deinit(&message);
}

static inline void on_peer_open(void *self, struct aero_connection *connection)
{
    struct peer *peer = self;
    peer->opened++;
    snprintf(peer->primary_name, sizeof peer->primary_name, "%s",
             aero_connection_peer_name(connection));
}

static inline void on_peer_bytes(void *self, struct aero_connection *connection,
                                 struct aero_slice plaintext)
{
    struct peer *peer = self;
    struct aero_frame frame;
    size_t frame_bytes;
    size_t needed;
    (void)connection;
    peer->got_bytes += plaintext.length;
    aero_buffer_append_slice(&peer->got, plaintext);
    while (aero_is_ok(
        aero_frame_decode(aero_buffer_slice(&peer->got), &frame, &frame_bytes, &needed))) {
        hear_frame(peer, &frame);
        aero_buffer_consume(&peer->got, frame_bytes);
    }
}

static inline void on_peer_room(void *self, struct aero_connection *connection)
{
    (void)self;
    (void)connection;
}

static inline void on_peer_close(void *self, struct aero_connection *connection,
                                 enum aero_close_reason reason, const char *text)
{
    struct peer *peer = self;
    (void)connection;
    (void)text;
    peer->connection = NULL;
    peer->reason = reason;
    peer->closed++;
}

static inline void look(struct bench *bench)
{
    event_base_loop(bench->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

/* Does not wait: somebody has always woken it. */
static inline void link_turn(struct bench *bench)
{
    look(bench);
    eventfd_write(bench->link->wake.fd, 1);
    aero_link_turn(bench->link);
    look(bench);
}

static inline void dial_as(struct bench *bench, struct peer *peer, const struct peer *who)
{
    const struct aero_transport_options options = {.output_bytes = (size_t)8 << 20};
    const struct aero_transport_events events = {.on_open = on_peer_open,
                                                 .on_bytes = on_peer_bytes,
                                                 .on_room = on_peer_room,
                                                 .on_close = on_peer_close,
                                                 .self = peer};
    peer->connection = aero_connection_dial(bench->base, "127.0.0.1",
                                            aero_listener_port(bench->link->listeners[0]), &options,
                                            who->context, NULL, &events);
}

/* How many slots the link has given. */
static inline unsigned slots_taken(const struct bench *bench)
{
    unsigned count = 0;
    for (unsigned i = 0; i < AERO_FLEET_MAX; i++) {
        count += bench->link->replicas[i].id != 0;
    }
    return count;
}

/* Connected on both ends, and not answered yet. */
static inline struct peer *dial(struct bench *bench, unsigned index)
{
    struct peer *peer = &bench->peers[index];
    uint64_t given = bench->link->connections_given;
    dial_as(bench, peer, peer);
    while (bench->link->connections_given == given) {
        link_turn(bench);
    }
    return peer;
}

static inline void say(struct peer *peer, const struct aero_message *message)
{
    struct aero_buffer bytes = {0};
    aero_message_append(&bytes, message);
    assert_int_equal(aero_connection_write(peer->connection, aero_buffer_slice(&bytes)),
                     bytes.length);
    aero_buffer_deinit(&bytes);
}

/* Of a replica that holds nothing and takes everything. */
static inline void say_hello(struct bench *bench, struct peer *peer)
{
    struct aero_message message = {.type = AERO_FRAME_HELLO};
    unsigned index = (unsigned)(peer - bench->peers);
    message.as.hello = (struct aero_message_hello){.protocol_version = AERO_PROTOCOL_VERSION,
                                                   .node_id = id_of((uint8_t)(20 + index)),
                                                   .holds_nothing = true,
                                                   .tail_streaming = true,
                                                   .credit_bytes = (uint64_t)1 << 40};
    snprintf(message.as.hello.node_name, sizeof message.as.hello.node_name, "replica%u", index + 1);
    say(peer, &message);
}

/* What has not come about after so many turns never will: they are some ten seconds. */
#define TURNS_MAX 5000000

#define AWAIT(bench, condition)                                    \
    for (unsigned turns = 0; !(condition); turns++) {              \
        if (turns == TURNS_MAX) {                                  \
            fail_msg("%s: not after %u turns", #condition, turns); \
        }                                                          \
        link_turn(bench);                                          \
        loop_turn(bench);                                          \
    }

/* A replica that follows. */
static inline struct peer *follow(struct bench *bench, unsigned index)
{
    struct peer *peer = dial(bench, index);
    unsigned before = peer->count[AERO_FRAME_VERDICT];
    say_hello(bench, peer);
    AWAIT(bench, peer->count[AERO_FRAME_VERDICT] > before);
    assert_int_equal(peer->verdict, AERO_HANDSHAKE_RESUME);
    return peer;
}

static inline void hang_up(struct bench *bench, struct peer *peer)
{
    aero_connection_close(peer->connection);
    while (peer->connection != NULL) {
        event_base_loop(bench->base, EVLOOP_ONCE);
    }
}

#endif
