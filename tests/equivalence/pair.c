/* SPDX-License-Identifier: Apache-2.0 */
/* The plain system ships sealed segments, so its replicas stand at ends of segments; to let it stand at every LSN its segments
 * here hold one commit each. The optimised systems have larger ones and stream the open one, group by group or several at a
 * time. Raw bytes are then never the same in both, and are compared only between a primary and its own replica (decision 25).
 *
 * Both nodes are stopped before each step of theirs, and the link after any part of what the primary sent. The link also
 * breaks there while both live on; and everything runs with a replica that keeps up as with one that hears nothing until
 * the primary is through.
 *
 * A disk fault meets each step of its kind in turn, on either node. Whoever still lives goes on, both are stopped at points
 * behind it, and in the end a node whose log is closed starts again while the other lives on. */
#include "tests/equivalence/pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "primary/fleet_event.h"
#include "shipping/view.h"
#include "tests/equivalence/pair_priv.h"

#define SEGMENT_BYTES_ONE_COMMIT 5632U
#define SEGMENT_BYTES_MANY 16384U
#define LINK_PIECE_BYTES 331U /* no multiple of a record, a frame or a sector */
#define PATHS_MAX 24
#define CATCH_UP_STRIDE 5      /* of the places where both were stopped, that they go on from */
#define REDIAL_NS 60000000000U /* longer than any backoff */
#define LINKS_MAX 100          /* that end, before the pair has nothing to say any more */
#define FAULT_WAYS 2           /* with a replica that keeps up, and one that is late */
#define FAULT_LUCKS 2          /* ways in which a fault falls that are drawn */
#define FAULT_POINTS_NEAR 4    /* behind a fault: all of these, then one in ... */
#define FAULT_STRIDE 7
#define FAULT_CATCH_UP_STRIDE 13

/* The plain system's has one commit more: only that makes it seal, and ship, the last one of the other's. It is another
 * client's, so that what the others see is the same. */
static const char history_on[] = "Aw1 Bw2 , Cw3 | Aw4 , Bw5 | Cw6";
static const char history_off[] = "Aw1 Bw2 , Cw3 | Aw4 , Bw5 | Cw6 | Dw7";

static const struct aero_pair_way ways[] = {
    {.late = false, .groups_max = 2},
    {.late = true, .groups_max = 2},
    {.late = true, .groups_max = 16},
};

static void catch_up(struct aero_pair *pair, const char *point, struct aero_sim_disk *primary,
                     struct aero_sim_disk *replica);

/* ---- Stopping --------------------------------------------------------------------------------------------------- */

/* Stops one of both nodes here, by `luck`; the other one is killed, which costs it nothing that a sync had covered. */
static void stop_once(struct aero_pair *pair, const char *point, bool primary_stops,
                      enum aero_sim_crash how, struct aero_choice *luck, const char *text)
{
    struct aero_choice other;
    aero_choice_init_seed(&other, 1);
    struct aero_sim_disk *primary =
        aero_sim_disk_clone(pair->primary.disk, primary_stops ? luck : &other);
    struct aero_sim_disk *replica =
        aero_sim_disk_clone(pair->replica.hands.disk, primary_stops ? &other : luck);
    aero_sim_disk_crash(primary_stops ? primary : replica, how);
    aero_sim_disk_crash(primary_stops ? replica : primary, AERO_SIM_KILL);
    aero_pair_look(pair, point, primary, replica, text);
    uint32_t stride = pair->plan.happened ? FAULT_CATCH_UP_STRIDE : CATCH_UP_STRIDE;
    if (how != AERO_SIM_POWER && ++pair->stops % stride == 0) {
        catch_up(pair, point, primary, replica);
    }
    aero_sim_disk_free(primary);
    aero_sim_disk_free(replica);
}

static void stop(struct aero_pair *pair, const char *point, bool primary_stops,
                 enum aero_sim_crash how, const char *text)
{
    struct aero_choice luck;
    uint32_t paths = 0;
    aero_choice_init_paths(&luck);
    do {
        stop_once(pair, point, primary_stops, how, &luck, text);
    } while (how == AERO_SIM_POWER && ++paths < PATHS_MAX && aero_choice_next_path(&luck));
}

/* Rises when somebody may see something new. */
static uint64_t moment(const struct aero_pair *pair)
{
    uint64_t answers = 0;
    for (uint32_t i = 0; i < pair->story.count; i++) {
        answers += pair->story.commands[i].told != AERO_TWIN_NOTHING;
    }
    return answers + aero_sim_disk_changes(pair->primary.disk) +
           aero_sim_disk_changes(pair->replica.hands.disk) +
           aero_replica_applied_lsn(pair->replica.core).value;
}

/* All points behind a fault are points of the fault. */
static void probe_behind_fault(struct aero_pair *pair)
{
    struct aero_pair_fault *plan = &pair->plan;
    bool at_primary = plan->at_primary;
    char point[64];
    if (!plan->happened || plan->is_over || plan->moment == moment(pair)) {
        return;
    }
    plan->moment = moment(pair);
    if (++plan->points > FAULT_POINTS_NEAR && plan->points % FAULT_STRIDE != 0) {
        return;
    }
    snprintf(point, sizeof point, "fail %s %s", plan->fault->step, plan->fault->name);
    pair->out->points++;
    stop(pair, point, at_primary, AERO_SIM_KILL, "killed");
    stop(pair, point, true, AERO_SIM_POWER_LOSE,
         "power of the primary lost, all un-synced with it");
    stop(pair, point, false, AERO_SIM_POWER_LOSE,
         "power of the replica lost, all un-synced with it");
    if (pair->switches == 0) { /* others are compared with it: its outcomes are walked */
        stop(pair, point, at_primary, AERO_SIM_POWER, "power lost");
    } else {
        struct aero_choice luck;
        aero_choice_init_seed(&luck, plan->points);
        stop_once(pair, point, at_primary, AERO_SIM_POWER, &luck, "power lost, drawn");
    }
}

static void probe(struct aero_pair *pair, const char *point, bool primary_stops)
{
    if (pair->visit != NULL) {
        pair->visit(pair->visitor, pair->replica.hands.disk);
    }
    if (pair->plan.fault != NULL) {
        probe_behind_fault(pair);
    }
    if (!pair->probing) {
        return;
    }
    pair->out->points++;
    stop(pair, point, primary_stops, AERO_SIM_POWER_LOSE, "power lost, all un-synced with it");
    stop(pair, point, primary_stops, AERO_SIM_POWER_KEEP, "power lost, all un-synced kept");
    stop(pair, point, primary_stops, AERO_SIM_POWER, "power lost");
}

/* The step meets the fault: it is its turn. */
static bool is_due(struct aero_pair *pair, const char *step)
{
    struct aero_pair_fault *plan = &pair->plan;
    bool due = plan->fault != NULL && !plan->happened && strcmp(step, plan->fault->step) == 0 &&
               ++plan->met == plan->nth;
    plan->happened |= due;
    return due;
}

static void arm(struct aero_pair *pair, const char *point, const struct aero_hands *hands,
                const struct aero_step *step)
{
    if (is_due(pair, point)) {
        aero_sim_disk_fail_call(hands->disk, aero_hands_call(hands, step), 1,
                                pair->plan.fault->sys_errno);
    }
}

static void probe_part(struct aero_pair *pair, const struct aero_step *step)
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
        aero_pair_look(pair, point, primary, replica, "killed");
        aero_sim_disk_free(primary);
        aero_sim_disk_free(replica);
    }
}

/* ---- The replica --------------------------------------------------------------------------------------------- */

static void run_replica(struct aero_pair *pair)
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
        arm(pair, point, &pair->replica.hands, &steps[0]);
        aero_replica_twin_run(&pair->replica, &steps[0]);
    }
}

/* ---- The link ------------------------------------------------------------------------------------------------ */

static void tell_primary(struct aero_pair *pair)
{
    struct aero_sender_event event;
    while (aero_sender_next_event(pair->sender, &event)) {
        struct aero_fleet_event told;
        aero_fleet_event_copy(&told, 1, "replica", "replica", pair->sender, &event);
        aero_primary_on_fleet_event(pair->primary.primary, &told);
        pair->sender_is_over |= event.kind == AERO_SENDER_CLOSED;
        pair->damage_told |= event.kind == AERO_SENDER_DAMAGED;
        if (event.kind == AERO_SENDER_PROGRESS) {
            aero_shipment_on_acknowledged(&pair->shipment, event.durable);
        }
    }
}

static bool serve_read(struct aero_pair *pair)
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
        if (is_due(pair, "primary read")) {
            aero_sim_disk_fail_call(pair->primary.disk, AERO_SIM_READ, 1,
                                    pair->plan.fault->sys_errno);
        }
        status = port.ops->read(port.self, file, read.offset, read.into, read.length, &length);
        port.ops->close(port.self, file);
    }
    aero_sender_on_read(pair->sender, status, aero_is_ok(status) ? length : 0);
    return true;
}

static aero_id next_id(struct aero_pair *pair)
{
    aero_id id = {{0}};
    memcpy(id.bytes, &(uint64_t){++pair->entropy}, sizeof(uint64_t));
    id.bytes[15] = 10;
    return id;
}

static void connect(struct aero_pair *pair)
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
    pair->sender_is_over = false;
    pair->sender = aero_sender_new(&options, &peer, aero_primary_shipping_view(primary),
                                   pair->published, (aero_mono_ns){pair->replica.now_ns});
    aero_replica_on_link_open(pair->replica.core, "twin");
}

static void drop_link(struct aero_pair *pair, const char *reason)
{
    aero_sender_free(pair->sender);
    pair->sender = NULL;
    aero_replica_on_link_closed(pair->replica.core, reason);
    pair->replica.now_ns += REDIAL_NS;
}

/* What was on its way is gone; the replica dials again. Both know what they knew. */
static void break_link(struct aero_pair *pair)
{
    drop_link(pair, "broken");
    connect(pair);
}

/* One end ended the link, and has said all that it had to say. A replica that is well dials again. */
static bool end_link(struct aero_pair *pair)
{
    bool sender_ends = pair->sender_is_over && aero_sender_output(pair->sender).length == 0;
    if (!sender_ends && !aero_replica_wants_close(pair->replica.core)) {
        return false;
    }
    drop_link(pair, "ended");
    run_replica(pair);
    if (aero_replica_wants_link(pair->replica.core)) {
        connect(pair);
    }
    return pair->sender != NULL;
}

static bool send_piece(struct aero_pair *pair)
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
static void run_link(struct aero_pair *pair)
{
    bool goes_on = pair->sender != NULL;
    unsigned ended = 0;
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
        tell_primary(pair);
        bool dialled = end_link(pair);
        ended += dialled;
        AERO_ASSERT(ended < LINKS_MAX);
        goes_on = dialled || (goes_on && pair->sender != NULL);
    }
}

/* As the host in each turn. True: there is something new to ship. */
static bool publish_once(struct aero_pair *pair)
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

static void publish(struct aero_pair *pair)
{
    while (publish_once(pair) && !pair->way.late) {
        run_link(pair);
    }
}

/* A replica that was late hears it all. */
static void settle(struct aero_pair *pair)
{
    do {
        run_link(pair);
    } while (publish_once(pair));
}

/* ---- The whole ----------------------------------------------------------------------------------------------- */

static void run_primary(struct aero_pair *pair)
{
    struct aero_step steps[AERO_HANDS_JOBS_MAX];
    do {
        publish(pair);
        while (aero_hands_steps(&pair->primary.hands, steps) > 0) {
            char point[64];
            snprintf(point, sizeof point, "primary %s", steps[0].label);
            probe(pair, point, true);
            arm(pair, point, &pair->primary.hands, &steps[0]);
            aero_twin_run(&pair->primary, &steps[0]);
            publish(pair);
        }
    } while (aero_twin_wait(&pair->primary));
}

static bool is_streaming(const struct aero_pair *pair)
{
    return (pair->switches & AERO_TWIN_TAIL_STREAMING) != 0;
}

static void open_primary(struct aero_pair *pair, struct aero_sim_disk *disk, uint64_t life)
{
    const struct aero_twin_options options = {
        .switches = pair->switches,
        .segment_bytes = is_streaming(pair) ? SEGMENT_BYTES_MANY : SEGMENT_BYTES_ONE_COMMIT};
    pair->shipment = (struct aero_shipment){
        .groups_max = (pair->switches & AERO_TWIN_SHIP_GROUPS) != 0 ? pair->way.groups_max : 1};
    bool opened = aero_twin_open(&pair->primary, &options, &pair->story, disk, life);
    AERO_ASSERT(opened);
    publish_once(pair); /* the link's thread takes nobody before */
}

static void open_replica(struct aero_pair *pair, struct aero_sim_disk *disk, uint64_t life)
{
    const struct aero_twin_options options = {.switches = pair->switches};
    bool opened = aero_replica_twin_open(&pair->replica, &options, disk, life);
    AERO_ASSERT(opened);
}

static void open_pair(struct aero_pair *pair, struct aero_sim_disk *primary,
                      struct aero_sim_disk *replica, uint64_t life)
{
    pair->entropy = life << 32;
    pair->pieces = 0;
    open_primary(pair, primary, life);
    open_replica(pair, replica, life);
    connect(pair);
    publish(pair);
}

static void close_pair(struct aero_pair *pair)
{
    aero_sender_free(pair->sender); /* none, where the replica's disk failed */
    aero_twin_close(&pair->primary);
    aero_replica_twin_close(&pair->replica);
    pair->sender = NULL;
}

static void run_text(struct aero_pair *pair, const char *text)
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
static void judge_end(struct aero_pair *pair)
{
    uint64_t applied = aero_replica_applied_lsn(pair->replica.core).value;
    uint64_t durable = aero_primary_durable_lsn(pair->primary.primary).value;
    uint64_t behind = durable - applied;
    if (aero_replica_state(pair->replica.core) == AERO_REPLICA_HALTED || applied > durable ||
        behind != (is_streaming(pair) || durable == 0 ? 0 : 1)) {
        aero_laws_break(pair->out->laws, pair->list->name,
                        "in the end the replica is at LSN %llu of %llu",
                        (unsigned long long)applied, (unsigned long long)durable);
    }
}

/* Both start again where they were stopped, once with the switch turned over and once more as they were, and whoever is
 * behind catches up. */
static void catch_up(struct aero_pair *stopped, const char *point, struct aero_sim_disk *primary,
                     struct aero_sim_disk *replica)
{
    const char *const texts[] = {"Aw41", is_streaming(stopped) ? "Aw51 Bw52" : "Aw51 Bw52 | Dw53"};
    struct aero_pair *pair = aero_calloc(1, sizeof *pair);
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
    aero_pair_look(pair, stopped->plan.happened ? point : "lives", primary, replica,
                   "after all lives");
    free(pair);
}

/* The node whose disk failed starts again, the other one lives on; a primary's clients go on. */
static void start_again(struct aero_pair *pair)
{
    aero_sender_free(pair->sender);
    pair->sender = NULL;
    if (pair->plan.at_primary) {
        struct aero_sim_disk *disk = pair->primary.disk;
        aero_twin_close(&pair->primary);
        aero_sim_disk_restart(disk);
        aero_replica_on_link_closed(pair->replica.core, "broken");
        pair->replica.now_ns += REDIAL_NS;
        open_primary(pair, disk, 2);
    } else {
        struct aero_sim_disk *disk = pair->replica.hands.disk;
        aero_replica_twin_close(&pair->replica);
        aero_sim_disk_restart(disk);
        open_replica(pair, disk, 2);
    }
    connect(pair);
    run_text(pair, is_streaming(pair) ? "Aw61" : "Aw61 | Dw62");
}

/* What is durable reaches a replica that is well, whatever became of the primary's log; errors are told (FM-6.2). */
static void end_fault(struct aero_pair *pair)
{
    struct aero_pair_fault *plan = &pair->plan;
    plan->points = 0; /* the last point is always one of those at which both are stopped */
    plan->moment = 0;
    probe_behind_fault(pair);
    if (strcmp(plan->fault->step, "primary read") == 0 && !pair->damage_told) {
        aero_laws_break(pair->out->laws, pair->list->name, "nobody heard of a read that failed");
    }
    if (plan->at_primary) {
        judge_end(pair);
    }
    plan->is_over = true;
    start_again(pair);
    judge_end(pair);
}

/* The whole history once. Returns how many pieces the link carried. */
static uint32_t run_pair(struct aero_pair *pair)
{
    struct aero_choice luck;
    aero_choice_init_seed(&luck, 1 + pair->plan.luck);
    struct aero_sim_disk *primary = aero_twin_new_disk(&luck);
    struct aero_sim_disk *replica = aero_replica_twin_new_disk(&luck);
    pair->story = (struct aero_twin_story){0};
    pair->damage_told = false;
    open_pair(pair, primary, replica, 1);
    run_text(pair, is_streaming(pair) ? history_on : history_off);
    if (pair->plan.happened) {
        end_fault(pair);
    } else {
        judge_end(pair);
    }
    close_pair(pair);
    if (pair->way.break_piece != 0 || pair->plan.happened) {
        aero_pair_look(pair, "link broken", primary, replica, "in the end");
    }
    aero_sim_disk_free(primary);
    aero_sim_disk_free(replica);
    return pair->pieces;
}

/* Each fault at each step that can meet it, until a run meets it no more. */
static void run_faults(struct aero_pair *pair)
{
    for (size_t i = 0; i < pair->list->fault_count; i++) {
        const struct aero_case_fault *fault = &pair->list->faults[i];
        uint32_t nth = 0;
        do {
            nth++;
            for (uint32_t luck = 0; luck < FAULT_LUCKS; luck++) {
                pair->plan =
                    (struct aero_pair_fault){.fault = fault,
                                             .at_primary = strncmp(fault->step, "primary", 7) == 0,
                                             .nth = nth,
                                             .luck = luck};
                run_pair(pair);
            }
        } while (pair->plan.happened);
    }
    pair->plan = (struct aero_pair_fault){0};
}

static void run_ways(const struct aero_case_list *list, uint32_t switches,
                     struct aero_enumeration *enumeration)
{
    struct aero_pair *pair = aero_calloc(1, sizeof *pair);
    pair->list = list;
    pair->switches = switches;
    pair->out = enumeration;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (ways[i].groups_max > 2 && (switches & AERO_TWIN_SHIP_GROUPS) == 0) {
            continue; /* it is the way before */
        }
        pair->way = ways[i];
        pair->probing = true;
        uint32_t pieces = run_pair(pair);
        pair->probing = false;
        for (uint32_t piece = 1; piece <= pieces; piece++) {
            pair->way.break_piece = piece;
            run_pair(pair);
        }
        pair->way.break_piece = 0;
        if (i < FAULT_WAYS) {
            run_faults(pair);
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
    struct aero_pair *pair = aero_calloc(1, sizeof *pair);
    pair->list = &plain;
    pair->switches = switches;
    pair->out = enumeration;
    pair->way = ways[0];
    pair->visit = visit;
    pair->visitor = self;
    run_pair(pair);
    free(pair);
}
