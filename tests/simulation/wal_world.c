/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/wal_world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "engine/recovery.h"
#include "engine/wal_writer.h"
#include "primary/pipeline.h"
#include "tests/simulation/model.h"
#include "tests/simulation/sim_clock.h"
#include "tests/simulation/sim_disk.h"
#include "tests/simulation/sim_worker.h"

/* Which faults this seed knows, and how hard. */
struct swarm {
    struct aero_wal_options wal;
    bool crashes_in_recovery;
    bool faults_in_recovery;
    bool kills_only;
    uint32_t fault_weight; /* of 16 events */
    bool write_errors;
    bool sync_errors;
    bool name_errors;
    bool full_disk;
    uint64_t lives;
    uint64_t events_per_life;
};

struct wal_world {
    struct aero_choice choice;
    struct aero_sim_trace trace;
    struct aero_sim_scheduler scheduler;
    struct aero_sim_disk *disk;
    struct aero_sim_worker *worker;
    struct aero_model model;
    struct swarm swarm;
    struct aero_wal_world_report *report;

    /* The process that lives now. */
    uint64_t life;
    uint64_t life_steps;
    bool alive;
    struct aero_wal_writer *wal;
    struct aero_pipeline *pipeline;
    struct aero_disk_handles handles;
    uint64_t events_left;
};

/* The busiest life of 20,000 sound seeds has 289. */
#define LIFE_STEPS_MAX 10000U

#define VIOLATION(world, checker, ...) \
    aero_sim_violation(&(world)->report->verdict, &(world)->trace, checker, __VA_ARGS__)

static bool draw_bool(struct wal_world *world)
{
    return aero_choice_below(&world->choice, 2) == 1;
}

static struct swarm draw_swarm(struct wal_world *world)
{
    static const uint64_t segment_bytes[] = {32768, 40960, 65536, 262144};
    static const size_t queue_bytes[] = {65536, 131072, 524288};
    struct swarm swarm = {.lives = 0};
    swarm.wal.switches.group_commit = draw_bool(world);
    swarm.wal.switches.wal_batching = draw_bool(world);
    swarm.wal.switches.overlapped_sync = draw_bool(world);
    swarm.wal.switches.wal_recycle = draw_bool(world);
    swarm.wal.segment_bytes = segment_bytes[aero_choice_below(&world->choice, 4)];
    swarm.wal.queue_bytes = queue_bytes[aero_choice_below(&world->choice, 3)];
    swarm.crashes_in_recovery = draw_bool(world);
    swarm.faults_in_recovery = draw_bool(world);
    swarm.kills_only = aero_choice_below(&world->choice, 4) == 0;
    swarm.fault_weight = draw_bool(world) ? (uint32_t)aero_choice_below(&world->choice, 5) : 0;
    swarm.write_errors = draw_bool(world);
    swarm.sync_errors = draw_bool(world);
    swarm.name_errors = draw_bool(world);
    swarm.full_disk = draw_bool(world);
    swarm.lives = aero_choice_between(&world->choice, 2, 8);
    swarm.events_per_life = aero_choice_between(&world->choice, 5, 60);
    return swarm;
}

static enum aero_sim_crash draw_crash(struct wal_world *world)
{
    uint64_t draw = aero_choice_below(&world->choice, 8);
    if (world->swarm.kills_only || draw < 2) {
        return AERO_SIM_KILL;
    }
    return draw == 7 ? AERO_SIM_POWER_LOSE : AERO_SIM_POWER;
}

/* ---- Death --------------------------------------------------------------------------------------------------- */

static void bury(struct wal_world *world)
{
    aero_sim_worker_reset(world->worker);
    memset(&world->handles, 0, sizeof world->handles);
    aero_pipeline_free(world->pipeline);
    aero_wal_free(world->wal);
    world->pipeline = NULL;
    world->wal = NULL;
    world->alive = false;
}

/* The disk has crashed under the process. */
static void on_crash(void *self)
{
    struct wal_world *world = self;
    world->report->crashes++;
    world->alive = false;
}

static void on_shared_handle(void *self, uint32_t handle)
{
    struct wal_world *world = self;
    VIOLATION(world, "handles", "two requests in flight use handle %u", handle);
}

static void crash(struct wal_world *world)
{
    aero_sim_disk_crash(world->disk, draw_crash(world));
    on_crash(world);
}

/* ---- What the WAL says ---------------------------------------------------------------------------------------- */

static void check_rolled_back(struct wal_world *world, uint64_t durable)
{
    char text[160];
    if (!aero_model_matches(&world->model, durable, aero_pipeline_tree(world->pipeline), text)) {
        VIOLATION(world, "rollback", "after the failure the state is not that of LSN %llu: %s",
                  (unsigned long long)durable, text);
    }
}

static void on_failure(struct wal_world *world, const struct aero_wal_failure *failure)
{
    world->report->failures++;
    aero_sim_trace_event(&world->trace, "wal",
                         "failed: %s of %s: %s, durable %llu unknown through %llu last %llu%s",
                         failure->call, failure->file, aero_code_text(failure->status.code),
                         (unsigned long long)failure->durable.value,
                         (unsigned long long)failure->unknown_through.value,
                         (unsigned long long)failure->last.value, failure->closed ? " closed" : "");
    aero_pipeline_on_failure(world->pipeline, failure->durable);
    if (failure->unknown_through.value < world->model.floor) {
        VIOLATION(world, "ack", "LSN %llu was durable and is said to have failed",
                  (unsigned long long)world->model.floor);
        return;
    }
    if (failure->last.value > failure->unknown_through.value) { /* those between are NOTWRITTEN */
        aero_model_cut(&world->model, failure->unknown_through.value);
    }
    check_rolled_back(world, failure->durable.value);
}

static void follow_wal(struct wal_world *world)
{
    struct aero_wal_segment segment;
    while (aero_wal_take_new_segment(world->wal, &segment)) {
        aero_sim_trace_event(&world->trace, "wal", "segment %s", segment.name);
    }
    struct aero_wal_place durable = aero_wal_durable(world->wal);
    if (durable.position.lsn.value > aero_pipeline_durable(world->pipeline).value) {
        aero_pipeline_on_durable(world->pipeline, durable.position.lsn);
        world->report->acknowledged += durable.position.lsn.value - world->model.floor;
        aero_model_promise(&world->model, durable.position.lsn.value);
        aero_sim_trace_event(&world->trace, "wal", "durable through %llu",
                             (unsigned long long)durable.position.lsn.value);
    }
    struct aero_wal_failure failure;
    while (aero_wal_take_failure(world->wal, &failure)) {
        on_failure(world, &failure);
    }
    if (aero_wal_is_open(world->wal)) {
        /* A cut whose successor failed at first was told UNKNOWN; now that there is one, it is gone (decision 3). */
        aero_model_cut(&world->model, aero_wal_last_lsn(world->wal).value);
    }
}

static void end_turn(struct wal_world *world)
{
    if (aero_wal_needs_nonce(world->wal)) {
        aero_wal_give_nonce(world->wal, aero_sim_draw_id(&world->choice));
    }
    aero_wal_submit(world->wal);
    follow_wal(world);
    const struct aero_disk_request *request;
    while ((request = aero_wal_next_request(world->wal)) != NULL) {
        struct aero_core_request core = {
            .owner = AERO_OWNER_WAL, .request = request, .handles = &world->handles};
        aero_sim_worker_submit(world->worker, &core);
    }
}

static void on_completion(void *self, enum aero_core_owner owner,
                          const struct aero_disk_completion *completion)
{
    struct wal_world *world = self;
    AERO_ASSERT(owner == AERO_OWNER_WAL);
    aero_wal_on_completion(world->wal, completion);
    follow_wal(world);
    end_turn(world);
}

/* ---- Work and faults ------------------------------------------------------------------------------------------ */

struct operations {
    struct aero_buffer bytes; /* keys and values, copied */
    struct {
        enum aero_operation_kind kind;
        size_t key_at;
        size_t key_length;
        size_t value_at;
        size_t value_length;
    } list[AERO_MODEL_OPERATIONS_MAX];
    size_t count;
    size_t commit_bytes;
};

static void keep_operation(void *self, const struct aero_operation *operation)
{
    struct operations *kept = self;
    size_t n = kept->count++;
    kept->list[n].kind = operation->kind;
    kept->list[n].key_at = kept->bytes.length;
    kept->list[n].key_length = operation->key.length;
    aero_buffer_append_slice(&kept->bytes, operation->key);
    kept->list[n].value_at = kept->bytes.length;
    kept->list[n].value_length = operation->value.length;
    aero_buffer_append_slice(&kept->bytes, operation->value);
    kept->commit_bytes += aero_commit_add_bytes(operation);
}

static void commit_kept(struct wal_world *world, const struct operations *kept,
                        const struct aero_model_state *state)
{
    aero_pipeline_begin(world->pipeline);
    for (size_t i = 0; i < kept->count; i++) {
        struct aero_operation operation = {
            .kind = kept->list[i].kind,
            .key = aero_slice_of(kept->bytes.data + kept->list[i].key_at, kept->list[i].key_length),
            .value = aero_slice_of(kept->bytes.data + kept->list[i].value_at,
                                   kept->list[i].value_length),
        };
        aero_pipeline_change(world->pipeline, &operation);
    }
    uint64_t lsn = aero_pipeline_commit(world->pipeline).value;
    while (world->model.top + 1 < lsn) { /* a digest record took an LSN and changed nothing */
        struct aero_model_state same = world->model.states[world->model.top];
        aero_model_append(&world->model, &same);
    }
    aero_model_append(&world->model, state);
    AERO_ASSERT(world->model.top == lsn);
    world->report->commits++;
}

static void commit_once(struct wal_world *world)
{
    if (!aero_wal_is_open(world->wal)) {
        return;
    }
    struct operations kept = {.commit_bytes = sizeof(uint64_t)};
    struct aero_model_state state = world->model.states[world->model.top];
    aero_model_change(&world->model, &state, &world->choice, keep_operation, &kept);
    if (kept.commit_bytes <= aero_pipeline_commit_max(world->pipeline) &&
        aero_pipeline_has_room(world->pipeline, kept.commit_bytes)) {
        commit_kept(world, &kept, &state);
    }
    aero_buffer_deinit(&kept.bytes);
}

static void inject_fault(struct wal_world *world)
{
    static const int write_errnos[] = {EIO, ENOSPC, EDQUOT, EACCES, EROFS};
    uint64_t nth = aero_choice_between(&world->choice, 1, 6);
    switch (aero_choice_below(&world->choice, 6)) {
    case 0:
        if (world->swarm.write_errors) {
            aero_sim_disk_fail_call(world->disk, AERO_SIM_WRITE, nth,
                                    write_errnos[aero_choice_below(&world->choice, 5)]);
        }
        break;
    case 1:
        if (world->swarm.sync_errors) {
            aero_sim_disk_fail_call(world->disk, AERO_SIM_SYNC, nth,
                                    draw_bool(world) ? EIO : ENOSPC);
        }
        break;
    case 2:
        if (world->swarm.sync_errors) {
            aero_sim_disk_fail_writeback(world->disk);
        }
        break;
    case 3:
        if (world->swarm.name_errors) {
            static const enum aero_sim_call calls[] = {AERO_SIM_OPEN, AERO_SIM_RENAME,
                                                       AERO_SIM_SYNC_DIRECTORY, AERO_SIM_UNLINK,
                                                       AERO_SIM_TRUNCATE};
            enum aero_sim_call call = calls[aero_choice_below(&world->choice, 5)];
            aero_sim_disk_fail_call(world->disk, call, aero_choice_between(&world->choice, 1, 3),
                                    EIO);
        }
        break;
    case 4:
        if (world->swarm.full_disk) {
            aero_sim_disk_set_capacity(world->disk, aero_sim_disk_used_bytes(world->disk) +
                                                        aero_choice_below(&world->choice, 40000));
        }
        break;
    default:
        aero_sim_disk_set_capacity(world->disk, 0);
        break;
    }
}

static void run_event(void *self, uint64_t life)
{
    struct wal_world *world = self;
    if (!world->alive || life != world->life) {
        return;
    }
    if (aero_choice_below(&world->choice, 16) < world->swarm.fault_weight) {
        inject_fault(world);
    }
    switch (aero_choice_below(&world->choice, 12)) {
    case 0:
        aero_wal_flush_proof(world->wal);
        break;
    case 1:
        aero_wal_retry(world->wal);
        break;
    default:
        for (uint64_t n = aero_choice_between(&world->choice, 1, 6); n > 0; n--) {
            commit_once(world);
        }
    }
    end_turn(world);
    if (--world->events_left == 0) {
        crash(world);
        return;
    }
    aero_sim_after(&world->scheduler, aero_choice_below(&world->choice, 400000), run_event, world,
                   life);
}

/* ---- Birth ---------------------------------------------------------------------------------------------------- */

static void check_recovered(struct wal_world *world, const struct aero_recovered *recovered)
{
    uint64_t end = recovered->end.lsn.value;
    char text[160];
    if (end < world->model.floor) {
        VIOLATION(world, "ack", "LSN %llu was durable, recovery ends at %llu",
                  (unsigned long long)world->model.floor, (unsigned long long)end);
    } else if (end > world->model.top) {
        VIOLATION(world, "notwritten", "recovery ends at %llu, the log at %llu",
                  (unsigned long long)end, (unsigned long long)world->model.top);
    } else if (!aero_model_matches(&world->model, end, recovered->tree, text)) {
        VIOLATION(world, "prefix", "the recovered state is not that of LSN %llu: %s",
                  (unsigned long long)end, text);
    }
}

/* FR-3: the same bytes give the same result. */
static bool recover_copy(struct wal_world *world, struct aero_position *out_end)
{
    struct aero_choice choice;
    aero_choice_init_seed(&choice, aero_choice_below(&world->choice, 1 << 30));
    struct aero_sim_disk *copy = aero_sim_disk_clone(world->disk, &choice);
    struct aero_recovered recovered;
    struct aero_recovery_report report;
    aero_status status = aero_recover(aero_sim_disk_port(copy), NULL, &recovered, &report);
    if (aero_is_ok(status)) {
        *out_end = recovered.end;
        aero_recovered_deinit(&recovered);
    }
    aero_sim_disk_free(copy);
    return aero_is_ok(status);
}

enum birth {
    BORN,
    DIED,    /* crashed on the way */
    REFUSED, /* an error, with faults on */
};

static enum birth recover_once(struct wal_world *world, bool with_faults,
                               struct aero_recovered *out_recovered,
                               struct aero_recovery_report *out_report)
{
    world->report->recoveries++;
    aero_status status =
        aero_recover(aero_sim_disk_port(world->disk), NULL, out_recovered, out_report);
    if (status.code == AERO_CRASHED) {
        world->report->crashes++;
        return DIED;
    }
    if (!aero_is_ok(status)) {
        aero_sim_trace_event(&world->trace, "recovery", "%s: %s", aero_code_text(status.code),
                             out_report->text);
        world->report->refusals++;
        if (!with_faults) {
            VIOLATION(world, "recovery", "refused without cause: %s: %s",
                      aero_code_text(status.code), out_report->text);
        }
        return REFUSED;
    }
    aero_sim_trace_event(&world->trace, "recovery", "ends at %llu, %s",
                         (unsigned long long)out_recovered->end.lsn.value,
                         out_report->verdict == AERO_VERDICT_TORN_TAIL ? "torn tail" : "clean");
    world->report->torn_tails += out_report->verdict == AERO_VERDICT_TORN_TAIL;
    check_recovered(world, out_recovered);
    return BORN;
}

/* What recovery shows is visible from now on, so it must stay (decision 2). */
static void accept_recovered(struct wal_world *world, const struct aero_recovered *recovered)
{
    aero_model_promise(&world->model, recovered->end.lsn.value);
    aero_model_cut(&world->model, recovered->end.lsn.value);
}

static aero_status begin_incarnation(struct wal_world *world, struct aero_recovered *recovered)
{
    struct aero_manifest *manifest = &recovered->manifest;
    struct aero_incarnation entry = {
        .epoch = manifest->epoch,
        .nonce = aero_sim_draw_id(&world->choice),
        .node_id = manifest->node_id,
        .start = recovered->end,
    };
    memcpy(entry.node_name, manifest->node_name, sizeof entry.node_name);
    AERO_TRY(aero_history_add_incarnation(&manifest->history, &entry));
    return aero_manifest_write(aero_sim_disk_port(world->disk), manifest);
}

static void start_wal(struct wal_world *world, struct aero_recovered *recovered)
{
    const struct aero_manifest *manifest = &recovered->manifest;
    const struct aero_wal_file *last =
        recovered->file_count > 0 ? &recovered->files[recovered->file_count - 1] : NULL;
    struct aero_wal_start start = {
        .cluster_id = manifest->cluster_id,
        .epoch = manifest->epoch,
        .incarnation =
            manifest->history.incarnations[manifest->history.incarnation_count - 1].nonce,
        .nonce = aero_sim_draw_id(&world->choice),
        .prev_sequence = last != NULL ? last->header.sequence : 0,
        .prev_end_offset = last != NULL ? last->end_offset : 0,
        .end = recovered->end,
        .proof_generation = recovered->proof.generation,
    };
    world->wal = aero_wal_new(&world->swarm.wal, &start);
    world->pipeline =
        aero_pipeline_new(recovered->tree, world->wal, recovered->end.lsn, recovered->expiry_clock);
    recovered->tree = NULL;
    world->alive = true;
    world->life++;
    world->life_steps = 0;
    world->events_left = aero_choice_between(&world->choice, 1, world->swarm.events_per_life);
}

static void arm_recovery(struct wal_world *world, bool with_faults)
{
    if (world->swarm.crashes_in_recovery && draw_bool(world)) {
        uint64_t change =
            aero_sim_disk_changes(world->disk) + aero_choice_between(&world->choice, 1, 30);
        aero_sim_disk_crash_at(world->disk, change, draw_crash(world));
    }
    if (with_faults) {
        inject_fault(world);
        if (draw_bool(world)) {
            aero_sim_disk_fail_call(world->disk, AERO_SIM_READ,
                                    aero_choice_between(&world->choice, 1, 12), EIO);
        }
    }
}

/* One attempt to start the process. */
static enum birth be_born(struct wal_world *world, bool with_faults)
{
    struct aero_recovered recovered;
    struct aero_recovery_report report;
    struct aero_position copy_end;
    aero_sim_disk_restart(world->disk);
    aero_sim_disk_heal(world->disk);
    aero_sim_disk_set_capacity(world->disk, 0);
    bool compared = !with_faults && draw_bool(world) && recover_copy(world, &copy_end);
    arm_recovery(world, with_faults);
    enum birth birth = recover_once(world, with_faults, &recovered, &report);
    if (birth != BORN) {
        return birth;
    }
    if (compared && recovered.end.lsn.value != copy_end.lsn.value) {
        VIOLATION(world, "again", "the same bytes were recovered to LSN %llu and to LSN %llu",
                  (unsigned long long)copy_end.lsn.value,
                  (unsigned long long)recovered.end.lsn.value);
    }
    if (world->report->verdict.failed) {
        aero_recovered_deinit(&recovered);
        return REFUSED;
    }
    accept_recovered(world, &recovered);
    aero_status status = begin_incarnation(world, &recovered);
    aero_sim_disk_crash_at(world->disk, 0, AERO_SIM_KILL);
    if (aero_is_ok(status)) {
        start_wal(world, &recovered);
    } else {
        world->report->crashes += status.code == AERO_CRASHED;
        birth = status.code == AERO_CRASHED ? DIED : REFUSED;
        if (birth == REFUSED && !with_faults) {
            VIOLATION(world, "recovery", "the manifest cannot be written: %s",
                      aero_code_text(status.code));
        }
    }
    aero_recovered_deinit(&recovered);
    return birth;
}

/* What never comes to an end is a broken promise of the seed's. */
static void bound_life(struct wal_world *world)
{
    if (++world->life_steps > LIFE_STEPS_MAX) {
        VIOLATION(world, "progress", "%u steps in one life: a livelock", LIFE_STEPS_MAX);
        crash(world);
    }
}

static void live(struct wal_world *world)
{
    bool with_faults = world->swarm.faults_in_recovery && draw_bool(world);
    enum birth birth = be_born(world, with_faults);
    for (int attempt = 0; birth != BORN && !world->report->verdict.failed; attempt++) {
        if (birth == REFUSED && draw_bool(world)) {
            crash(world);
        }
        if (attempt == 3) {
            world->swarm.crashes_in_recovery = false;
        }
        birth = be_born(world, with_faults && attempt < 3);
    }
    if (world->report->verdict.failed) {
        if (world->alive) {
            crash(world);
            bury(world);
        }
        return;
    }
    if (draw_bool(world)) {
        uint64_t change =
            aero_sim_disk_changes(world->disk) + aero_choice_between(&world->choice, 1, 80);
        aero_sim_disk_crash_at(world->disk, change, draw_crash(world));
    }
    aero_sim_after(&world->scheduler, 1000, run_event, world, world->life);
    end_turn(world);
    while (world->alive && aero_sim_step(&world->scheduler)) {
        bound_life(world);
    }
    AERO_ASSERT(!world->alive);
    bury(world);
}

static void create(struct wal_world *world)
{
    struct aero_manifest manifest = {
        .cluster_id = aero_sim_draw_id(&world->choice),
        .node_id = aero_sim_draw_id(&world->choice),
        .node_name = "primary",
        .role = AERO_ROLE_PRIMARY,
        .epoch = {.value = 1},
    };
    aero_status status = aero_create(aero_sim_disk_port(world->disk), &manifest);
    AERO_ASSERT(aero_is_ok(status));
}

void aero_wal_world_run(uint64_t seed, FILE *print_to, struct aero_wal_world_report *out_report)
{
    static const struct aero_sim_worker_events events = {
        .on_completion = on_completion, .on_crash = on_crash, .on_shared_handle = on_shared_handle};
    struct wal_world *world = aero_calloc(1, sizeof *world);
    memset(out_report, 0, sizeof *out_report);
    world->report = out_report;
    aero_choice_init_seed(&world->choice, seed);
    aero_sim_trace_init(&world->trace, print_to);
    world->scheduler.trace = &world->trace;
    world->swarm = draw_swarm(world);
    struct aero_sim_disk_options disk_options = {.name = "primary",
                                                 .names_in_order = draw_bool(world)};
    struct aero_sim_worker_options worker_options = {
        .op_min_ns = 1000,
        .op_max_ns = 200000,
        .stall_millionths = aero_choice_below(&world->choice, 4) == 0 ? 10000 : 0,
    };
    world->disk = aero_sim_disk_new(&disk_options, &world->choice, &world->trace);
    world->worker = aero_sim_worker_new(&worker_options, aero_sim_disk_port(world->disk),
                                        &world->scheduler, &world->choice, &events, world);
    aero_model_init(&world->model);
    create(world);
    for (uint64_t n = 0; n < world->swarm.lives && !out_report->verdict.failed; n++) {
        live(world);
    }
    aero_sim_worker_free(world->worker);
    aero_sim_disk_free(world->disk);
    aero_model_deinit(&world->model);
    aero_sim_scheduler_deinit(&world->scheduler);
    out_report->trace_digest = world->trace.digest;
    free(world);
}
