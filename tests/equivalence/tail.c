/* SPDX-License-Identifier: Apache-2.0 */
/* The twin of docs/optimizations/tail_streaming.md: a primary, a replica and the link between them.
 *
 * The plain system ships sealed segments, so its replicas stand at ends of segments; to let it stand at every LSN its segments
 * here hold one commit each. The optimised system has larger ones and streams the open one. Raw bytes are then never the
 * same in both, and are compared only between a primary and its own replica (decision 25).
 *
 * Both nodes are stopped before each step of theirs, and the link after any part of what the primary sent. */
#include "tests/equivalence/tail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "primary/fleet_event.h"
#include "replica/replica.h"
#include "shipping/sender.h"
#include "shipping/view.h"

#define SEGMENT_BYTES_ONE_COMMIT 5632U
#define SEGMENT_BYTES_MANY 16384U
#define LINK_PIECE_BYTES 331U /* no multiple of a record, a frame or a sector */
#define PATHS_MAX 24
#define CATCH_UP_STRIDE 5 /* of the places where both were stopped, that they go on from */
#define WINDOW_BYTES (1U << 20)

/* The plain system's has one commit more: only that makes it seal, and ship, the last one of the other's. */
static const char history_on[] = "Aw1 Bw2 , Cw3 | Aw4 , Bw5 | Cw6";
static const char history_off[] = "Aw1 Bw2 , Cw3 | Aw4 , Bw5 | Cw6 | Aw7";

struct pair {
    const struct aero_case_list *list;
    uint32_t switches;
    struct aero_enumeration *out;
    bool probing; /* false: a restarted pair that only catches up */
    uint64_t stops;
    struct aero_twin_story story;
    struct aero_twin primary;
    struct aero_sender *sender;
    struct aero_logger logger;
    struct aero_replica *replica;
    struct aero_hands hands; /* the replica's */
    uint64_t entropy;
    uint64_t now_ns;
};

static void catch_up(struct pair *pair, struct aero_sim_disk *primary,
                     struct aero_sim_disk *replica);

/* ---- Looking ------------------------------------------------------------------------------------------------- */

static void add_line(struct pair *pair, const char *point, const struct aero_seen *seen,
                     const char *where)
{
    char text[AERO_SEEN_TEXT_MAX];
    char line[AERO_SEEN_TEXT_MAX + 64];
    aero_seen_text(seen, text);
    snprintf(line, sizeof line, "%s\t%s", point, text);
    aero_lines_add(&pair->out->seen, line, where);
}

/* REP-2, by bytes: what the replica recovers of each segment stands in the primary's file of that name. */
static void judge_prefix(struct pair *pair, struct aero_sim_disk *replica,
                         const struct aero_sim_disk *primary, const char *where)
{
    struct aero_recovered recovered;
    struct aero_recovery_report report;
    aero_status status = aero_recover(aero_sim_disk_port(replica), NULL, &recovered, &report);
    AERO_ASSERT(aero_is_ok(status));
    for (size_t i = 0; i < recovered.file_count; i++) {
        const struct aero_wal_file *file = &recovered.files[i];
        struct aero_buffer mine = {0};
        struct aero_buffer theirs = {0};
        bool has = aero_sim_disk_peek(replica, file->name, false, &mine);
        AERO_ASSERT(has && mine.length >= file->end_offset);
        if (!aero_sim_disk_peek(primary, file->name, false, &theirs) ||
            theirs.length < file->end_offset ||
            memcmp(mine.data, theirs.data, (size_t)file->end_offset) != 0) {
            aero_laws_break(pair->out->laws, where, "%s is no prefix of the primary's (REP-2)",
                            file->name);
        }
        aero_buffer_deinit(&mine);
        aero_buffer_deinit(&theirs);
    }
    aero_recovered_deinit(&recovered);
}

/* Both disks after a crash of one of them. */
static void look_at_both(struct pair *pair, const char *point, struct aero_sim_disk *primary,
                         struct aero_sim_disk *replica, const char *how)
{
    struct aero_seen primary_seen;
    struct aero_seen replica_seen;
    char where[160];
    snprintf(where, sizeof where, "tail_streaming switches %x: %s, %s", pair->switches, point, how);
    pair->out->outcomes++;
    aero_sim_disk_restart(primary);
    aero_sim_disk_restart(replica);
    aero_look(primary, &primary_seen);
    aero_look(replica, &replica_seen);
    aero_laws_judge(pair->out->laws, &pair->story, &primary_seen, where);
    const struct aero_twin_story nothing = {0};
    aero_laws_judge(pair->out->laws, &nothing, &replica_seen, where);
    if (aero_is_ok(primary_seen.status) && aero_is_ok(replica_seen.status)) {
        if (replica_seen.end_lsn > primary_seen.end_lsn) {
            aero_laws_break(
                pair->out->laws, where, "the replica is at LSN %llu, the primary at %llu",
                (unsigned long long)replica_seen.end_lsn, (unsigned long long)primary_seen.end_lsn);
        }
        uint64_t shown = pair->replica != NULL ? aero_replica_applied_lsn(pair->replica).value : 0;
        if (replica_seen.end_lsn < shown) { /* decision 18 */
            aero_laws_break(pair->out->laws, where,
                            "the replica showed LSN %llu and has %llu after a crash",
                            (unsigned long long)shown, (unsigned long long)replica_seen.end_lsn);
        }
        add_line(pair, point, &replica_seen, where);
        judge_prefix(pair, replica, primary, where);
    }
}

/* Stops one of both nodes here; the other one is killed, which costs it nothing that a sync had covered. */
static void stop(struct pair *pair, const char *point, bool primary_stops, enum aero_sim_crash how,
                 const char *text)
{
    struct aero_choice luck;
    uint32_t paths = 0;
    aero_choice_init_paths(&luck);
    do {
        struct aero_choice other;
        aero_choice_init_seed(&other, 1);
        struct aero_sim_disk *primary =
            aero_sim_disk_clone(pair->primary.disk, primary_stops ? &luck : &other);
        struct aero_sim_disk *replica =
            aero_sim_disk_clone(pair->hands.disk, primary_stops ? &other : &luck);
        aero_sim_disk_crash(primary_stops ? primary : replica, how);
        aero_sim_disk_crash(primary_stops ? replica : primary, AERO_SIM_KILL);
        look_at_both(pair, point, primary, replica, text);
        if (how != AERO_SIM_POWER && ++pair->stops % CATCH_UP_STRIDE == 0) {
            catch_up(pair, primary, replica);
        }
        aero_sim_disk_free(primary);
        aero_sim_disk_free(replica);
    } while (how == AERO_SIM_POWER && ++paths < PATHS_MAX && aero_choice_next_path(&luck));
}

static void probe(struct pair *pair, const char *point, bool primary_stops)
{
    if (!pair->probing) {
        return;
    }
    pair->out->points++;
    stop(pair, point, primary_stops, AERO_SIM_POWER_LOSE, "power lost, all un-synced with it");
    stop(pair, point, primary_stops, AERO_SIM_POWER_KEEP, "power lost, all un-synced kept");
    stop(pair, point, primary_stops, AERO_SIM_POWER, "power lost");
}

static void probe_part(struct pair *pair, const struct aero_step *step)
{
    const char *name;
    char point[64];
    const struct aero_disk_op *op = aero_hands_op(&pair->hands, step, &name);
    snprintf(point, sizeof point, "replica %s part", step->label);
    for (size_t part = 1; pair->probing && part < op->bytes.length; part += 511) {
        struct aero_choice luck;
        aero_choice_init_seed(&luck, part);
        struct aero_sim_disk *primary = aero_sim_disk_clone(pair->primary.disk, &luck);
        struct aero_sim_disk *replica = aero_hands_clone_with_part(&pair->hands, step, part, &luck);
        aero_sim_disk_crash(primary, AERO_SIM_KILL);
        aero_sim_disk_crash(replica, AERO_SIM_KILL);
        look_at_both(pair, point, primary, replica, "killed");
        aero_sim_disk_free(primary);
        aero_sim_disk_free(replica);
    }
}

/* ---- The replica --------------------------------------------------------------------------------------------- */

static bool write_log(void *self, struct aero_slice line)
{
    (void)self;
    (void)line;
    return true;
}

static aero_wall_ms read_wall(void *self)
{
    (void)self;
    return (aero_wall_ms){.value = 1};
}

static struct aero_logger quiet_logger(void)
{
    struct aero_logger logger;
    aero_logger_init(&logger, (struct aero_log_sink){.write = write_log},
                     (struct aero_clock){.wall = read_wall}, AERO_LOG_KEY_VALUE, AERO_LOG_ERROR);
    return logger;
}

static aero_id next_id(struct pair *pair)
{
    aero_id id = {{0}};
    memcpy(id.bytes, &(uint64_t){++pair->entropy}, sizeof(uint64_t));
    id.bytes[15] = 9;
    return id;
}

static struct aero_sim_disk *new_replica_disk(struct aero_choice *luck)
{
    const struct aero_sim_disk_options options = {.name = "replica"};
    struct aero_sim_disk *disk = aero_sim_disk_new(&options, luck, NULL);
    const struct aero_manifest manifest = {
        .node_id = {{3}}, .node_name = "replica", .role = AERO_ROLE_REPLICA};
    aero_status status = aero_create(aero_sim_disk_port(disk), &manifest);
    AERO_ASSERT(aero_is_ok(status));
    return disk;
}

static void open_replica(struct pair *pair, struct aero_sim_disk *disk)
{
    struct aero_recovered recovered;
    struct aero_recovery_report report;
    struct aero_replica_options options = {
        .wal = {.segment_bytes = SEGMENT_BYTES_MANY, .queue_bytes = 1U << 20},
        .checkpoint = {.snapshots_kept = 2},
        .tail_streaming = (pair->switches & AERO_TWIN_TAIL_STREAMING) != 0,
        .window_bytes = WINDOW_BYTES,
        .seed = 1,
    };
    aero_server_options_default(&options.server);
    pair->hands = (struct aero_hands){.disk = disk};
    aero_status status = aero_recover(aero_sim_disk_port(disk), NULL, &recovered, &report);
    AERO_ASSERT(aero_is_ok(status));
    pair->replica = aero_replica_new(&options, &recovered, &pair->logger);
    aero_recovered_deinit(&recovered);
}

static void turn_replica(struct pair *pair)
{
    struct aero_core_request request;
    aero_replica_tick(pair->replica, (aero_mono_ns){pair->now_ns}, (aero_wall_ms){1});
    while (aero_replica_wants_entropy(pair->replica)) {
        aero_replica_give_entropy(pair->replica, next_id(pair));
    }
    do {
        aero_replica_end_turn(pair->replica);
        while (aero_replica_next_request(pair->replica, &request)) {
            aero_hands_take(&pair->hands, &request);
        }
    } while (aero_replica_has_idle_work(pair->replica));
}

static void run_replica(struct pair *pair)
{
    struct aero_step steps[AERO_HANDS_JOBS_MAX];
    turn_replica(pair);
    while (aero_hands_steps(&pair->hands, steps) > 0) {
        char point[64];
        enum aero_core_owner owner;
        struct aero_disk_completion completion;
        snprintf(point, sizeof point, "replica %s", steps[0].label);
        probe(pair, point, false);
        if (steps[0].is_write && steps[0].is_group) {
            probe_part(pair, &steps[0]);
        }
        if (aero_hands_run(&pair->hands, &steps[0], &owner, &completion)) {
            aero_replica_on_completion(pair->replica, owner, &completion);
            turn_replica(pair);
        }
    }
}

/* ---- The link ------------------------------------------------------------------------------------------------ */

static void tell_primary(struct pair *pair)
{
    struct aero_sender_event event;
    while (aero_sender_next_event(pair->sender, &event)) {
        struct aero_fleet_event told;
        aero_fleet_event_copy(&told, 1, "replica", "replica", pair->sender, &event);
        aero_primary_on_fleet_event(pair->primary.primary, &told);
    }
}

static bool serve_read(struct pair *pair)
{
    struct aero_sender_read read;
    struct aero_disk port = aero_sim_disk_port(pair->primary.disk);
    struct aero_disk_file *file = NULL;
    size_t length = 0;
    if (!aero_sender_next_read(pair->sender, &read)) {
        return false;
    }
    aero_status status = port.ops->open(port.self, read.name, AERO_DISK_READ, &file);
    if (aero_is_ok(status)) {
        status = port.ops->read(port.self, file, read.offset, read.into, read.length, &length);
        port.ops->close(port.self, file);
    }
    aero_sender_on_read(pair->sender, status, aero_is_ok(status) ? length : 0);
    return true;
}

/* Everything both ends have to say, in pieces; behind each the link may have broken. */
static void run_link(struct pair *pair)
{
    bool goes_on = pair->sender != NULL;
    while (goes_on) {
        tell_primary(pair);
        goes_on = serve_read(pair);
        struct aero_slice output = aero_sender_output(pair->sender);
        if (output.length > 0) {
            size_t length = output.length < LINK_PIECE_BYTES ? output.length : LINK_PIECE_BYTES;
            bool taken =
                aero_replica_on_link_bytes(pair->replica, aero_slice_of(output.data, length));
            AERO_ASSERT(taken);
            aero_sender_sent(pair->sender, length);
            run_replica(pair);
            probe(pair, "link part", false);
            goes_on = true;
        }
        output = aero_replica_link_output(pair->replica);
        if (output.length > 0) {
            aero_sender_on_bytes(pair->sender, output, (aero_mono_ns){pair->now_ns});
            aero_replica_link_sent(pair->replica, output.length);
            goes_on = true;
        }
    }
}

static void connect(struct pair *pair)
{
    const struct aero_sender_options options = {
        .tail_streaming = (pair->switches & AERO_TWIN_TAIL_STREAMING) != 0};
    struct aero_primary *primary = pair->primary.primary;
    const struct aero_sender_peer peer = {
        .name = "replica",
        .allowed = true,
        .acknowledged = aero_primary_acknowledged_by(primary, "replica"),
        .link_nonce = next_id(pair),
    };
    run_replica(pair);
    AERO_ASSERT(aero_replica_wants_link(pair->replica));
    pair->sender =
        aero_sender_new(&options, &peer, aero_primary_shipping_view(primary),
                        aero_primary_durable_place(primary), (aero_mono_ns){pair->now_ns});
    aero_replica_on_link_open(pair->replica, "twin");
    run_link(pair);
}

static void publish(struct pair *pair)
{
    aero_sender_on_wal(pair->sender, aero_primary_shipping_view(pair->primary.primary),
                       aero_primary_durable_place(pair->primary.primary));
    run_link(pair);
}

/* ---- The whole ----------------------------------------------------------------------------------------------- */

static void run_primary(struct pair *pair)
{
    struct aero_step steps[AERO_HANDS_JOBS_MAX];
    do {
        publish(pair);
        while (aero_hands_steps(&pair->primary.hands, steps) > 0) {
            char point[64];
            snprintf(point, sizeof point, "primary %s", steps[0].label);
            probe(pair, point, true);
            aero_twin_run(&pair->primary, &steps[0]);
            publish(pair);
        }
    } while (aero_twin_wait(&pair->primary));
}

static void open_pair(struct pair *pair, struct aero_sim_disk *primary,
                      struct aero_sim_disk *replica, uint64_t life)
{
    bool on = (pair->switches & AERO_TWIN_TAIL_STREAMING) != 0;
    const struct aero_twin_options options = {.switches = pair->switches,
                                              .segment_bytes = on ? SEGMENT_BYTES_MANY
                                                                  : SEGMENT_BYTES_ONE_COMMIT};
    pair->logger = quiet_logger();
    pair->now_ns = 1000000000U;
    pair->entropy = life << 32;
    bool opened = aero_twin_open(&pair->primary, &options, &pair->story, primary, life);
    AERO_ASSERT(opened);
    open_replica(pair, replica);
    connect(pair);
}

static void close_pair(struct pair *pair)
{
    aero_sender_free(pair->sender);
    aero_twin_close(&pair->primary);
    aero_sim_disk_crash(pair->hands.disk, AERO_SIM_KILL);
    aero_hands_drop(&pair->hands);
    aero_replica_free(pair->replica);
    pair->replica = NULL;
    pair->sender = NULL;
}

static void run_text(struct pair *pair, const char *text)
{
    run_primary(pair);
    while (*text != '\0') {
        while (aero_twin_feed(&pair->primary, &text)) {
        }
        aero_twin_turn(&pair->primary);
        run_primary(pair);
        text += *text == '|';
    }
}

/* A replica that streams the tail holds all that is durable, one that does not all that has been followed by a segment. */
static void judge_end(struct pair *pair)
{
    uint64_t applied = aero_replica_applied_lsn(pair->replica).value;
    uint64_t durable = aero_primary_durable_lsn(pair->primary.primary).value;
    bool on = (pair->switches & AERO_TWIN_TAIL_STREAMING) != 0;
    uint64_t behind = durable - applied;
    if (aero_replica_state(pair->replica) == AERO_REPLICA_HALTED || applied > durable ||
        behind != (on ? 0 : 1)) {
        aero_laws_break(pair->out->laws, "tail_streaming: the end",
                        "the replica is at LSN %llu of %llu", (unsigned long long)applied,
                        (unsigned long long)durable);
    }
}

/* Both start again where they were stopped, once with the switch turned over and once more as they were, and whoever is
 * behind catches up. */
static void catch_up(struct pair *stopped, struct aero_sim_disk *primary,
                     struct aero_sim_disk *replica)
{
    bool ends_on = (stopped->switches & AERO_TWIN_TAIL_STREAMING) != 0;
    const char *const texts[] = {"Aw41", ends_on ? "Aw51 Bw52" : "Aw51 Bw52 | Aw53"};
    struct pair *pair = aero_calloc(1, sizeof *pair);
    pair->story = stopped->story;
    pair->out = stopped->out;
    for (uint64_t life = 0; life < 2; life++) {
        pair->switches = stopped->switches ^ (life == 0 ? AERO_TWIN_TAIL_STREAMING : 0);
        open_pair(pair, primary, replica, life + 2);
        run_text(pair, texts[life]);
        judge_end(pair);
        close_pair(pair);
        aero_sim_disk_restart(primary);
        aero_sim_disk_restart(replica);
    }
    look_at_both(pair, "lives", primary, replica, "after all lives");
    free(pair);
}

void aero_enumerate_tail(const struct aero_case_list *list, uint32_t switches,
                         struct aero_enumeration *enumeration)
{
    struct pair *pair = aero_calloc(1, sizeof *pair);
    struct aero_choice luck;
    aero_choice_init_seed(&luck, 1);
    pair->list = list;
    pair->switches = switches;
    pair->out = enumeration;
    pair->probing = true;
    struct aero_sim_disk *primary = aero_twin_new_disk(&luck);
    struct aero_sim_disk *replica = new_replica_disk(&luck);
    open_pair(pair, primary, replica, 1);
    run_text(pair, (switches & AERO_TWIN_TAIL_STREAMING) != 0 ? history_on : history_off);
    judge_end(pair);
    close_pair(pair);
    aero_sim_disk_free(primary);
    aero_sim_disk_free(replica);
    free(pair);
}
