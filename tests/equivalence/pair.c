/* SPDX-License-Identifier: Apache-2.0 */
/* The plain system ships sealed segments, so its replicas stand at ends of segments; to let it stand at every LSN its segments
 * here hold one commit each. The optimised systems have larger ones and stream the open one, group by group or several at a
 * time. Raw bytes are then never the same in both, and are compared only between a primary and its own replica (decision 25).
 *
 * Both nodes are stopped before each step of theirs, and the link after any part of what the primary sent. The link also
 * breaks there while both live on; and everything runs with a replica that keeps up as with one that hears nothing until
 * the primary is through. */
#include "tests/equivalence/pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "primary/fleet_event.h"
#include "primary/shipment.h"
#include "shipping/sender.h"
#include "shipping/view.h"
#include "tests/equivalence/replica_twin.h"

#define SEGMENT_BYTES_ONE_COMMIT 5632U
#define SEGMENT_BYTES_MANY 16384U
#define LINK_PIECE_BYTES 331U /* no multiple of a record, a frame or a sector */
#define PATHS_MAX 24
#define CATCH_UP_STRIDE 5      /* of the places where both were stopped, that they go on from */
#define REDIAL_NS 60000000000U /* longer than any backoff */

/* The plain system's has one commit more: only that makes it seal, and ship, the last one of the other's. */
static const char history_on[] = "Aw1 Bw2 , Cw3 | Aw4 , Bw5 | Cw6";
static const char history_off[] = "Aw1 Bw2 , Cw3 | Aw4 , Bw5 | Cw6 | Aw7";

/* A way in which a pair runs. */
struct way {
    bool late;            /* the replica hears nothing until the primary is through */
    uint32_t groups_max;  /* of a shipment, when groups gather */
    uint32_t break_piece; /* the link breaks behind this piece of bytes; 0: never */
};

static const struct way ways[] = {
    {.late = false, .groups_max = 2},
    {.late = true, .groups_max = 2},
    {.late = true, .groups_max = 16},
};

struct pair {
    const struct aero_case_list *list;
    uint32_t switches;
    struct way way;
    struct aero_enumeration *out;
    bool probing; /* false: a restarted pair that only catches up */
    uint64_t stops;
    struct aero_twin_story story;
    struct aero_twin primary;
    struct aero_shipment shipment;
    struct aero_wal_place published;
    uint32_t pieces; /* that the link carried */
    struct aero_sender *sender;
    struct aero_replica_twin replica;
    uint64_t entropy;         /* of nonces of links: never the same twice over lives */
    aero_pair_visitor *visit; /* NULL: nobody */
    void *visitor;
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
    snprintf(where, sizeof where, "%s switches %x: %s, %s", pair->list->name, pair->switches, point,
             how);
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
        uint64_t shown =
            pair->replica.core != NULL ? aero_replica_applied_lsn(pair->replica.core).value : 0;
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
            aero_sim_disk_clone(pair->replica.hands.disk, primary_stops ? &other : &luck);
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
    if (pair->visit != NULL) {
        pair->visit(pair->visitor, pair->replica.hands.disk);
    }
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
    const struct aero_disk_op *op = aero_hands_op(&pair->replica.hands, step, &name);
    snprintf(point, sizeof point, "replica %s part", step->label);
    for (size_t part = 1; pair->probing && part < op->bytes.length; part += 511) {
        struct aero_choice luck;
        aero_choice_init_seed(&luck, part);
        struct aero_sim_disk *primary = aero_sim_disk_clone(pair->primary.disk, &luck);
        struct aero_sim_disk *replica =
            aero_hands_clone_with_part(&pair->replica.hands, step, part, &luck);
        aero_sim_disk_crash(primary, AERO_SIM_KILL);
        aero_sim_disk_crash(replica, AERO_SIM_KILL);
        look_at_both(pair, point, primary, replica, "killed");
        aero_sim_disk_free(primary);
        aero_sim_disk_free(replica);
    }
}

/* ---- The replica --------------------------------------------------------------------------------------------- */

static void run_replica(struct pair *pair)
{
    struct aero_step steps[AERO_HANDS_JOBS_MAX];
    aero_replica_twin_turn(&pair->replica);
    while (aero_hands_steps(&pair->replica.hands, steps) > 0) {
        char point[64];
        snprintf(point, sizeof point, "replica %s", steps[0].label);
        probe(pair, point, false);
        if (steps[0].is_write && steps[0].is_group) {
            probe_part(pair, &steps[0]);
        }
        aero_replica_twin_run(&pair->replica, &steps[0]);
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
        if (event.kind == AERO_SENDER_PROGRESS) {
            aero_shipment_on_acknowledged(&pair->shipment, event.durable);
        }
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

static aero_id next_id(struct pair *pair)
{
    aero_id id = {{0}};
    memcpy(id.bytes, &(uint64_t){++pair->entropy}, sizeof(uint64_t));
    id.bytes[15] = 10;
    return id;
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
    AERO_ASSERT(aero_replica_wants_link(pair->replica.core));
    pair->sender = aero_sender_new(&options, &peer, aero_primary_shipping_view(primary),
                                   pair->published, (aero_mono_ns){pair->replica.now_ns});
    aero_replica_on_link_open(pair->replica.core, "twin");
}

/* What was on its way is gone; the replica dials again. Both know what they knew. */
static void break_link(struct pair *pair)
{
    aero_sender_free(pair->sender);
    pair->sender = NULL;
    aero_replica_on_link_closed(pair->replica.core, "broken");
    pair->replica.now_ns += REDIAL_NS;
    connect(pair);
}

static bool send_piece(struct pair *pair)
{
    struct aero_slice output = aero_sender_output(pair->sender);
    if (output.length == 0) {
        return false;
    }
    size_t length = output.length < LINK_PIECE_BYTES ? output.length : LINK_PIECE_BYTES;
    bool taken = aero_replica_on_link_bytes(pair->replica.core, aero_slice_of(output.data, length));
    AERO_ASSERT(taken);
    aero_sender_sent(pair->sender, length);
    run_replica(pair);
    probe(pair, "link part", false);
    if (++pair->pieces == pair->way.break_piece) {
        break_link(pair);
    }
    return true;
}

/* Everything both ends have to say, in pieces; behind each the link may have broken. */
static void run_link(struct pair *pair)
{
    bool goes_on = pair->sender != NULL;
    while (goes_on) {
        tell_primary(pair);
        goes_on = serve_read(pair);
        goes_on |= send_piece(pair);
        struct aero_slice output = aero_replica_link_output(pair->replica.core);
        if (output.length > 0) {
            aero_sender_on_bytes(pair->sender, output, (aero_mono_ns){pair->replica.now_ns});
            aero_replica_link_sent(pair->replica.core, output.length);
            goes_on = true;
        }
    }
}

/* As the host in each turn. True: there is something new to ship. */
static bool publish_once(struct pair *pair)
{
    struct aero_primary *primary = pair->primary.primary;
    struct aero_shipping_view *view = aero_primary_shipping_view(primary);
    struct aero_wal_place place = aero_primary_durable_place(primary);
    bool due = aero_shipment_gather(&pair->shipment, view, place,
                                    !aero_primary_has_commits_in_flight(primary));
    if (due) {
        pair->published = place;
        if (pair->sender != NULL) {
            aero_sender_on_wal(pair->sender, view, place);
        }
    }
    if ((pair->switches & AERO_TWIN_SHIP_GROUPS) == 0 &&
        pair->published.position.lsn.value !=
            place.position.lsn.value) { /* the plain system is plain */
        aero_laws_break(pair->out->laws, pair->list->name, "a group waits for others");
    }
    return due;
}

static void publish(struct pair *pair)
{
    while (publish_once(pair) && !pair->way.late) {
        run_link(pair);
    }
}

/* A replica that was late hears it all. */
static void settle(struct pair *pair)
{
    do {
        run_link(pair);
    } while (publish_once(pair));
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
    pair->entropy = life << 32;
    pair->pieces = 0;
    pair->shipment = (struct aero_shipment){
        .groups_max = (pair->switches & AERO_TWIN_SHIP_GROUPS) != 0 ? pair->way.groups_max : 1};
    bool opened = aero_twin_open(&pair->primary, &options, &pair->story, primary, life);
    AERO_ASSERT(opened);
    const struct aero_twin_options of_replica = {.switches = pair->switches};
    opened = aero_replica_twin_open(&pair->replica, &of_replica, replica, life);
    AERO_ASSERT(opened);
    publish_once(pair); /* the link's thread takes nobody before */
    connect(pair);
    publish(pair);
}

static void close_pair(struct pair *pair)
{
    aero_sender_free(pair->sender);
    aero_twin_close(&pair->primary);
    aero_replica_twin_close(&pair->replica);
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
    settle(pair);
}

/* A replica that streams the tail holds all that is durable, one that does not all that has been followed by a segment. */
static void judge_end(struct pair *pair)
{
    uint64_t applied = aero_replica_applied_lsn(pair->replica.core).value;
    uint64_t durable = aero_primary_durable_lsn(pair->primary.primary).value;
    bool on = (pair->switches & AERO_TWIN_TAIL_STREAMING) != 0;
    uint64_t behind = durable - applied;
    if (aero_replica_state(pair->replica.core) == AERO_REPLICA_HALTED || applied > durable ||
        behind != (on ? 0 : 1)) {
        aero_laws_break(pair->out->laws, pair->list->name,
                        "in the end the replica is at LSN %llu of %llu",
                        (unsigned long long)applied, (unsigned long long)durable);
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
    pair->list = stopped->list;
    pair->way = stopped->way;
    pair->way.break_piece = 0;
    pair->story = stopped->story;
    pair->out = stopped->out;
    for (uint64_t life = 0; life < 2; life++) {
        pair->switches = stopped->switches ^ (life == 0 ? stopped->list->switches : 0);
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

/* The whole history once. Returns how many pieces the link carried. */
static uint32_t run_pair(struct pair *pair)
{
    struct aero_choice luck;
    aero_choice_init_seed(&luck, 1);
    struct aero_sim_disk *primary = aero_twin_new_disk(&luck);
    struct aero_sim_disk *replica = aero_replica_twin_new_disk(&luck);
    pair->story = (struct aero_twin_story){0};
    open_pair(pair, primary, replica, 1);
    run_text(pair, (pair->switches & AERO_TWIN_TAIL_STREAMING) != 0 ? history_on : history_off);
    judge_end(pair);
    close_pair(pair);
    if (pair->way.break_piece != 0) {
        look_at_both(pair, "link broken", primary, replica, "in the end");
    }
    aero_sim_disk_free(primary);
    aero_sim_disk_free(replica);
    return pair->pieces;
}

static void run_ways(const struct aero_case_list *list, uint32_t switches,
                     struct aero_enumeration *enumeration)
{
    struct pair *pair = aero_calloc(1, sizeof *pair);
    pair->list = list;
    pair->switches = switches;
    pair->out = enumeration;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        pair->way = ways[i];
        pair->probing = true;
        uint32_t pieces = run_pair(pair);
        pair->probing = false;
        for (uint32_t piece = 1; piece <= pieces; piece++) {
            pair->way.break_piece = piece;
            run_pair(pair);
        }
    }
    free(pair);
}

void aero_enumerate_pair(const struct aero_case_list *list, uint32_t switches,
                         struct aero_enumeration *enumeration)
{
    run_ways(list, switches, enumeration);
    if ((switches & AERO_TWIN_SHIP_GROUPS) != 0) { /* whole segments gather, too */
        run_ways(list, switches & ~(uint32_t)AERO_TWIN_TAIL_STREAMING, enumeration);
    }
}

void aero_pair_visit(uint32_t switches, struct aero_enumeration *enumeration,
                     aero_pair_visitor *visit, void *self)
{
    static const struct aero_case_list plain = {.name = "pair"};
    struct pair *pair = aero_calloc(1, sizeof *pair);
    pair->list = &plain;
    pair->switches = switches;
    pair->out = enumeration;
    pair->way = ways[0];
    pair->visit = visit;
    pair->visitor = self;
    run_pair(pair);
    free(pair);
}
