/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/pair.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "primary/primary.h"
#include "replica/replica.h"
#include "shipping/sender.h"
#include "tests/crash/steps.h"
#include "tests/simulation/resp_lite.h"
#include "tests/simulation/sim_clock.h"

/* A segment for five short records or one long one. */
#define SEGMENT_BYTES ((uint64_t)4096 + 64 + 640)
#define WALL_MS 1700000000000U
#define ACTIONS_MAX 20000

void crash_pair_break(struct crash_pair *pair, const char *format, ...)
{
    va_list arguments;
    if (pair->broken[0] == '\0') {
        va_start(arguments, format);
        vsnprintf(pair->broken, sizeof pair->broken, format, arguments);
        va_end(arguments);
    }
}

static bool is_alive(const struct crash_pair *pair)
{
    return pair->primary != NULL && pair->replica != NULL && pair->broken[0] == '\0';
}

/* ---- Points ------------------------------------------------------------------------------------------------- */

static void before_change(void *self, const struct crash_change *change)
{
    struct crash_node *node = self;
    if (node->pair->on_point != NULL) {
        node->pair->on_point(node->pair->self, node->pair, node, change);
    }
}

static enum crash_act decide_change(void *self, const struct crash_change *change)
{
    struct crash_node *node = self;
    struct crash_pair *pair = node->pair;
    if (pair->no_space > 0 && node->is_primary && change->kind == CRASH_WRITE &&
        strncmp(change->name, "wal/", 4) == 0) {
        pair->no_space--;
        pair->may_refuse = true;
        return CRASH_NO_SPACE;
    }
    return pair->mutate == NULL ? CRASH_DO : pair->mutate(pair->mutate_self, node, change);
}

static void observe(struct crash_pair *pair)
{
    for (int i = 0; i < 2; i++) {
        struct crash_node *node = &pair->node[i];
        node->pair = pair;
        node->is_primary = i == 0;
        node->machine.port.before = before_change;
        node->machine.port.decide = decide_change;
        node->machine.port.self = node;
    }
}

/* ---- Clients -------------------------------------------------------------------------------------------------- */

static void open_client(struct crash_client *client, struct aero_server *server)
{
    client->session = aero_session_open(
        server, &(struct aero_session_options){
                    .peer_address = "client", .local_address = "node", .trusted = true});
    client->expected_count = 0;
    aero_buffer_clear(&client->replies);
}

static void expect_reply(struct crash_client *client, uint64_t lsn)
{
    AERO_ASSERT(client->expected_count < CRASH_EXPECTED_MAX);
    client->expected[client->expected_count++] = lsn;
}

static bool is_refusal(struct aero_slice reply)
{
    return aero_sim_resp_is_error(reply, "MISCONF") || aero_sim_resp_is_error(reply, "EXECABORT");
}

/* What the client had sent behind it takes its place in the history. */
static void forget_write(struct crash_pair *pair, uint64_t lsn)
{
    crash_truth_forget(&pair->truth, lsn);
    for (uint32_t i = 0; i < pair->writer.expected_count; i++) {
        if (pair->writer.expected[i] > lsn) {
            pair->writer.expected[i]--;
        }
    }
}

/* It may come back after a death, until a successor of its segment says where that ends. */
static void doubt_write(struct crash_pair *pair, uint64_t lsn)
{
    if (pair->doubt_count++ == 0) {
        pair->doubt_lsn = lsn;
        pair->doubt_sequence = aero_primary_durable_place(pair->primary).sequence;
    }
}

static void settle_doubt(struct crash_pair *pair)
{
    if (aero_primary_durable_place(pair->primary).sequence > pair->doubt_sequence) {
        for (; pair->doubt_count > 0; pair->doubt_count--) {
            forget_write(pair, pair->doubt_lsn);
        }
    }
}

static void hear_reply(struct crash_pair *pair, struct aero_slice reply, uint64_t lsn)
{
    if (aero_sim_resp_is_error(reply, "UNKNOWN") && pair->may_refuse && lsn > pair->truth.durable) {
        doubt_write(pair, lsn);
    } else if (aero_sim_resp_is_error(reply, "NOTWRITTEN")) {
        if (lsn != 0 && lsn <= pair->truth.durable) {
            crash_pair_break(pair, "LSN %llu was durable and is said not to be written",
                             (unsigned long long)lsn);
        } else if (lsn != 0) {
            forget_write(pair, lsn);
        }
    } else if (reply.data[0] == '-' && pair->may_refuse && lsn == 0) {
        return; /* a checkpoint, of a replica that does not follow yet, or what would come into a transaction */
    } else if (is_refusal(reply) && pair->may_refuse) {
        forget_write(pair, lsn);
    } else if (reply.data[0] == '-') {
        crash_pair_break(pair, "a command failed: %.*s", (int)reply.length - 2,
                         (const char *)reply.data);
    } else if (lsn > pair->truth.acknowledged) {
        pair->truth.acknowledged = lsn;
    }
}

static void hear_client(struct crash_pair *pair, struct crash_client *client)
{
    if (client->session == NULL) {
        return;
    }
    struct aero_slice output;
    while ((output = aero_session_output(client->session)).length > 0) {
        aero_buffer_append_slice(&client->replies, output);
        aero_session_sent(client->session, output.length);
    }
    size_t length;
    while ((length = aero_sim_resp_length(aero_buffer_slice(&client->replies))) > 0) {
        AERO_ASSERT(length != SIZE_MAX && client->expected_count > 0);
        uint64_t lsn = client->expected[0];
        client->expected_count--;
        memmove(client->expected, client->expected + 1,
                client->expected_count * sizeof client->expected[0]);
        hear_reply(pair, aero_slice_of(client->replies.data, length), lsn);
        aero_buffer_consume(&client->replies, length);
    }
}

static void drain_ready(struct aero_server *server)
{
    while (aero_server_next_ready(server) != NULL) {
    }
}

void crash_pair_write(struct crash_pair *pair, size_t count, const char *const words[],
                      const struct crash_state *state)
{
    struct aero_buffer bytes = {0};
    if (!is_alive(pair)) {
        return;
    }
    if (state != NULL) {
        crash_truth_append(&pair->truth, state);
    }
    aero_sim_resp_append_command(&bytes, count, words);
    expect_reply(&pair->writer, state != NULL ? pair->truth.top : 0);
    aero_session_on_input(pair->writer.session, aero_buffer_slice(&bytes));
    aero_buffer_deinit(&bytes);
}

void crash_pair_checkpoint(struct crash_pair *pair, bool on_primary)
{
    static const char *const words[] = {"AERO.CHECKPOINT"};
    struct crash_client *client = &pair->admin[on_primary ? 0 : 1];
    struct aero_buffer bytes = {0};
    if (client->session == NULL || !aero_session_wants_input(client->session)) {
        return; /* one is at work */
    }
    aero_sim_resp_append_command(&bytes, 1, words);
    expect_reply(client, 0);
    aero_session_on_input(client->session, aero_buffer_slice(&bytes));
    aero_buffer_deinit(&bytes);
}

/* ---- Birth and death ------------------------------------------------------------------------------------------ */

aero_status crash_create(struct aero_disk disk, bool is_primary)
{
    struct aero_manifest manifest = {.role = is_primary ? AERO_ROLE_PRIMARY : AERO_ROLE_REPLICA};
    memset(manifest.node_id.bytes, is_primary ? 0x21 : 0x22, sizeof manifest.node_id.bytes);
    snprintf(manifest.node_name, sizeof manifest.node_name, "%s",
             is_primary ? "primary" : "replica");
    if (is_primary) {
        memset(manifest.cluster_id.bytes, 0x11, sizeof manifest.cluster_id.bytes);
        manifest.epoch.value = 1;
    }
    return aero_create(disk, &manifest);
}

static struct aero_wal_options wal_options(const struct crash_pair *pair)
{
    return (struct aero_wal_options){
        .switches = pair->setup.switches, .segment_bytes = SEGMENT_BYTES, .queue_bytes = 65536};
}

static struct aero_checkpoint_options checkpoint_options(const struct crash_pair *pair)
{
    return (struct aero_checkpoint_options){
        .snapshots_kept = 2,
        .retention_cap_bytes = pair->setup.pins_hold ? (uint64_t)1 << 30 : 1,
        .recycle = pair->setup.switches.wal_recycle,
        .pipelined = pair->setup.pipelined,
    };
}

static void start_primary(struct crash_pair *pair, struct aero_recovered *recovered,
                          const struct aero_recovery_report *report)
{
    struct aero_primary_options options = {.wal = wal_options(pair),
                                           .checkpoint = checkpoint_options(pair)};
    aero_server_options_default(&options.server);
    options.server.run_id = aero_sim_draw_id(&pair->ids);
    uint64_t end = recovered->end.lsn.value;
    aero_status status =
        aero_primary_begin_incarnation(crash_port_disk(&pair->node[0].machine.port), recovered,
                                       report, false, aero_sim_draw_id(&pair->ids));
    if (status.code == AERO_CRASHED) {
        return; /* revived before the next action */
    }
    AERO_ASSERT(aero_is_ok(status));
    if (end < pair->truth.durable || end > pair->truth.top) {
        crash_pair_break(pair, "the primary had LSN %llu durable and comes back with %llu",
                         (unsigned long long)pair->truth.durable, (unsigned long long)end);
        return;
    }
    pair->truth.top = end; /* what it comes back with is there for all to see */
    pair->truth.durable = end;
    pair->truth.acknowledged = end;
    pair->primary =
        aero_primary_new(&options, recovered, aero_sim_draw_id(&pair->ids), &pair->logger);
    open_client(&pair->writer, aero_primary_server(pair->primary));
    open_client(&pair->admin[0], aero_primary_server(pair->primary));
}

static void start_replica(struct crash_pair *pair, struct aero_recovered *recovered)
{
    struct aero_replica_options options = {
        .wal = wal_options(pair),
        .checkpoint = checkpoint_options(pair),
        .tail_streaming = true,
        .heartbeat_ns = UINT64_MAX / 4,
        .silence_ns = UINT64_MAX / 4,
        .seed = 1,
        .primary_port = 7379,
    };
    snprintf(options.primary_host, sizeof options.primary_host, "primary");
    aero_server_options_default(&options.server);
    options.server.run_id = aero_sim_draw_id(&pair->ids);
    pair->replica = aero_replica_new(&options, recovered, &pair->logger);
    open_client(&pair->admin[1], aero_replica_server(pair->replica));
}

/* A crash on the way is one more start. */
static aero_status recover_node(struct crash_node *node, struct aero_recovered *out_recovered,
                                struct aero_recovery_report *out_report)
{
    struct aero_disk disk = crash_port_disk(&node->machine.port);
    aero_status status;
    do {
        aero_sim_disk_restart(node->machine.disk);
        status = aero_recover(disk, NULL, out_recovered, out_report);
        if (status.code == AERO_NOT_FOUND && !node->is_created) {
            status = crash_create(disk, node->is_primary);
            if (aero_is_ok(status)) {
                status = aero_recover(disk, NULL, out_recovered, out_report);
            }
        }
    } while (status.code == AERO_CRASHED);
    node->is_created |= aero_is_ok(status);
    return status;
}

static void start_node(struct crash_pair *pair, struct crash_node *node)
{
    struct aero_recovered recovered;
    struct aero_recovery_report report;
    aero_status status = recover_node(node, &recovered, &report);
    if (!aero_is_ok(status)) {
        crash_pair_break(pair, "the %s does not start: %s: %s",
                         node->is_primary ? "primary" : "replica", aero_code_text(status.code),
                         report.text);
        return;
    }
    if (node->is_primary) {
        start_primary(pair, &recovered, &report);
    } else {
        start_replica(pair, &recovered);
    }
    aero_recovered_deinit(&recovered);
}

static void end_node(struct crash_pair *pair, struct crash_node *node)
{
    crash_machine_reset(&node->machine);
    if (node->is_primary) {
        aero_primary_free(pair->primary);
        pair->primary = NULL;
        pair->doubt_count = 0;
        pair->writer.session = NULL;
        pair->admin[0].session = NULL;
    } else {
        aero_replica_free(pair->replica);
        pair->replica = NULL;
        pair->admin[1].session = NULL;
    }
    crash_pair_cut(pair);
}

void crash_pair_kill(struct crash_pair *pair, struct crash_node *node, enum aero_sim_crash how)
{
    pair->may_refuse = true;
    aero_sim_disk_crash(node->machine.disk, how);
}

/* True when somebody had died. */
static bool revive(struct crash_pair *pair)
{
    bool somebody = false;
    for (int i = 0; i < 2; i++) {
        struct crash_node *node = &pair->node[i];
        if (aero_sim_disk_is_crashed(node->machine.disk) && pair->broken[0] == '\0') {
            pair->no_space =
                0; /* that was for its running log: a start without room refuses, rightly */
            end_node(pair, node);
            start_node(pair, node);
            somebody = true;
        }
    }
    return somebody;
}

void crash_pair_replace_replica(struct crash_pair *pair)
{
    struct crash_node *node = &pair->node[1];
    end_node(pair, node);
    crash_machine_replace_disk(&node->machine, "replica");
    node->is_created = false;
    pair->truth.shown = 0;
    start_node(pair, node);
}

static bool drop_line(void *self, struct aero_slice line)
{
    (void)self;
    (void)line;
    return true;
}

static aero_wall_ms no_wall(void *self)
{
    (void)self;
    return (aero_wall_ms){.value = 0};
}

static void init_common(struct crash_pair *pair, const struct crash_setup *setup)
{
    pair->setup = *setup;
    pair->mono_ns = 1000000000;
    aero_choice_init_seed(&pair->ids, 7);
    aero_logger_init(&pair->logger, (struct aero_log_sink){.write = drop_line},
                     (struct aero_clock){.wall = no_wall}, AERO_LOG_KEY_VALUE, AERO_LOG_FATAL);
    observe(pair);
}

void crash_pair_begin(struct crash_pair *pair, const struct crash_setup *setup)
{
    crash_truth_init(&pair->truth);
    crash_machine_init(&pair->node[0].machine, "primary");
    crash_machine_init(&pair->node[1].machine, "replica");
    init_common(pair, setup);
    start_node(pair, &pair->node[0]);
    start_node(pair, &pair->node[1]);
    if (is_alive(pair)) {
        crash_step_run(pair, CRASH_STEP_SHIP);
    }
    for (int i = 0; i < 2 && setup->aged && is_alive(pair); i++) {
        crash_step_run(pair, CRASH_STEP_BATCH);
        crash_step_run(pair, CRASH_STEP_ROTATE);
        crash_step_run(pair, CRASH_STEP_PUT);
        crash_step_run(pair, CRASH_STEP_SHIP);
        crash_step_run(pair, CRASH_STEP_CHECKPOINT);
    }
    if (setup->aged && is_alive(pair)) {
        crash_step_run(pair, CRASH_STEP_PUT);
        crash_step_run(pair, CRASH_STEP_SHIP);
    }
}

void crash_pair_end(struct crash_pair *pair)
{
    end_node(pair, &pair->node[0]);
    end_node(pair, &pair->node[1]);
    crash_machine_deinit(&pair->node[0].machine);
    crash_machine_deinit(&pair->node[1].machine);
    aero_buffer_deinit(&pair->to_replica);
    aero_buffer_deinit(&pair->to_primary);
    aero_buffer_deinit(&pair->writer.replies);
    aero_buffer_deinit(&pair->admin[0].replies);
    aero_buffer_deinit(&pair->admin[1].replies);
}

/* ---- Turns ---------------------------------------------------------------------------------------------------- */

static void turn_primary(struct crash_pair *pair)
{
    struct aero_core_request request;
    struct aero_server *server = aero_primary_server(pair->primary);
    aero_mono_ns mono = {.value = pair->mono_ns};
    for (int i = 0; i == 0 || (i < 16 && (aero_primary_has_idle_work(pair->primary) ||
                                          aero_server_wants_resume(server)));
         i++) {
        aero_primary_tick(pair->primary, mono, (aero_wall_ms){.value = WALL_MS});
        while (aero_primary_wants_entropy(pair->primary)) {
            aero_primary_give_entropy(pair->primary, aero_sim_draw_id(&pair->ids));
        }
        aero_primary_end_turn(pair->primary);
        while (aero_primary_next_request(pair->primary, &request)) {
            crash_machine_submit(&pair->node[0].machine, &request);
        }
    }
    drain_ready(server);
    settle_doubt(pair);
    pair->truth.durable = aero_primary_durable_lsn(pair->primary).value;
    hear_client(pair, &pair->writer);
    hear_client(pair, &pair->admin[0]);
}

static void reopen_replica(struct crash_pair *pair)
{
    struct crash_node *node = &pair->node[1];
    aero_status status = aero_replica_install(pair->replica, crash_port_disk(&node->machine.port));
    if (status.code == AERO_CRASHED) {
        return;
    }
    if (!aero_is_ok(status)) {
        crash_pair_break(pair, "installing failed: %s", aero_code_text(status.code));
    }
    end_node(pair, node);
    start_node(pair, node);
}

static void turn_replica(struct crash_pair *pair)
{
    struct aero_core_request request;
    struct aero_server *server = aero_replica_server(pair->replica);
    aero_mono_ns mono = {.value = pair->mono_ns};
    for (int i = 0; i == 0 || (i < 16 && (aero_replica_has_idle_work(pair->replica) ||
                                          aero_server_wants_resume(server)));
         i++) {
        aero_replica_tick(pair->replica, mono, (aero_wall_ms){.value = WALL_MS});
        while (aero_replica_wants_entropy(pair->replica)) {
            aero_replica_give_entropy(pair->replica, aero_sim_draw_id(&pair->ids));
        }
        aero_replica_end_turn(pair->replica);
        while (aero_replica_next_request(pair->replica, &request)) {
            crash_machine_submit(&pair->node[1].machine, &request);
        }
    }
    drain_ready(server);
    hear_client(pair, &pair->admin[1]);
    enum aero_replica_state state = aero_replica_state(pair->replica);
    if (state == AERO_REPLICA_FOLLOWING) {
        pair->truth.shown = aero_replica_applied_lsn(pair->replica).value;
    } else if (state == AERO_REPLICA_HALTED) {
        crash_pair_break(pair, "the replica halts");
    }
    if (aero_replica_wants_reopen(pair->replica)) {
        reopen_replica(pair);
    }
}

static void step_machine(struct crash_pair *pair, bool is_primary)
{
    enum aero_core_owner owner;
    struct aero_disk_completion completion;
    struct crash_machine *machine = &pair->node[is_primary ? 0 : 1].machine;
    if (!crash_machine_step(machine, &owner, &completion) ||
        aero_sim_disk_is_crashed(machine->disk)) {
        return;
    }
    if (is_primary) {
        aero_primary_on_completion(pair->primary, owner, &completion);
    } else {
        aero_replica_on_completion(pair->replica, owner, &completion);
    }
}

/* Primary, replica and network take turns where more than one has something to do. */
static bool act_of(struct crash_pair *pair, uint32_t who)
{
    if (who < 2) {
        if (!crash_machine_is_busy(&pair->node[who].machine)) {
            return false;
        }
        step_machine(pair, who == 0);
        return true;
    }
    if (pair->on_point != NULL && pair->sender != NULL && pair->flowing &&
        pair->to_replica.length + pair->to_primary.length > 0) {
        pair->on_point(pair->self, pair, NULL, NULL);
        if (aero_sim_disk_is_crashed(pair->node[0].machine.disk) ||
            aero_sim_disk_is_crashed(pair->node[1].machine.disk)) {
            return true;
        }
    }
    return crash_link_deliver(pair);
}

bool crash_pair_act(struct crash_pair *pair)
{
    if (revive(pair)) {
        return true;
    }
    if (!is_alive(pair)) {
        return false;
    }
    turn_primary(pair);
    turn_replica(pair);
    if (revive(pair)) {
        return true;
    }
    if (!is_alive(pair)) {
        return false;
    }
    crash_link_collect(pair);
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t who = (pair->turn + 1 + i) % 3;
        if (act_of(pair, who)) {
            pair->turn = who;
            return true;
        }
    }
    return false;
}

void crash_pair_settle(struct crash_pair *pair)
{
    int actions = 0;
    while (crash_pair_act(pair)) {
        if (++actions == ACTIONS_MAX) {
            crash_pair_break(pair, "never comes to rest");
            return;
        }
    }
}
