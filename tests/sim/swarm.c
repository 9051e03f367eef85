/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/swarm.h"

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
    return (struct aero_wal_options){
        .switches = {.group_commit = draw_bool(choice) && !baseline,
                     .wal_batching = draw_bool(choice) && !baseline,
                     .overlapped_sync = draw_bool(choice) && !baseline,
                     .wal_recycle = draw_bool(choice) && !baseline},
        .segment_bytes = segment_bytes[aero_choice_below(choice, 4)],
        .queue_bytes = queue_bytes[aero_choice_below(choice, 3)],
    };
}

/* Half of the seeds do not know this kind of fault at all. */
static uint32_t draw_rate(struct aero_choice *choice, uint32_t most)
{
    return draw_bool(choice) ? (uint32_t)aero_choice_between(choice, 1, most) : 0;
}

static void draw_faults(struct aero_choice *choice, struct aero_sim_swarm *swarm)
{
    swarm->kill = draw_rate(choice, 30);
    swarm->power_loss = draw_rate(choice, 30);
    swarm->clean_restart = draw_rate(choice, 10);
    swarm->crash_in_disk_work = draw_rate(choice, 40);
    swarm->crash_in_recovery = draw_rate(choice, 500); /* of 1000 starts */
    swarm->write_fault = draw_rate(choice, 15);
    swarm->sync_fault = draw_rate(choice, 10);
    swarm->name_fault = draw_rate(choice, 10);
    swarm->read_fault = draw_rate(choice, 10);
    swarm->full_disk = draw_rate(choice, 10);
    swarm->cut = draw_rate(choice, 80);
    swarm->clog = draw_rate(choice, 50);
    swarm->partition = draw_rate(choice, 20);
    swarm->heal = (uint32_t)aero_choice_between(choice, 20, 200);
    swarm->clock_jump = draw_rate(choice, 20);
    swarm->look_ns = aero_choice_between(choice, 1000000, 20000000);
}

void aero_sim_swarm_draw(struct aero_choice *choice, struct aero_sim_swarm *out_swarm)
{
    static const uint64_t triggers[] = {0, 20000, 60000, 300000};
    static const uint64_t caps[] = {60000, 300000, 10000000};
    static const uint64_t windows[] = {4096, 65536, 1048576};
    static const size_t pieces[] = {100, 1448, 16384, 65536};
    static const uint64_t delays_ns[] = {20000, 200000, 5000000};
    static const uint64_t ops_ns[] = {20000, 300000, 3000000};
    memset(out_swarm, 0, sizeof *out_swarm);
    out_swarm->replica_count = (uint32_t)aero_choice_between(choice, 1, 3);
    out_swarm->writer_count = (uint32_t)aero_choice_between(choice, 1, 4);
    out_swarm->reader_count = (uint32_t)aero_choice_below(choice, 3);
    out_swarm->pipeline_depth = 1U << aero_choice_below(choice, 5);
    out_swarm->commands_per_client = (uint32_t)aero_choice_between(choice, 40, 250);
    out_swarm->think_max_ns = delays_ns[aero_choice_below(choice, 3)];
    struct aero_wal_options common = draw_wal(choice);
    bool alike = draw_bool(choice);
    for (size_t i = 0; i < sizeof out_swarm->wal / sizeof out_swarm->wal[0]; i++) {
        out_swarm->wal[i] = alike ? common : draw_wal(choice);
    }
    out_swarm->checkpoint = (struct aero_checkpoint_options){
        .snapshots_kept = 2,
        .wal_bytes_trigger = triggers[aero_choice_below(choice, 4)],
        .retention_cap_bytes = caps[aero_choice_below(choice, 3)],
        .recycle = draw_bool(choice),
    };
    out_swarm->tail_streaming = aero_choice_below(choice, 4) != 0;
    out_swarm->window_bytes = windows[aero_choice_below(choice, 3)];
    out_swarm->open_writes_after_cut = draw_bool(choice);
    out_swarm->names_in_order = draw_bool(choice);
    out_swarm->net = (struct aero_sim_net_options){
        .delay_min_ns = 5000,
        .delay_max_ns = delays_ns[aero_choice_below(choice, 3)],
        .window_bytes = 65536,
        .piece_bytes = pieces[aero_choice_below(choice, 4)],
    };
    out_swarm->worker = (struct aero_sim_worker_options){
        .op_min_ns = 2000,
        .op_max_ns = ops_ns[aero_choice_below(choice, 3)],
        .stall_millionths = draw_bool(choice) ? 0 : (uint32_t)aero_choice_below(choice, 3000),
    };
    draw_faults(choice, out_swarm);
}

void aero_sim_swarm_tell(const struct aero_sim_swarm *swarm, struct aero_sim_trace *trace)
{
    aero_sim_trace_event(
        trace, "swarm",
        "%u replicas, %u writers, %u readers, pipeline %u, %u commands each, segments of %llu, "
        "checkpoint trigger %llu, retention %llu, window %llu, tail streaming %d",
        swarm->replica_count, swarm->writer_count, swarm->reader_count, swarm->pipeline_depth,
        swarm->commands_per_client, (unsigned long long)swarm->wal[0].segment_bytes,
        (unsigned long long)swarm->checkpoint.wal_bytes_trigger,
        (unsigned long long)swarm->checkpoint.retention_cap_bytes,
        (unsigned long long)swarm->window_bytes, swarm->tail_streaming);
    aero_sim_trace_event(
        trace, "swarm",
        "per mille: kill %u power %u restart %u crash in work %u in recovery %u, disk write %u "
        "sync "
        "%u name %u read %u full %u, net cut %u clog %u partition %u heal %u, clock %u",
        swarm->kill, swarm->power_loss, swarm->clean_restart, swarm->crash_in_disk_work,
        swarm->crash_in_recovery, swarm->write_fault, swarm->sync_fault, swarm->name_fault,
        swarm->read_fault, swarm->full_disk, swarm->cut, swarm->clog, swarm->partition, swarm->heal,
        swarm->clock_jump);
    for (uint32_t i = 0; i <= swarm->replica_count; i++) {
        const struct aero_wal_switches *switches = &swarm->wal[i].switches;
        aero_sim_trace_event(trace, "swarm",
                             "node %u: group_commit %d wal_batching %d overlapped_sync %d "
                             "wal_recycle %d",
                             i, switches->group_commit, switches->wal_batching,
                             switches->overlapped_sync, switches->wal_recycle);
    }
}
