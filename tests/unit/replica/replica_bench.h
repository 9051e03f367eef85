/* SPDX-License-Identifier: Apache-2.0 */
/* A replica's core on a disk of its own, and a primary that the test plays: a log made record by record (recovery_world.h),
 * told in frames, lies included. The core is driven through its ports alone, one step at a time where the test says so:
 *
 *     set, remove, agree        the primary's log grows by a commit, by a digest record
 *     dial, resume, offer       a link opens; the primary's verdict: the log goes on, or a snapshot comes
 *     ship, tell_*              the primary sends what is new of its log, or anything else
 *     turn                      the host works until nothing moves; next_request and finish: one request at a time
 *     restart                   the process dies and comes back to its disk
 *     expect                    what a client gets */
#ifndef AERO_TESTS_REPLICA_BENCH_H
#define AERO_TESTS_REPLICA_BENCH_H

#include "replica/replica.h"
#include "server/keyspace_codec.h"
#include "shipping/handshake.h"
#include "tests/unit/engine/recovery_world.h"

#define HEARD_KINDS (AERO_FRAME_BYE + 1)
#define WINDOW_BYTES ((size_t)1 << 20)
#define CHUNK_BYTES (WINDOW_BYTES / 4)

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
    struct aero_replica *replica;
    struct aero_disk_handles
        *handles[AERO_OWNER_COUNT]; /* the core's, as its requests named them */
    struct aero_session *client;
    aero_mono_ns mono;
    aero_wall_ms wall;
    uint8_t entropy;
    struct heard heard;
};

/* ---- Life -------------------------------------------------------------------------------------------------- */

static inline bool drop_line(void *self, struct aero_slice line)
{
    (void)self;
    return line.length > 0;
}

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
        .wal = {.segment_bytes = 1 << 20, .queue_bytes = 1 << 20},
        .checkpoint = {.snapshots_kept = 2, .retention_cap_bytes = 1 << 20},
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

static inline struct bench *bench_on(struct power_disk *disk)
{
    struct bench *bench = aero_calloc(1, sizeof *bench);
    bench->disk = disk;
    bench->mono.value = 1000000000;
    aero_logger_init(&bench->logger, (struct aero_log_sink){.write = drop_line},
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
    free(bench);
}

/* ---- The primary's log -------------------------------------------------------------------------------------- */

/* SET, as a primary logs it; deadline 0: it does not expire. */
static inline void set_until(struct bench *bench, const char *key, const char *value,
                             uint64_t deadline_ms)
{
    uint8_t header[AERO_VALUE_HEADER_MAX];
    struct aero_buffer stored_key = {0};
    struct aero_buffer stored = {0};
    struct aero_buffer index = {0};
    aero_buffer_append(&stored, header,
                       aero_encode_value_header(header, AERO_TYPE_STRING, deadline_ms));
    aero_buffer_append_slice(&stored, aero_slice_text(value));
    const struct aero_operation operations[] = {
        {.kind = AERO_PUT,
         .key = aero_encode_key(&stored_key, 0, aero_slice_text(key)),
         .value = aero_buffer_slice(&stored)},
        {.kind = AERO_PUT,
         .key = aero_encode_deadline(&index, 0, deadline_ms, aero_slice_text(key))},
    };
    world_commit(&bench->primary, operations, deadline_ms == 0 ? 1 : 2);
    aero_buffer_deinit(&stored_key);
    aero_buffer_deinit(&stored);
    aero_buffer_deinit(&index);
}

static inline void set(struct bench *bench, const char *key, const char *value)
{
    set_until(bench, key, value, 0);
}

/* Commits of keys k1, k2, ... that say their LSN. */
static inline void set_many(struct bench *bench, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char key[24];
        char value[24];
        uint64_t lsn = bench->primary.position.lsn.value + 1;
        snprintf(key, sizeof key, "k%llu", (unsigned long long)lsn);
        snprintf(value, sizeof value, "at %llu", (unsigned long long)lsn);
        set(bench, key, value);
    }
}

/* Another one took over behind `lsn`: the same log so far, of one segment, and other commits since. */
static inline void fork_behind(struct bench *bench, unsigned lsn, unsigned others)
{
    world_free(&bench->primary);
    bench->primary = primary();
    begin_segment(bench, false);
    set_many(bench, lsn);
    for (unsigned i = 0; i < others; i++) {
        set(bench, "fork", "another commit");
    }
}

/* What the log does not say: the primary's state is another one from now on. */
static inline void rot(struct bench *bench)
{
    const struct aero_operation operation = {
        .kind = AERO_PUT, .key = aero_slice_text("rot"), .value = aero_slice_text("rot")};
    aero_apply(bench->primary.tree, &operation, NULL);
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

/* ---- The link ----------------------------------------------------------------------------------------------- */

/* Opens a link; what the Hello says is heard. */
static inline void dial(struct bench *bench)
{
    assert_true(aero_replica_wants_link(bench->replica));
    memset(&bench->heard, 0, sizeof bench->heard);
    aero_replica_on_link_open(bench->replica, "alpha");
    hear(bench);
    assert_int_equal(bench->heard.count[AERO_FRAME_HELLO], 1);
}

static inline void hang_up_at_once(struct bench *bench)
{
    aero_replica_on_link_closed(bench->replica, "the test hung up");
}

/* The link is gone; time passes until the replica would dial again. */
static inline void hang_up(struct bench *bench)
{
    hang_up_at_once(bench);
    pass(bench, 60000);
}

static inline void tell(struct bench *bench, struct aero_buffer *frames)
{
    assert_true(aero_replica_on_link_bytes(bench->replica, aero_buffer_slice(frames)));
    aero_buffer_deinit(frames);
}

static inline void tell_frame(struct bench *bench, enum aero_frame_type type,
                              struct aero_slice payload)
{
    struct aero_buffer frames = {0};
    aero_frame_append(&frames, type, payload);
    tell(bench, &frames);
}

static inline void tell_chunk(struct bench *bench, enum aero_frame_type type, uint64_t first,
                              uint64_t second, struct aero_slice bytes)
{
    struct aero_buffer frames = {0};
    aero_frame_append_chunk(&frames, type, first, second, bytes);
    tell(bench, &frames);
}

static inline void tell_message(struct bench *bench, const struct aero_message *message)
{
    struct aero_buffer frames = {0};
    aero_message_append(&frames, message);
    tell(bench, &frames);
}

/* The verdict of the primary as it is; `wanted` says of which kind, and what is its own. */
static inline void answer(struct bench *bench, const struct aero_message_verdict *wanted)
{
    const struct aero_manifest *manifest = &bench->primary.manifest;
    struct aero_buffer history = {0};
    struct aero_message message = {.type = AERO_FRAME_VERDICT, .as.verdict = *wanted};
    struct aero_message_verdict *verdict = &message.as.verdict;
    aero_handshake_encode_history(&manifest->history, &history);
    verdict->cluster_id = manifest->cluster_id;
    verdict->node_id = manifest->node_id;
    verdict->epoch = manifest->epoch;
    verdict->history = aero_buffer_slice(&history);
    verdict->durable = bench->primary.position.lsn;
    snprintf(verdict->node_name, sizeof verdict->node_name, "%s", manifest->node_name);
    tell_message(bench, &message);
    aero_buffer_deinit(&history);
}

/* "Go on where you are": in the open segment, or from its header on. */
static inline void tell_resume(struct bench *bench)
{
    const struct aero_message_hello *hello = &bench->heard.hello;
    bool inside = hello->end_sequence == bench->primary.segment.sequence;
    bench->shipped = inside ? hello->end_offset : 0;
    answer(bench, &(struct aero_message_verdict){.kind = AERO_HANDSHAKE_RESUME,
                                                 .resume_sequence = bench->primary.segment.sequence,
                                                 .resume_offset = bench->shipped});
}

/* The same, and the primary's history is durable here: records may come. */
static inline void resume(struct bench *bench)
{
    tell_resume(bench);
    turn(bench);
}

static inline void ship_header(struct bench *bench)
{
    tell_frame(bench, AERO_FRAME_SEGMENT,
               aero_slice_of(bench->primary.bytes.data, AERO_SEGMENT_HEADER_BYTES));
    bench->shipped = AERO_SEGMENT_HEADER_BYTES;
}

/* The open segment, from where it is shipped up to `end`. */
static inline void ship_to(struct bench *bench, uint64_t end)
{
    if (bench->shipped == 0) {
        ship_header(bench);
    }
    if (bench->shipped < end) {
        tell_chunk(bench, AERO_FRAME_CHUNK, bench->primary.segment.sequence, bench->shipped,
                   aero_slice_of(bench->primary.bytes.data + bench->shipped,
                                 (size_t)(end - bench->shipped)));
        bench->shipped = end;
    }
}

/* All of it. */
static inline void ship(struct bench *bench)
{
    ship_to(bench, bench->primary.bytes.length);
}

/* Where the open segment's record `lsn` ends. */
static inline uint64_t end_of(struct bench *bench, uint64_t lsn)
{
    uint64_t end = AERO_SEGMENT_HEADER_BYTES;
    struct aero_record_header record = {.lsn = bench->primary.segment.prev_end.lsn};
    while (record.lsn.value < lsn) {
        assert_true(aero_is_ok(aero_record_decode(
            aero_slice_of(bench->primary.bytes.data + end, AERO_RECORD_HEADER_BYTES), &record)));
        end += aero_record_bytes(record.payload_length);
    }
    return end;
}

/* A replica that holds nothing follows: the primary's log is shipped, durable here, applied. */
static inline struct bench *following(unsigned commits)
{
    struct bench *bench = bench_new();
    set_many(bench, commits);
    dial(bench);
    resume(bench);
    ship(bench);
    turn(bench);
    assert_int_equal(aero_replica_state(bench->replica), AERO_REPLICA_FOLLOWING);
    assert_int_equal(aero_replica_applied_lsn(bench->replica).value, commits);
    return bench;
}

/* ---- Snapshots ---------------------------------------------------------------------------------------------- */

/* The primary's snapshot of its state now; its manifest names it. */
static inline const struct aero_snapshot_entry *snapshot(struct bench *bench)
{
    world_snapshot(&bench->primary);
    return &bench->primary.manifest.snapshots[bench->primary.manifest.snapshot_count - 1];
}

/* The primary's file. */
static inline struct aero_buffer *snapshot_file(struct bench *bench,
                                                const struct aero_snapshot_entry *entry)
{
    char name[AERO_DISK_NAME_MAX];
    aero_snapshot_name(entry, name);
    return power_bytes(bench->primary.power, name);
}

/* "You need this snapshot; it comes from `offset` on." */
static inline void offer(struct bench *bench, const struct aero_snapshot_entry *entry,
                         uint64_t offset)
{
    answer(bench, &(struct aero_message_verdict){.kind = AERO_HANDSHAKE_NEED_SNAPSHOT,
                                                 .snapshot = {.id = entry->id,
                                                              .position = entry->position,
                                                              .sequence = entry->sequence,
                                                              .size_bytes = entry->size_bytes,
                                                              .entry_count = entry->entry_count,
                                                              .digest = entry->digest},
                                                 .snapshot_offset = offset});
}

/* One chunk, or several, with turns of the host between them. */
static inline void tell_snapshot(struct bench *bench, const struct aero_snapshot_entry *entry,
                                 uint64_t from, uint64_t to)
{
    while (from < to) {
        uint64_t count = to - from < CHUNK_BYTES ? to - from : CHUNK_BYTES;
        tell_chunk(bench, AERO_FRAME_SNAPSHOT_CHUNK, from, 0,
                   aero_slice_of(snapshot_file(bench, entry)->data + from, (size_t)count));
        from += count;
        if (from < to) {
            turn(bench);
        }
    }
}

static inline void tell_whole_snapshot(struct bench *bench, const struct aero_snapshot_entry *entry,
                                       uint64_t from)
{
    tell_snapshot(bench, entry, from, entry->size_bytes);
    tell_frame(bench, AERO_FRAME_SNAPSHOT_END, aero_slice_of(NULL, 0));
}

/* What the host does once the core asks for it: swap, and begin again from the disk. */
static inline aero_status install(struct bench *bench)
{
    assert_true(aero_replica_wants_reopen(bench->replica));
    return aero_replica_install(bench->replica, power_disk_port(bench->disk));
}

static inline void reopen(struct bench *bench)
{
    assert_true(aero_is_ok(install(bench)));
    restart(bench);
}

/* A replica that took the primary's snapshot of its state after `commits`, and nothing of the log. */
static inline struct bench *bootstrapped(unsigned commits)
{
    struct bench *bench = bench_new();
    set_many(bench, commits);
    const struct aero_snapshot_entry *entry = snapshot(bench);
    dial(bench);
    offer(bench, entry, 0);
    tell_whole_snapshot(bench, entry, 0);
    turn(bench);
    reopen(bench);
    return bench;
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
