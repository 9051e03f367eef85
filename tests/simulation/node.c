/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "primary/primary.h"
#include "replica/replica.h"
#include "tests/simulation/check_authority.h"
#include "tests/simulation/check_bounds.h"
#include "tests/simulation/check_truncation.h"
#include "tests/simulation/resolve.h"

#define TICK_NS 20000000U
#define TURN_DELAY_MAX_NS 60000U
#define RESTART_MAX_NS 3000000000ULL

/* ---- Turns ---------------------------------------------------------------------------------------------------- */

static uint64_t tag_of(const struct aero_sim_node *node)
{
    return node->life;
}

const struct aero_sim_settings *aero_sim_node_settings(const struct aero_sim_node *node)
{
    return &node->world->swarm.settings[node->index];
}

struct aero_server *aero_sim_node_server(struct aero_sim_node *node)
{
    return node->is_primary ? aero_primary_server(node->primary)
                            : aero_replica_server(node->replica);
}

static void tick_core(struct aero_sim_node *node)
{
    aero_mono_ns mono = aero_sim_clock_mono(&node->clock);
    aero_wall_ms wall = aero_sim_clock_wall(&node->clock);
    if (node->is_primary) {
        aero_primary_tick(node->primary, mono, wall);
        while (aero_primary_wants_entropy(node->primary)) {
            aero_primary_give_entropy(node->primary, aero_sim_draw_id(&node->world->choice));
        }
    } else {
        aero_replica_tick(node->replica, mono, wall);
        while (aero_replica_wants_entropy(node->replica)) {
            aero_replica_give_entropy(node->replica, aero_sim_draw_id(&node->world->choice));
        }
    }
}

static void end_turn_of_core(struct aero_sim_node *node)
{
    if (node->is_primary) {
        aero_primary_end_turn(node->primary);
    } else {
        aero_replica_end_turn(node->replica);
    }
}

static void submit_requests(struct aero_sim_node *node)
{
    struct aero_core_request request;
    while (node->is_primary ? aero_primary_next_request(node->primary, &request)
                            : aero_replica_next_request(node->replica, &request)) {
        aero_sim_worker_submit(node->worker, &request);
    }
}

static void close_session(struct aero_sim_node *node, struct aero_sim_session *slot)
{
    struct aero_sim_end end = slot->end;
    aero_session_close(slot->session);
    memset(slot, 0, sizeof *slot);
    aero_sim_net_close(node->world->net, end);
}

static void send_replies(struct aero_sim_node *node, struct aero_sim_session *slot)
{
    for (;;) {
        struct aero_slice output = aero_session_output(slot->session);
        size_t sent =
            output.length == 0 ? 0 : aero_sim_net_send(node->world->net, slot->end, output);
        if (sent == 0) {
            break;
        }
        aero_session_sent(slot->session, sent);
    }
    if (aero_session_should_close(slot->session)) {
        close_session(node, slot);
    }
}

static void flush_sessions(struct aero_sim_node *node)
{
    struct aero_session *session;
    while ((session = aero_server_next_ready(aero_sim_node_server(node))) != NULL &&
           aero_check_progress_step(node->world, node->name)) {
        send_replies(node, aero_session_host(session));
    }
    for (size_t i = 0; i < AERO_SIM_SESSIONS_MAX; i++) {
        struct aero_sim_session *slot = &node->sessions[i];
        if (slot->session != NULL && slot->refused_input &&
            aero_session_wants_input(slot->session)) {
            slot->refused_input = false;
            aero_sim_net_poke(node->world->net, slot->end);
        }
    }
}

static bool has_more_to_do(const struct aero_sim_node *node)
{
    const struct aero_server *server =
        node->is_primary ? aero_primary_server(node->primary) : aero_replica_server(node->replica);
    bool idle_work = node->is_primary ? aero_primary_has_idle_work(node->primary)
                                      : aero_replica_has_idle_work(node->replica);
    return idle_work || aero_server_wants_resume(server);
}

/* What everybody may see now goes to the checkers. */
static void show_checkers(struct aero_sim_node *node)
{
    struct aero_sim_world *world = node->world;
    if (node->harm == 0 && node->seen_names != aero_sim_disk_name_changes(node->disk)) {
        node->seen_names = aero_sim_disk_name_changes(node->disk);
        aero_check_truncation_look(node);
    }
    if (node->is_primary) {
        aero_check_visibility_durable(world, aero_primary_durable_lsn(node->primary).value);
        aero_check_authority_gate(world, (int)aero_primary_manifest(node->primary)->gate);
        return;
    }
    uint64_t applied = aero_replica_applied_lsn(node->replica).value;
    if (applied != node->seen_applied &&
        aero_replica_state(node->replica) == AERO_REPLICA_FOLLOWING) {
        node->seen_applied = applied;
        aero_check_visibility_applied(world, node->index, applied);
        aero_check_digest_state(world, node->name, applied,
                                aero_tree_summary(aero_replica_tree(node->replica)));
    }
}

static void die(struct aero_sim_node *node);

static void finish_stop(struct aero_sim_node *node)
{
    bool stopped = node->is_primary ? aero_primary_is_stopped(node->primary)
                                    : aero_replica_is_stopped(node->replica);
    if (stopped && aero_sim_worker_pending(node->worker) == 0) {
        aero_sim_trace_event(&node->world->trace, node->name, "stopped cleanly");
        aero_sim_node_crash(node, AERO_SIM_KILL, 1000000);
    }
}

static void reopen(struct aero_sim_node *node)
{
    aero_status status = aero_sim_replica_install(node);
    aero_sim_trace_event(&node->world->trace, node->name, "opens anew: %s",
                         aero_code_text(status.code));
    node->world->counts.snapshots_installed += aero_is_ok(status);
    die(node);
    if (aero_sim_disk_is_crashed(node->disk)) {
        node->world->counts.power_losses++;
    }
    aero_sim_node_start(node);
}

static void run_turn(void *self, uint64_t tag)
{
    struct aero_sim_node *node = self;
    if (!node->alive || tag != tag_of(node)) {
        return;
    }
    node->turn_is_due = false;
    tick_core(node);
    end_turn_of_core(node);
    submit_requests(node);
    if (node->is_primary) {
        aero_sim_primary_publish(node);
    } else if (!aero_sim_replica_drive(node)) {
        reopen(node);
        return;
    }
    show_checkers(node);
    aero_check_bounds_look(node);
    flush_sessions(node);
    if (has_more_to_do(node)) {
        aero_sim_node_wake(node);
    }
    if (node->stopping) {
        finish_stop(node);
    }
}

void aero_sim_node_wake(struct aero_sim_node *node)
{
    if (node->alive && !node->turn_is_due) {
        node->turn_is_due = true;
        aero_sim_after(&node->world->scheduler,
                       aero_choice_below(&node->world->choice, TURN_DELAY_MAX_NS), run_turn, node,
                       tag_of(node));
    }
}

static void run_tick(void *self, uint64_t tag)
{
    struct aero_sim_node *node = self;
    if (node->alive && tag == tag_of(node)) {
        aero_sim_node_wake(node);
        aero_sim_after(&node->world->scheduler, TICK_NS, run_tick, node, tag);
    }
}

/* ---- The disk's word ---------------------------------------------------------------------------------------- */

static void on_completion(void *self, enum aero_core_owner owner,
                          const struct aero_disk_completion *completion)
{
    struct aero_sim_node *node = self;
    if (node->is_primary) {
        aero_primary_on_completion(node->primary, owner, completion);
    } else {
        aero_replica_on_completion(node->replica, owner, completion);
    }
    aero_sim_node_wake(node);
}

static void start_later(void *self, uint64_t tag)
{
    struct aero_sim_node *node = self;
    if (!node->alive && tag == tag_of(node)) {
        aero_sim_node_start(node);
    }
}

static void schedule_start(struct aero_sim_node *node, uint64_t delay_ns)
{
    aero_sim_after(&node->world->scheduler, delay_ns, start_later, node, tag_of(node));
}

static uint64_t draw_down_time(struct aero_sim_node *node)
{
    return aero_choice_below(&node->world->choice, RESTART_MAX_NS);
}

/* The disk crashed in the middle of an operation. */
static void on_disk_crash(void *self)
{
    struct aero_sim_node *node = self;
    node->world->counts.power_losses++;
    die(node);
    schedule_start(node, draw_down_time(node));
}

static void on_shared_handle(void *self, uint32_t handle)
{
    struct aero_sim_node *node = self;
    AERO_SIM_VIOLATION(node->world, "handles", "%s: two requests in flight use handle %u",
                       node->name, handle);
}

/* ---- The network's word ------------------------------------------------------------------------------------- */

static struct aero_sim_session *find_session(struct aero_sim_node *node, uint64_t connection)
{
    for (size_t i = 0; i < AERO_SIM_SESSIONS_MAX; i++) {
        if (node->sessions[i].end.connection == connection) {
            return &node->sessions[i];
        }
    }
    return NULL;
}

static void open_session(struct aero_sim_node *node, struct aero_sim_end end, const char *peer)
{
    struct aero_sim_session *slot = find_session(node, 0);
    if (slot == NULL) {
        aero_sim_net_close(node->world->net, end);
        return;
    }
    *slot = (struct aero_sim_session){.end = end, .node = node};
    slot->session = aero_session_open(
        aero_sim_node_server(node),
        &(struct aero_session_options){
            .peer_address = peer, .local_address = node->name, .trusted = true, .host = slot});
    aero_sim_node_wake(node);
}

static void on_open(void *self, struct aero_sim_end end, const char *peer, uint32_t port)
{
    struct aero_sim_node *node = self;
    if (end.side == 0) {
        aero_sim_replica_link_open(node, end, peer);
    } else if (port == AERO_SIM_PORT_CLIENTS) {
        open_session(node, end, peer);
    } else if (node->is_primary) {
        aero_sim_primary_link_open(node, end, peer);
    } else {
        aero_sim_net_close(node->world->net, end);
    }
}

static size_t on_bytes(void *self, struct aero_sim_end end, struct aero_slice bytes)
{
    struct aero_sim_node *node = self;
    aero_sim_node_wake(node);
    if (end.side == 0) {
        return aero_sim_replica_link_bytes(node, end, bytes);
    }
    struct aero_sim_session *slot = find_session(node, end.connection);
    if (slot == NULL) {
        return aero_sim_primary_link_bytes(node, end, bytes);
    }
    if (!aero_session_wants_input(slot->session)) {
        slot->refused_input = true;
        return 0;
    }
    aero_session_on_input(slot->session, bytes);
    return bytes.length;
}

static void on_room(void *self, struct aero_sim_end end)
{
    struct aero_sim_node *node = self;
    aero_sim_node_wake(node);
    struct aero_sim_session *slot = find_session(node, end.connection);
    if (slot != NULL) {
        send_replies(node, slot);
    } else if (end.side == 1) {
        aero_sim_primary_link_room(node, end);
    }
}

static void on_close(void *self, struct aero_sim_end end)
{
    struct aero_sim_node *node = self;
    aero_sim_node_wake(node);
    struct aero_sim_session *slot = find_session(node, end.connection);
    if (slot != NULL) {
        aero_session_close(slot->session);
        memset(slot, 0, sizeof *slot);
    } else if (end.side == 1) {
        aero_sim_primary_link_close(node, end);
    } else {
        aero_sim_replica_link_close(node, end);
    }
}

static const struct aero_sim_net_events net_events = {
    .on_open = on_open, .on_bytes = on_bytes, .on_room = on_room, .on_close = on_close};

/* ---- Life and death ---------------------------------------------------------------------------------------- */

/* Whatever the process held is gone; what it sent may still arrive. */
static void die(struct aero_sim_node *node)
{
    node->alive = false;
    node->stopping = false;
    node->turn_is_due = false;
    node->life++;
    aero_sim_worker_reset(node->worker);
    aero_sim_net_down(node->world->net, node->name);
    if (node->is_primary) {
        aero_sim_primary_end(node);
    } else {
        aero_sim_replica_end(node);
    }
    memset(node->sessions, 0, sizeof node->sessions);
}

void aero_sim_node_crash(struct aero_sim_node *node, enum aero_sim_crash how, uint64_t down_ns)
{
    if (!node->alive) {
        return;
    }
    aero_sim_disk_crash(node->disk, how);
    if (how == AERO_SIM_KILL) {
        node->world->counts.kills++;
    } else {
        node->world->counts.power_losses++;
        aero_sim_clock_reboot(&node->clock, aero_choice_below(&node->world->choice, 1000000000));
    }
    die(node);
    schedule_start(node, down_ns);
}

void aero_sim_node_replace_disk(struct aero_sim_node *node, struct aero_sim_disk *by,
                                uint64_t down_ns)
{
    struct aero_sim_world *world = node->world;
    if (node->alive) {
        aero_sim_node_crash(node, AERO_SIM_KILL, down_ns);
    } else {
        schedule_start(node, down_ns);
    }
    bool is_old = by != NULL;
    if (by == NULL) {
        struct aero_sim_disk_options options = {.name = node->name};
        by = aero_sim_disk_new(&options, &world->choice, NULL);
    }
    aero_sim_disk_swap(node->disk, by);
    aero_sim_disk_free(by);
    aero_sim_disk_crash(node->disk, AERO_SIM_POWER);
    aero_sim_trace_event(&world->trace, node->name, "has %s disk now",
                         is_old ? "an older" : "an empty");
    world->counts.disks_replaced++;
    node->harm = is_old ? AERO_SIM_HARM_OLD_DISK : 0;
    node->holds_lost = false;
    node->disk_number++;
    aero_check_damage_forget(world, node->index);
    if (!node->is_primary) {
        aero_check_monotonic_forget(world, node->index);
        world->visibility.promised[node->index] = 0;
    }
}

static void exchange_disk(struct aero_sim_node *node, uint64_t down_ns, const char *what)
{
    if (node->alive) {
        aero_sim_node_crash(node, AERO_SIM_KILL, down_ns);
    } else {
        schedule_start(node, down_ns);
    }
    aero_sim_disk_swap(node->disk, node->absent);
    aero_sim_disk_crash(node->disk, AERO_SIM_POWER);
    aero_sim_trace_event(&node->world->trace, node->name, "%s", what);
    node->world->counts.disks_replaced++;
}

void aero_sim_node_take_disk(struct aero_sim_node *node, uint64_t down_ns)
{
    struct aero_sim_disk_options options = {.name = node->name};
    node->absent = aero_sim_disk_new(&options, &node->world->choice, NULL);
    exchange_disk(node, down_ns, "has an empty disk now");
}

void aero_sim_node_return_disk(struct aero_sim_node *node, uint64_t down_ns)
{
    exchange_disk(node, down_ns, "has its own disk again");
    aero_sim_disk_free(node->absent);
    node->absent = NULL;
}

void aero_sim_node_stop(struct aero_sim_node *node)
{
    if (!node->alive || node->stopping) {
        return;
    }
    node->stopping = true;
    if (node->is_primary) {
        aero_primary_begin_stop(node->primary);
    } else {
        aero_replica_begin_stop(node->replica);
    }
    aero_sim_node_wake(node);
}

static aero_status create_directory(struct aero_sim_node *node)
{
    struct aero_manifest manifest = {
        .node_id = aero_sim_draw_id(&node->world->choice),
        .role = node->is_primary ? AERO_ROLE_PRIMARY : AERO_ROLE_REPLICA,
    };
    memcpy(manifest.node_name, node->name, sizeof node->name);
    if (node->is_primary) {
        manifest.cluster_id = aero_sim_draw_id(&node->world->choice);
        manifest.epoch.value = 1;
    }
    return aero_create(aero_sim_disk_port(node->disk), &manifest);
}

static void arm_recovery(struct aero_sim_node *node)
{
    struct aero_sim_world *world = node->world;
    aero_sim_disk_heal(node->disk);
    if (!world->calm && aero_choice_below(&world->choice, 1000) <
                            world->swarm.rates[AERO_SIM_ACT_crash_in_recovery]) {
        enum aero_sim_crash how =
            world->swarm.rates[AERO_SIM_ACT_power] > 0 && aero_choice_below(&world->choice, 2) == 0
                ? AERO_SIM_POWER
                : AERO_SIM_KILL;
        aero_sim_disk_crash_at(
            node->disk,
            aero_sim_disk_changes(node->disk) + aero_choice_between(&world->choice, 1, 30), how);
    }
    if (!world->calm &&
        aero_choice_below(&world->choice, 1000) < 5 * world->swarm.rates[AERO_SIM_ACT_read_fault]) {
        aero_sim_disk_fail_call(node->disk, AERO_SIM_READ,
                                aero_choice_between(&world->choice, 1, 30), 5 /* EIO */);
    }
    if (!world->calm &&
        aero_choice_below(&world->choice, 1000) < 5 * world->swarm.rates[AERO_SIM_ACT_lie]) {
        node->harm |= AERO_SIM_HARM_LIE;
        world->counts.damages++;
        aero_sim_disk_lie_at(node->disk, AERO_SIM_MISREAD,
                             aero_choice_between(&world->choice, 1, 30));
    }
}

static aero_status recover(struct aero_sim_node *node, struct aero_recovered *out_recovered,
                           struct aero_recovery_report *out_report)
{
    struct aero_disk port = aero_sim_disk_port(node->disk);
    aero_status status = aero_recover(port, NULL, out_recovered, out_report);
    bool may_create = !node->is_primary || !node->was_born; /* --init is said once */
    if (status.code == AERO_NOT_FOUND && may_create) {
        AERO_TRY(create_directory(node));
        status = aero_recover(port, NULL, out_recovered, out_report);
    }
    return status;
}

static void show_recovered(struct aero_sim_node *node, const struct aero_recovered *recovered,
                           const struct aero_recovery_report *report)
{
    uint64_t end = recovered->end.lsn.value;
    aero_sim_trace_event(&node->world->trace, node->name, "recovered to LSN %llu%s%s",
                         (unsigned long long)end,
                         report->verdict == AERO_VERDICT_TORN_TAIL ? ", torn tail cut" : "",
                         report->older_snapshot_used ? ", older snapshot" : "");
    bool may_have_lost = (node->harm & (AERO_SIM_HARM_OLD_DISK | AERO_SIM_HARM_LIE)) != 0;
    aero_check_visibility_recovered(node->world, node->index, end, may_have_lost);
    aero_check_digest_state(node->world, node->name, end, aero_tree_summary(recovered->tree));
}

static aero_status be_born(struct aero_sim_node *node)
{
    struct aero_recovered recovered;
    struct aero_recovery_report report = {.text = ""};
    aero_status status = recover(node, &recovered, &report);
    if (!aero_is_ok(status)) {
        aero_sim_trace_event(&node->world->trace, node->name, "cannot start: %s: %s",
                             aero_code_text(status.code), report.text);
        return status;
    }
    show_recovered(node, &recovered, &report);
    status = node->is_primary ? aero_sim_primary_begin(node, &recovered, &report)
                              : aero_sim_replica_begin(node, &recovered);
    aero_recovered_deinit(&recovered);
    return status;
}

void aero_sim_node_start(struct aero_sim_node *node)
{
    struct aero_sim_world *world = node->world;
    AERO_ASSERT(!node->alive);
    aero_sim_disk_restart(node->disk);
    arm_recovery(node);
    world->counts.restarts++;
    aero_status status = be_born(node);
    aero_sim_disk_crash_at(node->disk, 0, AERO_SIM_KILL);
    if (!aero_is_ok(status)) {
        if (world->calm && status.code != AERO_CRASHED) {
            aero_sim_resolve_refusal(node, status);
            return;
        }
        schedule_start(node, draw_down_time(node));
        return;
    }
    node->alive = true;
    node->was_born = true;
    if (node->absent != NULL) {
        AERO_SIM_VIOLATION(world, "authority", "%s starts on a disk that is not its own",
                           node->name);
    }
    aero_sim_net_up(world->net, node->name, &net_events, node);
    aero_sim_after(&world->scheduler, TICK_NS, run_tick, node, tag_of(node));
    aero_sim_node_wake(node);
}

/* ---- Making and unmaking ------------------------------------------------------------------------------------ */

/* Log lines are part of the story. The time stamp at the head of the line is the trace's own affair. */
static bool log_line(void *self, struct aero_slice line)
{
    struct aero_sim_node *node = self;
    if (node->world->listening != AERO_SIM_TOLD) {
        return node->world->listening == AERO_SIM_CURIOUS;
    }
    const char *text = (const char *)line.data;
    const char *level = memchr(text, ' ', line.length);
    size_t skip = level == NULL ? 0 : (size_t)(level - text) + 1;
    aero_sim_trace_event(&node->world->trace, node->name, "log %.*s", (int)(line.length - skip - 1),
                         text + skip);
    return true;
}

static aero_wall_ms log_wall(void *self)
{
    (void)self;
    return (aero_wall_ms){.value = 0};
}

struct aero_sim_node *aero_sim_node_new(struct aero_sim_world *world, uint32_t index)
{
    static const struct aero_sim_worker_events events = {.on_completion = on_completion,
                                                         .on_crash = on_disk_crash,
                                                         .on_shared_handle = on_shared_handle};
    struct aero_sim_node *node = aero_calloc(1, sizeof *node);
    node->world = world;
    node->index = index;
    node->is_primary = index == 0;
    if (node->is_primary) {
        snprintf(node->name, sizeof node->name, "primary");
    } else {
        snprintf(node->name, sizeof node->name, "replica%u", index % AERO_SIM_NODES_MAX);
    }
    struct aero_sim_disk_options disk_options = {.name = node->name,
                                                 .names_in_order = world->swarm.names_in_order,
                                                 .sectors_tear = world->swarm.sectors_tear};
    node->disk = aero_sim_disk_new(&disk_options, &world->choice, &world->trace);
    node->worker = aero_sim_worker_new(&world->swarm.worker, aero_sim_disk_port(node->disk),
                                       &world->scheduler, &world->choice, &events, node);
    aero_sim_clock_init(&node->clock, &world->scheduler);
    aero_sim_net_up(world->net, node->name, &net_events, node); /* its name is known, */
    aero_sim_net_down(world->net, node->name);                  /* nobody is there yet */
    enum aero_log_level level = world->listening == AERO_SIM_CURIOUS ? AERO_LOG_DEBUG
                                : world->trace.is_mute               ? AERO_LOG_FATAL
                                                                     : AERO_LOG_INFO;
    aero_logger_init(&node->logger, (struct aero_log_sink){.write = log_line, .self = node},
                     (struct aero_clock){.wall = log_wall}, AERO_LOG_KEY_VALUE, level);
    return node;
}

void aero_sim_node_end(struct aero_sim_node *node)
{
    if (node->alive) {
        aero_sim_disk_crash(node->disk, AERO_SIM_KILL);
        die(node);
    }
}

void aero_sim_node_free(struct aero_sim_node *node)
{
    if (node == NULL) {
        return;
    }
    AERO_ASSERT(!node->alive);
    aero_sim_worker_free(node->worker);
    aero_sim_disk_free(node->disk);
    aero_sim_disk_free(node->backup);
    aero_sim_disk_free(node->absent);
    free(node);
}
