/* SPDX-License-Identifier: Apache-2.0 */
/* A replica's core on a disk of its own, driven through its ports alone:
 *
 *     turn                      the host works until nothing moves; next_request and finish: one request at a time
 *     pass                      time goes by, the clock of the machine with it
 *     restart                   the process dies and comes back to its disk
 *     expect, expect_status     what a client gets, what an operator sees
 *     heard                     what its primary gets: played_primary.h plays that one */
#ifndef AERO_TESTS_REPLICA_BENCH_H
#define AERO_TESTS_REPLICA_BENCH_H

#include "proto/message.h"
#include "replica/replica.h"
#include "tests/unit/engine/recovery_world.h"
#include "tests/unit/kept_log.h"

#define HEARD_KINDS (AERO_FRAME_BYE + 1)
#ifndef WINDOW_BYTES
#define WINDOW_BYTES ((size_t)1 << 20)
#endif
#ifndef WAL_SWITCHES
#define WAL_SWITCHES ((struct aero_wal_switches){0})
#endif

#ifndef CHECKPOINT_PIPELINED
#define CHECKPOINT_PIPELINED false
#endif

/* What the replica said to its primary: how often, and the newest of each. */
struct heard {
    unsigned count[HEARD_KINDS];
    struct aero_message_hello hello; /* without the history */
    struct aero_message_ack ack;
    struct aero_record_header evidence; /* of RECORD_BYTES; LSN 0: none was found */
    struct aero_message_digest_mismatch mismatch;
    struct aero_message_bye bye;
};

struct bench {
    struct world primary;
    uint64_t shipped; /* of its open segment */
    struct power_disk *disk;
    struct aero_logger logger;
    struct aero_buffer log; /* errors */
    struct aero_replica *replica;
    struct aero_disk_handles *handles[AERO_OWNER_COUNT]; /* as requests named them */
    struct aero_session *client;
    aero_mono_ns mono;
    aero_wall_ms wall;
    uint8_t entropy;
    struct heard heard;
};

/* ---- Life -------------------------------------------------------------------------------------------------- */

static inline aero_wall_ms no_wall(void *self)
{
    (void)self;
    return (aero_wall_ms){0};
}

static inline void tick(struct bench *bench)
{
    aero_replica_tick(bench->replica, bench->mono, bench->wall);
}

/* A core over what recovery makes of the replica's disk, and a client. */
static inline void start(struct bench *bench)
{
    static const struct aero_session_options client = {
        .peer_address = "127.0.0.1:50000", .local_address = "127.0.0.1:6379", .trusted = true};
    struct aero_replica_options options = {
        .wal = {.switches = WAL_SWITCHES, .segment_bytes = 1 << 20, .queue_bytes = WINDOW_BYTES},
        .checkpoint = {.snapshots_kept = 2,
                       .retention_cap_bytes = 1 << 20,
                       .pipelined = CHECKPOINT_PIPELINED},
        .tail_streaming = true,
        .window_bytes = WINDOW_BYTES,
        .heartbeat_ns = 1000000000,
        .silence_ns = 10000000000,
        .seed = 1,
    };
    aero_server_options_default(&options.server);
    struct outcome outcome = recover(bench->disk);
    assert_int_equal(outcome.status.code, AERO_OK);
    bench->replica = aero_replica_new(&options, &outcome.recovered, &bench->logger);
    aero_recovered_deinit(&outcome.recovered);
    bench->client = aero_session_open(aero_replica_server(bench->replica), &client);
    tick(bench);
}

/* Kill: what is in memory is gone, and files are closed as the kernel would. */
static inline void stop(struct bench *bench)
{
    for (unsigned owner = 0; owner < AERO_OWNER_COUNT; owner++) {
        if (bench->handles[owner] != NULL) {
            aero_disk_handles_close(power_disk_port(bench->disk), bench->handles[owner]);
            bench->handles[owner] = NULL;
        }
    }
    aero_replica_free(bench->replica);
}

/* The primary's next segment; its start goes into the history, as every start does (decision 8). */
static inline void begin_segment(struct bench *bench, bool seal)
{
    world_begin(&bench->primary, seal);
    const struct aero_segment_start begun = {.sequence = bench->primary.segment.sequence,
                                             .before = bench->primary.segment.prev_end,
                                             .nonce = bench->primary.segment.nonce,
                                             .incarnation = WORLD_INCARNATION};
    aero_history_add_segment(&bench->primary.manifest.history, &begun);
    bench->shipped = 0;
}

/* Nothing is started yet. Takes over the replica's disk. */
static inline struct bench *bench_on(struct power_disk *disk)
{
    struct bench *bench = aero_calloc(1, sizeof *bench);
    bench->disk = disk;
    bench->mono.value = 1000000000;
    aero_logger_init(&bench->logger, kept_log_sink(&bench->log),
                     (struct aero_clock){.wall = no_wall}, AERO_LOG_KEY_VALUE, AERO_LOG_ERROR);
    bench->primary = primary();
    begin_segment(bench, false);
    return bench;
}

/* A replica that holds nothing, and a primary whose first segment is empty. */
static inline struct bench *bench_new(void)
{
    const struct aero_manifest manifest = {
        .node_id = WORLD_OTHER_NODE, .node_name = "beta", .role = AERO_ROLE_REPLICA};
    struct bench *bench = bench_on(power_disk_new());
    assert_true(aero_is_ok(aero_create(power_disk_port(bench->disk), &manifest)));
    start(bench);
    return bench;
}

static inline void bench_free(struct bench *bench)
{
    stop(bench);
    power_disk_free(bench->disk);
    world_free(&bench->primary);
    aero_buffer_deinit(&bench->log);
    free(bench);
}

/* ---- The host ----------------------------------------------------------------------------------------------- */

static inline bool next_request(struct bench *bench, struct aero_core_request *out_request)
{
    return aero_replica_next_request(bench->replica, out_request);
}

static inline void finish(struct bench *bench, const struct aero_core_request *request)
{
    struct aero_disk_completion completion;
    bench->handles[request->owner] = request->handles;
    aero_disk_run(power_disk_port(bench->disk), request->handles, request->request, &completion);
    aero_replica_on_completion(bench->replica, request->owner, &completion);
}

static inline void hear_frame(struct heard *heard, const struct aero_frame *frame)
{
    struct aero_message message;
    assert_true(aero_is_ok(aero_message_decode(frame, &message)));
    heard->count[frame->type]++;
    switch ((int)frame->type) {
    case AERO_FRAME_HELLO:
        heard->hello = message.as.hello;
        heard->hello.history = (struct aero_slice){0};
        break;
    case AERO_FRAME_ACK:
        heard->ack = message.as.ack;
        break;
    case AERO_FRAME_RECORD_BYTES:
        heard->evidence = (struct aero_record_header){0};
        if (message.as.record_bytes.found) {
            assert_true(aero_is_ok(
                aero_record_decode(message.as.record_bytes.record_header, &heard->evidence)));
        }
        break;
    case AERO_FRAME_DIGEST_MISMATCH:
        heard->mismatch = message.as.digest_mismatch;
        break;
    case AERO_FRAME_BYE:
        heard->bye = message.as.bye;
        break;
    default:
        break;
    }
    aero_message_deinit(&message);
}

/* The primary reads all that was said. */
static inline void hear(struct bench *bench)
{
    struct aero_slice out;
    while ((out = aero_replica_link_output(bench->replica)).length > 0) {
        struct aero_frame frame;
        size_t frame_bytes;
        size_t needed;
        assert_true(aero_is_ok(aero_frame_decode(out, &frame, &frame_bytes, &needed)));
        hear_frame(&bench->heard, &frame);
        aero_replica_link_sent(bench->replica, frame_bytes);
    }
}

/* Turns of the host until nothing moves. */
static inline void turn(struct bench *bench)
{
    struct aero_core_request request;
    bool moves = true;
    tick(bench);
    while (aero_replica_wants_entropy(bench->replica)) {
        aero_replica_give_entropy(bench->replica, world_id(++bench->entropy));
    }
    while (moves) {
        aero_replica_end_turn(bench->replica);
        moves = aero_replica_has_idle_work(bench->replica);
        while (next_request(bench, &request)) {
            finish(bench, &request);
            moves = true;
        }
    }
    hear(bench);
}

/* The next life of the process. */
static inline void restart(struct bench *bench)
{
    stop(bench);
    start(bench);
    turn(bench);
}

static inline void pass(struct bench *bench, uint64_t ms)
{
    bench->mono.value += ms * 1000000;
    bench->wall.value += ms;
    turn(bench);
}

/* ---- What can be seen --------------------------------------------------------------------------------------- */

/* The reply to an inline command; taken, and gone with the next one. */
static inline const char *ask(struct bench *bench, const char *command)
{
    static char reply[4096];
    aero_session_on_input(bench->client, aero_slice_text(command));
    aero_session_on_input(bench->client, aero_slice_text("\r\n"));
    struct aero_slice said = aero_session_output(bench->client);
    assert_true(said.length < sizeof reply);
    if (said.length > 0) {
        memcpy(reply, said.data, said.length);
    }
    reply[said.length] = '\0';
    aero_session_sent(bench->client, said.length);
    return reply;
}

/* The reply begins with this; "$4\r\nat 1\r\n" is a whole one. */
static inline void expect(struct bench *bench, const char *command, const char *reply)
{
    const char *said = ask(bench, command);
    if (strncmp(said, reply, strlen(reply)) != 0) {
        fail_msg("%s: '%s', not '%s'", command, said, reply);
    }
}

/* A line of AERO.STATUS begins with this: "link_reason:..." */
static inline void expect_status(struct bench *bench, const char *line)
{
    char wanted[256];
    snprintf(wanted, sizeof wanted, "\n%s", line);
    const char *status = ask(bench, "AERO.STATUS");
    if (strstr(status, wanted) == NULL) {
        fail_msg("no '%s' in %s", line, status);
    }
}

static inline void expect_at(struct bench *bench, enum aero_replica_state state, uint64_t lsn)
{
    assert_int_equal(aero_replica_state(bench->replica), state);
    assert_int_equal(aero_replica_applied_lsn(bench->replica).value, lsn);
}

/* The state is the primary's. */
static inline void expect_primary_state(struct bench *bench)
{
    expect_at(bench, AERO_REPLICA_FOLLOWING, bench->primary.position.lsn.value);
    assert_true(same_summary(aero_tree_summary(aero_replica_tree(bench->replica)),
                             aero_tree_summary(bench->primary.tree)));
}

/* Halted for this: the primary is told, the link goes, and clients get the reason instead of data. */
static inline void expect_halted(struct bench *bench, const char *kind)
{
    char reply[64];
    snprintf(reply, sizeof reply, "-HALTED %s: ", kind);
    assert_int_equal(aero_replica_state(bench->replica), AERO_REPLICA_HALTED);
    expect(bench, "GET k1", reply);
    assert_true(aero_replica_wants_close(bench->replica));
    assert_int_equal(bench->heard.bye.code, AERO_BYE_HALTED);
}

#endif
