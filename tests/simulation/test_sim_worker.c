/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/disk_bench.h"
#include "tests/simulation/sim_worker.h"

struct world {
    struct bench bench;
    struct aero_sim_scheduler scheduler;
    struct aero_sim_worker *worker;
    struct aero_disk_handles handles;
    unsigned completions;
    unsigned shared;
};

static void on_completion(void *self, enum aero_core_owner owner,
                          const struct aero_disk_completion *completion)
{
    struct world *world = self;
    (void)owner;
    assert_true(aero_is_ok(completion->status));
    world->completions++;
}

static void on_crash(void *self)
{
    (void)self;
    fail();
}

static void on_shared_handle(void *self, uint32_t handle)
{
    struct world *world = self;
    assert_int_equal(handle, 3);
    world->shared++;
}

/* Opens and syncs two files, by these handles. They run only if no handle is shared: two opens of one are a defect. */
static void run_two_lanes(struct world *world, uint32_t first_handle, uint32_t second_lane,
                          uint32_t second_handle)
{
    static const struct aero_sim_worker_events events = {
        .on_completion = on_completion, .on_crash = on_crash, .on_shared_handle = on_shared_handle};
    const struct aero_sim_worker_options options = {.op_min_ns = 1, .op_max_ns = 9};
    bench_init(&world->bench, 1, true);
    world->scheduler = (struct aero_sim_scheduler){.trace = NULL};
    world->worker = aero_sim_worker_new(&options, world->bench.port, &world->scheduler,
                                        &world->bench.choice, &events, world);
    struct aero_disk_op ops[2][3] = {
        {{.kind = AERO_OP_OPEN, .how = AERO_DISK_CREATE, .name = "a", .handle = first_handle},
         {.kind = AERO_OP_SYNC, .handle = first_handle},
         {.kind = AERO_OP_CLOSE, .handle = first_handle}},
        {{.kind = AERO_OP_OPEN, .how = AERO_DISK_CREATE, .name = "b", .handle = second_handle},
         {.kind = AERO_OP_SYNC, .handle = second_handle},
         {.kind = AERO_OP_SYNC_DIRECTORY, .handle = first_handle}}};
    struct aero_disk_request requests[2] = {
        {.id = 1, .lane = 0, .ops = ops[0], .op_count = 3},
        {.id = 2, .lane = second_lane, .ops = ops[1], .op_count = 3}};
    for (unsigned i = 0; i < 2; i++) {
        aero_sim_worker_submit(world->worker,
                               &(struct aero_core_request){.owner = AERO_OWNER_WAL,
                                                           .request = &requests[i],
                                                           .handles = &world->handles});
    }
    while (world->shared == 0 && aero_sim_step(&world->scheduler)) {
    }
    aero_sim_worker_free(world->worker);
    aero_sim_scheduler_deinit(&world->scheduler);
    bench_deinit(&world->bench);
}

/* Decision 4: a handle that two lanes share loses one of them its error, which no disk has to show in any history. */
static void test_a_handle_shared_by_two_lanes_is_told(void **state)
{
    (void)state;
    struct world world = {.shared = 0};
    run_two_lanes(&world, 3, 1, 3);
    assert_int_equal(world.shared, 1);
}

static void test_handles_of_their_own_are_fine_and_so_is_one_lane(void **state)
{
    (void)state;
    struct world world = {.shared = 0};
    run_two_lanes(&world, 3, 1, 4);
    run_two_lanes(&world, 3, 0, 3);
    assert_int_equal(world.shared, 0);
    assert_int_equal(world.completions, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_handle_shared_by_two_lanes_is_told),
        cmocka_unit_test(test_handles_of_their_own_are_fine_and_so_is_one_lane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
