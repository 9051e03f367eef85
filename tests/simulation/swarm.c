/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/swarm.h"

#include <string.h>

static bool draw_bool(struct aero_choice *choice)
{
    return aero_choice_below(choice, 2) == 1;
}

static struct aero_wal_options draw_wal(struct aero_choice *choice)
{
    static const uint64_t segment_bytes[] = {32768, 49152, 131072, 524288};
    static const size_t queue_bytes[] = {65536, 131072, 524288};
    bool baseline = aero_choice_below(choice, 8) == 0;
    /* One draw a statement: an initialiser's order is the compiler's, and a seed is one story under all of them. */
    struct aero_wal_options wal = {.queue_bytes = 0};
    wal.switches.group_commit = draw_bool(choice) && !baseline;
    wal.switches.wal_batching = draw_bool(choice) && !baseline;
    wal.switches.overlapped_sync = draw_bool(choice) && !baseline;
    wal.switches.wal_recycle = draw_bool(choice) && !baseline;
    wal.segment_bytes = segment_bytes[aero_choice_below(choice, 4)];
    wal.queue_bytes = queue_bytes[aero_choice_below(choice, 3)];
    return wal;
}

struct aero_sim_settings aero_sim_settings_draw(struct aero_choice *choice)
{
    static const uint64_t triggers[] = {0, 20000, 60000, 300000};
    static const uint64_t caps[] = {60000, 300000, 10000000};
    static const uint64_t windows[] = {4096, 65536, 1048576};
    static const size_t pauses[] = {2048, 65536, 1048576};
    static const uint32_t holds[] = {4, 64, 4096};
    static const uint32_t shipments[] = {1, 1, 3, 16};
    struct aero_sim_settings settings = {.wal = draw_wal(choice)};
    settings.checkpoint.snapshots_kept = 2;
    settings.checkpoint.wal_bytes_trigger = triggers[aero_choice_below(choice, 4)];
    settings.checkpoint.retention_cap_bytes = caps[aero_choice_below(choice, 3)];
    settings.checkpoint.recycle = draw_bool(choice);
    settings.checkpoint.pipelined = aero_choice_below(choice, 4) != 0;
    settings.tail_streaming = aero_choice_below(choice, 4) != 0;
    settings.read_fast_path = aero_choice_below(choice, 4) != 0;
    settings.ship_groups = shipments[aero_choice_below(choice, 4)];
    settings.window_bytes = windows[aero_choice_below(choice, 3)];
    settings.open_writes_after_cut = draw_bool(choice);
    settings.output_pause_bytes = pauses[aero_choice_below(choice, 3)];
    settings.held_count_max = holds[aero_choice_below(choice, 3)];
    return settings;
}

static void draw_wishes(struct aero_choice *choice, struct aero_sim_swarm *swarm)
{
    static const uint32_t multiples[] = {0, 1, 1, 1, 4};
    for (size_t i = 0; i < AERO_SIM_WISHES; i++) {
        swarm->wishes[i] = multiples[aero_choice_below(choice, 5)];
    }
    swarm->wishes[0] += swarm->wishes[0] == 0; /* somebody has to write something */
}

static void draw_acts(struct aero_choice *choice, struct aero_sim_swarm *swarm)
{
    for (int kind = 0; kind < AERO_SIM_ACT_COUNT; kind++) {
        const struct aero_sim_act *act = aero_sim_act((enum aero_sim_act_kind)kind);
        bool known = aero_choice_below(choice, act->one_of) == 0;
        swarm->rates[kind] = known ? (uint32_t)aero_choice_between(choice, 1, act->most) : 0;
    }
    swarm->heal = (uint32_t)aero_choice_between(choice, 20, 200);
    swarm->look_ns = aero_choice_between(choice, 1000000, 20000000);
}

void aero_sim_swarm_draw(struct aero_choice *choice, struct aero_sim_swarm *out_swarm)
{
    static const size_t pieces[] = {100, 1448, 16384, 65536};
    static const uint64_t delays_ns[] = {20000, 200000, 5000000};
    static const uint64_t ops_ns[] = {20000, 300000, 3000000};
    memset(out_swarm, 0, sizeof *out_swarm);
    out_swarm->replica_count = (uint32_t)aero_choice_between(choice, 1, AERO_SIM_NODES_MAX - 1);
    out_swarm->writer_count = (uint32_t)aero_choice_between(choice, 1, 4);
    out_swarm->reader_count = (uint32_t)aero_choice_below(choice, 3);
    out_swarm->pipeline_depth = 1U << aero_choice_below(choice, 5);
    out_swarm->commands_per_client = (uint32_t)aero_choice_between(choice, 40, 250);
    out_swarm->think_max_ns = delays_ns[aero_choice_below(choice, 3)];
    struct aero_sim_settings common = aero_sim_settings_draw(choice);
    bool alike = draw_bool(choice);
    for (size_t i = 0; i < AERO_SIM_NODES_MAX; i++) {
        out_swarm->settings[i] = alike ? common : aero_sim_settings_draw(choice);
    }
    out_swarm->names_in_order = draw_bool(choice);
    out_swarm->net.delay_min_ns = 5000;
    out_swarm->net.delay_max_ns = delays_ns[aero_choice_below(choice, 3)];
    out_swarm->net.window_bytes = 65536;
    out_swarm->net.piece_bytes = pieces[aero_choice_below(choice, 4)];
    out_swarm->worker.op_min_ns = 2000;
    out_swarm->worker.op_max_ns = ops_ns[aero_choice_below(choice, 3)];
    out_swarm->worker.stall_millionths =
        draw_bool(choice) ? 0 : (uint32_t)aero_choice_below(choice, 3000);
    draw_acts(choice, out_swarm);
    out_swarm->sectors_tear = aero_choice_below(choice, 8) == 0;
    draw_wishes(choice, out_swarm);
}

static uint32_t least(uint32_t drawn, uint32_t limit)
{
    return limit != 0 && limit < drawn ? limit : drawn;
}

void aero_sim_swarm_limit(struct aero_sim_swarm *swarm, const struct aero_sim_limits *limits)
{
    for (int kind = 0; kind < AERO_SIM_ACT_COUNT; kind++) {
        if ((limits->without >> kind & 1) != 0) {
            swarm->rates[kind] = 0;
        }
    }
    swarm->acts_max = limits->acts;
    swarm->replica_count = least(swarm->replica_count, limits->replicas);
    swarm->commands_per_client = least(swarm->commands_per_client, limits->commands);
    uint32_t clients = least(swarm->writer_count + swarm->reader_count, limits->clients);
    swarm->writer_count = least(swarm->writer_count, clients);
    swarm->reader_count = least(swarm->reader_count, clients - swarm->writer_count);
    if (clients == swarm->writer_count) {
        swarm->reader_count = 0;
    }
}

static void tell_settings(const struct aero_sim_settings *settings, uint32_t node,
                          struct aero_sim_trace *trace)
{
    const struct aero_wal_switches *switches = &settings->wal.switches;
    aero_sim_trace_event(
        trace, "swarm",
        "node %u: group_commit %d wal_batching %d overlapped_sync %d wal_recycle %d "
        "tail_streaming %d ship_groups %u read_fast_path %d checkpoint_pipelining %d, segments of "
        "%llu, queue "
        "%zu, checkpoint trigger %llu, retention %llu, "
        "recycle %d, window %llu",
        node, switches->group_commit, switches->wal_batching, switches->overlapped_sync,
        switches->wal_recycle, settings->tail_streaming, settings->ship_groups,
        settings->read_fast_path, settings->checkpoint.pipelined,
        (unsigned long long)settings->wal.segment_bytes, settings->wal.queue_bytes,
        (unsigned long long)settings->checkpoint.wal_bytes_trigger,
        (unsigned long long)settings->checkpoint.retention_cap_bytes, settings->checkpoint.recycle,
        (unsigned long long)settings->window_bytes);
}

static void tell_wishes(const struct aero_sim_swarm *swarm, struct aero_sim_trace *trace)
{
    static const char *const names[AERO_SIM_WISHES] = {
        "SET",    "DEL",         "MULTI",    "INCR", "SET NX",
        "PSETEX", "shared keys", "AERO.LSN", "GET",  "other commands"};
    for (size_t i = 0; i < AERO_SIM_WISHES; i++) {
        if (swarm->wishes[i] != 1) {
            aero_sim_trace_event(trace, "swarm", "%u times the usual of %s", swarm->wishes[i],
                                 names[i]);
        }
    }
}

void aero_sim_swarm_tell(const struct aero_sim_swarm *swarm, struct aero_sim_trace *trace)
{
    aero_sim_trace_event(trace, "swarm",
                         "%u replicas, %u writers, %u readers, pipeline %u, %u commands each, "
                         "an act each %llu us or so",
                         swarm->replica_count, swarm->writer_count, swarm->reader_count,
                         swarm->pipeline_depth, swarm->commands_per_client,
                         (unsigned long long)swarm->look_ns / 1000);
    if (swarm->sectors_tear) {
        aero_sim_trace_event(trace, "swarm", "power losses leave sectors half old, half new");
    }
    for (int kind = 0; kind < AERO_SIM_ACT_COUNT; kind++) {
        if (swarm->rates[kind] > 0) {
            aero_sim_trace_event(trace, "swarm", "knows %s, %u of 1000",
                                 aero_sim_act((enum aero_sim_act_kind)kind)->name,
                                 swarm->rates[kind]);
        }
    }
    tell_wishes(swarm, trace);
    for (uint32_t i = 0; i <= swarm->replica_count; i++) {
        tell_settings(&swarm->settings[i], i, trace);
    }
}
