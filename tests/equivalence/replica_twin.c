/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/equivalence/replica_twin.h"

#include <string.h>

#include "base/assert.h"
#include "engine/recovery.h"

#define SEGMENT_BYTES_DEFAULT 16384U
#define QUEUE_BYTES (1U << 20)
#define WINDOW_BYTES (1U << 20)
#define NOW_FIRST_NS 1000000000U

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

static aero_id next_id(struct aero_replica_twin *replica)
{
    aero_id id = {{0}};
    memcpy(id.bytes, &(uint64_t){++replica->entropy}, sizeof(uint64_t));
    id.bytes[15] = 9;
    return id;
}

struct aero_sim_disk *aero_replica_twin_new_disk(struct aero_choice *luck)
{
    const struct aero_sim_disk_options options = {.name = "replica"};
    struct aero_sim_disk *disk = aero_sim_disk_new(&options, luck, NULL);
    const struct aero_manifest manifest = {
        .node_id = {{3}}, .node_name = "replica", .role = AERO_ROLE_REPLICA};
    aero_status status = aero_create(aero_sim_disk_port(disk), &manifest);
    AERO_ASSERT(aero_is_ok(status));
    return disk;
}

static struct aero_replica_options core_options(const struct aero_twin_options *options)
{
    struct aero_replica_options core = {
        .wal = {.segment_bytes =
                    options->segment_bytes != 0 ? options->segment_bytes : SEGMENT_BYTES_DEFAULT,
                .queue_bytes = QUEUE_BYTES},
        .checkpoint = {.snapshots_kept = options->kept_snapshots != 0 ? options->kept_snapshots : 2,
                       .recycle = (options->switches & AERO_TWIN_WAL_RECYCLE) != 0,
                       .pipelined = (options->switches & AERO_TWIN_CHECKPOINT_PIPELINING) != 0},
        .tail_streaming = (options->switches & AERO_TWIN_TAIL_STREAMING) != 0,
        .window_bytes = WINDOW_BYTES,
        .seed = 1,
    };
    aero_twin_wal_switches(options->switches, &core.wal.switches);
    aero_server_options_default(&core.server);
    return core;
}

bool aero_replica_twin_open(struct aero_replica_twin *replica,
                            const struct aero_twin_options *options, struct aero_sim_disk *disk,
                            uint64_t life)
{
    struct aero_recovered recovered;
    struct aero_recovery_report report = {.text = ""};
    const struct aero_replica_options core = core_options(options);
    *replica = (struct aero_replica_twin){
        .hands = {.disk = disk}, .entropy = life << 32, .now_ns = NOW_FIRST_NS};
    aero_logger_init(&replica->logger, (struct aero_log_sink){.write = write_log},
                     (struct aero_clock){.wall = read_wall}, AERO_LOG_KEY_VALUE, AERO_LOG_ERROR);
    if (!aero_is_ok(aero_recover(aero_sim_disk_port(disk), NULL, &recovered, &report))) {
        return false;
    }
    replica->core = aero_replica_new(&core, &recovered, &replica->logger);
    aero_recovered_deinit(&recovered);
    aero_replica_twin_turn(replica);
    return true;
}

void aero_replica_twin_close(struct aero_replica_twin *replica)
{
    aero_sim_disk_crash(replica->hands.disk, AERO_SIM_KILL);
    aero_hands_drop(&replica->hands);
    aero_replica_free(replica->core);
    replica->core = NULL;
}

void aero_replica_twin_turn(struct aero_replica_twin *replica)
{
    struct aero_core_request request;
    aero_replica_tick(replica->core, (aero_mono_ns){replica->now_ns}, (aero_wall_ms){1});
    while (aero_replica_wants_entropy(replica->core)) {
        aero_replica_give_entropy(replica->core, next_id(replica));
    }
    do {
        aero_replica_end_turn(replica->core);
        while (aero_replica_next_request(replica->core, &request)) {
            aero_hands_take(&replica->hands, &request);
        }
    } while (aero_replica_has_idle_work(replica->core));
}

void aero_replica_twin_run(struct aero_replica_twin *replica, const struct aero_step *step)
{
    enum aero_core_owner owner;
    struct aero_disk_completion completion;
    if (aero_hands_run(&replica->hands, step, &owner, &completion)) {
        aero_replica_on_completion(replica->core, owner, &completion);
        aero_replica_twin_turn(replica);
    }
}
