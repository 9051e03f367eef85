/* SPDX-License-Identifier: Apache-2.0 */
/* Lanes against a disk whose syncs a test holds back and whose writes it counts. */
#include "tests/unit/cmocka_setup.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "host/disk.h"
#include "tests/unit/broken_thread.h"
#include "tests/unit/kept_log.h"

#define WRITES_MAX 64

/* Files are numbers: the handle given to open's name, "0" or "1". */
struct slow_disk {
    pthread_mutex_t mutex;
    pthread_cond_t released;
    bool hold_sync;
    pthread_t writer[WRITES_MAX];
    uint64_t written_offset[WRITES_MAX];
    size_t write_count;
    bool fail_sync;
};

static aero_status disk_write(void *self, struct aero_disk_file *file, uint64_t offset,
                              struct aero_slice bytes, size_t *out_written)
{
    struct slow_disk *disk = self;
    (void)file;
    pthread_mutex_lock(&disk->mutex);
    assert_true(disk->write_count < WRITES_MAX);
    disk->writer[disk->write_count] = pthread_self();
    disk->written_offset[disk->write_count++] = offset;
    pthread_mutex_unlock(&disk->mutex);
    *out_written = bytes.length;
    return aero_ok();
}

static aero_status disk_sync(void *self, struct aero_disk_file *file)
{
    struct slow_disk *disk = self;
    (void)file;
    pthread_mutex_lock(&disk->mutex);
    while (disk->hold_sync) {
        pthread_cond_wait(&disk->released, &disk->mutex);
    }
    bool failed = disk->fail_sync;
    pthread_mutex_unlock(&disk->mutex);
    return failed ? aero_error(AERO_IO) : aero_ok();
}

static void set_hold(struct slow_disk *disk, bool hold)
{
    pthread_mutex_lock(&disk->mutex);
    disk->hold_sync = hold;
    pthread_cond_broadcast(&disk->released);
    pthread_mutex_unlock(&disk->mutex);
}

static void no_close(void *self, struct aero_disk_file *file)
{
    (void)self;
    (void)file;
}

static const struct aero_disk_ops slow_ops = {
    .write = disk_write,
    .sync = disk_sync,
    .close = no_close,
};

/* A request of a write and, if wanted, a sync. */
struct job {
    struct aero_disk_op ops[2];
    struct aero_disk_request request;
};

struct fixture {
    struct slow_disk disk;
    struct aero_disk_handles handles;
    struct aero_host_disk *host;
    struct aero_host_wake wake;
    struct aero_logger logger;
    struct aero_buffer log;
    int epoll_fd;
    struct job jobs[32];
    struct aero_host_done inline_done;
};

static int set_up_disk(void **state, bool errands)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    pthread_mutex_init(&fixture->disk.mutex, NULL);
    pthread_cond_init(&fixture->disk.released, NULL);
    /* Any non-NULL file will do: the disk above does not look. */
    for (unsigned i = 0; i < AERO_DISK_HANDLE_COUNT; i++) {
        fixture->handles.file[i] = (struct aero_disk_file *)fixture;
    }
    aero_host_wake_init(&fixture->wake);
    fixture->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    epoll_ctl(fixture->epoll_fd, EPOLL_CTL_ADD, fixture->wake.fd, &event);
    aero_logger_init(&fixture->logger, kept_log_sink(&fixture->log), aero_clock_posix(),
                     AERO_LOG_KEY_VALUE, AERO_LOG_INFO);
    struct aero_host_disk_options options = {
        .wake = &fixture->wake,
        .logger = &fixture->logger,
        .disk = {.ops = &slow_ops, .self = &fixture->disk},
        .errands = errands,
    };
    fixture->host = aero_host_disk_new(&options);
    *state = fixture;
    return 0;
}

static int set_up(void **state)
{
    return set_up_disk(state, false);
}

static int set_up_with_errands(void **state)
{
    return set_up_disk(state, true);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    set_hold(&fixture->disk, false);
    aero_host_disk_free(fixture->host);
    aero_host_wake_deinit(&fixture->wake);
    close(fixture->epoll_fd);
    aero_buffer_deinit(&fixture->log);
    free(fixture);
    return 0;
}

static bool submit(struct fixture *fixture, enum aero_disk_domain domain, uint32_t lane,
                   uint64_t id, bool sync)
{
    struct job *job = &fixture->jobs[id];
    job->ops[0] = (struct aero_disk_op){
        .kind = AERO_OP_WRITE, .handle = 0, .offset = id, .bytes = aero_slice_text("x")};
    job->ops[1] = (struct aero_disk_op){.kind = AERO_OP_SYNC, .handle = 0};
    job->request = (struct aero_disk_request){
        .id = id, .domain = domain, .lane = lane, .ops = job->ops, .op_count = sync ? 2 : 1};
    struct aero_core_request request = {
        .owner = AERO_OWNER_WAL, .request = &job->request, .handles = &fixture->handles};
    return aero_host_disk_submit(fixture->host, &request, &fixture->inline_done);
}

/* Sleeps on the descriptor as the loop does; 0 when nothing came within the time. */
static size_t wait_for_done(struct fixture *fixture, struct aero_host_done *out_done, size_t count,
                            int timeout_ms)
{
    aero_host_wake_arm(&fixture->wake);
    if (!aero_host_disk_has_done(fixture->host)) {
        struct epoll_event event;
        (void)epoll_wait(fixture->epoll_fd, &event, 1, timeout_ms);
    }
    aero_host_wake_disarm(&fixture->wake);
    return aero_host_disk_take(fixture->host, out_done, count);
}

static void collect(struct fixture *fixture, struct aero_host_done *out_done, size_t count)
{
    for (size_t have = 0; have < count;) {
        size_t got = wait_for_done(fixture, out_done + have, count - have, 100);
        have += got;
    }
}

/* Order inside a lane is what the writer's barriers stand on (decision 14). */
static void test_submit_to_one_lane_completes_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct aero_host_done done[20];
    for (uint64_t id = 0; id < 20; id++) {
        assert_false(submit(fixture, AERO_DOMAIN_WAL, 1, id, true));
    }
    assert_int_equal(aero_host_disk_pending(fixture->host), 20);
    collect(fixture, done, 20);
    for (uint64_t id = 0; id < 20; id++) {
        assert_int_equal(done[id].completion.request_id, id);
        assert_int_equal(done[id].completion.failed_op, 2);
        assert_int_equal(fixture->disk.written_offset[id], id);
    }
    assert_int_equal(aero_host_disk_pending(fixture->host), 0);
}

/* FM-7.1: a sync that takes for ever holds up its own lane and nothing else. */
static void test_submit_beside_a_held_sync_completes_in_its_own_lane(void **state)
{
    struct fixture *fixture = *state;
    struct aero_host_done done[2];
    set_hold(&fixture->disk, true);
    submit(fixture, AERO_DOMAIN_WAL, 0, 1, true);
    submit(fixture, AERO_DOMAIN_WAL, 2, 2, false);
    collect(fixture, done, 1);
    assert_int_equal(done[0].completion.request_id, 2);
    assert_int_equal(wait_for_done(fixture, done, 2, 20), 0);
    set_hold(&fixture->disk, false);
    collect(fixture, done, 1);
    assert_int_equal(done[0].completion.request_id, 1);
}

static void test_submit_plain_proof_runs_at_once(void **state)
{
    struct fixture *fixture = *state;
    assert_true(submit(fixture, AERO_DOMAIN_PROOF, 3, 7, false));
    assert_int_equal(fixture->inline_done.completion.request_id, 7);
    assert_true(aero_is_ok(fixture->inline_done.completion.status));
    assert_true(pthread_equal(fixture->disk.writer[0], pthread_self()));
    assert_int_equal(aero_host_disk_pending(fixture->host), 0);
}

/* A proof behind a proof that syncs must not overtake it: they write the two slots in turn. */
static void test_submit_proof_behind_a_syncing_proof_keeps_order(void **state)
{
    struct fixture *fixture = *state;
    struct aero_host_done done[2];
    set_hold(&fixture->disk, true);
    assert_false(submit(fixture, AERO_DOMAIN_PROOF, 3, 1, true));
    assert_false(submit(fixture, AERO_DOMAIN_PROOF, 3, 2, false));
    set_hold(&fixture->disk, false);
    collect(fixture, done, 2);
    assert_int_equal(done[0].completion.request_id, 1);
    assert_int_equal(done[1].completion.request_id, 2);
}

static void test_failed_sync_is_in_the_completion(void **state)
{
    struct fixture *fixture = *state;
    struct aero_host_done done[1];
    fixture->disk.fail_sync = true;
    submit(fixture, AERO_DOMAIN_WAL, 0, 1, true);
    collect(fixture, done, 1);
    assert_int_equal(done[0].completion.status.code, AERO_IO);
    assert_int_equal(done[0].completion.failed_op, 1);
}

/* An armed wake-up is told once, and the next time only after it was armed again. */
static void test_completions_wake_an_armed_sleeper_only(void **state)
{
    struct fixture *fixture = *state;
    struct aero_host_done done[1];
    struct epoll_event event;
    submit(fixture, AERO_DOMAIN_WAL, 0, 1, true);
    while (!aero_host_disk_has_done(fixture->host)) {
        poll(NULL, 0, 1);
    }
    assert_int_equal(aero_host_disk_take(fixture->host, done, 1), 1);
    assert_int_equal(epoll_wait(fixture->epoll_fd, &event, 1, 20), 0);
    aero_host_wake_arm(&fixture->wake);
    submit(fixture, AERO_DOMAIN_WAL, 0, 2, true);
    assert_int_equal(epoll_wait(fixture->epoll_fd, &event, 1, 10000), 1);
    assert_int_equal(epoll_wait(fixture->epoll_fd, &event, 1, 0), 0);
    collect(fixture, done, 1);
}

static void test_free_runs_what_was_submitted(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t id = 0; id < 10; id++) {
        submit(fixture, AERO_DOMAIN_WAL, 0, id, true);
    }
    aero_host_disk_free(fixture->host);
    fixture->host = NULL;
    assert_int_equal(fixture->disk.write_count, 10);
}

/* At a limit of threads a lane has the loop for its worker, in the same order; the others keep theirs. */
static void test_lane_without_a_thread_completes_in_order_beside_the_others(void **state)
{
    struct fixture *fixture = *state;
    struct aero_host_done done[3];
    broken_pthread_create = (struct broken_call){.times = 1};
    assert_false(submit(fixture, AERO_DOMAIN_WAL, 0, 1, true));
    assert_true(kept_log_take(&fixture->log, "level=error event=thread_not_started "
                                             "purpose=\"disk requests\""));
    assert_false(submit(fixture, AERO_DOMAIN_WAL, 0, 2, true)); /* no second attempt */
    assert_int_equal(aero_host_disk_pending(fixture->host), 2);
    assert_int_equal(aero_host_disk_take(fixture->host, done, 3), 2);
    assert_int_equal(done[0].completion.request_id, 1);
    assert_int_equal(done[1].completion.request_id, 2);
    assert_int_equal(aero_host_disk_pending(fixture->host), 0);
    assert_int_equal(fixture->disk.write_count, 2);
    assert_true(pthread_equal(fixture->disk.writer[1], pthread_self()));
    assert_false(submit(fixture, AERO_DOMAIN_WAL, 2, 3, true));
    collect(fixture, done, 1);
    assert_false(pthread_equal(fixture->disk.writer[2], pthread_self()));
    assert_int_equal(fixture->log.length, 0);
}

/* ---- Errands ---- */

static uint64_t run_errand(struct fixture *fixture)
{
    struct aero_host_done done;
    struct aero_host_lane *lane = aero_host_disk_take_errand(fixture->host);
    assert_non_null(lane);
    aero_host_disk_run_errand(lane);
    assert_int_equal(aero_host_disk_take(fixture->host, &done, 1), 1);
    return done.completion.request_id;
}

static void test_errand_runs_on_the_thread_that_takes_it(void **state)
{
    struct fixture *fixture = *state;
    assert_null(aero_host_disk_take_errand(fixture->host));
    assert_false(submit(fixture, AERO_DOMAIN_WAL, 0, 1, true));
    assert_true(aero_host_disk_has_errand(fixture->host));
    assert_int_equal(run_errand(fixture), 1);
    assert_true(pthread_equal(fixture->disk.writer[0], pthread_self()));
    assert_false(aero_host_disk_has_errand(fixture->host));
    assert_int_equal(aero_host_disk_pending(fixture->host), 0);
}

/* Order inside a lane, as with a worker: the next one waits until the last one's end is known to the core. */
static void test_errand_of_a_lane_waits_for_the_completion_of_the_one_before(void **state)
{
    struct fixture *fixture = *state;
    struct aero_host_done done;
    submit(fixture, AERO_DOMAIN_WAL, 0, 1, true);
    submit(fixture, AERO_DOMAIN_WAL, 0, 2, true);
    struct aero_host_lane *lane = aero_host_disk_take_errand(fixture->host);
    assert_null(aero_host_disk_take_errand(fixture->host));
    aero_host_disk_run_errand(lane);
    assert_null(aero_host_disk_take_errand(fixture->host));
    assert_int_equal(aero_host_disk_take(fixture->host, &done, 1), 1);
    assert_int_equal(run_errand(fixture), 2);
}

/* Nothing is acknowledged before what stands before it in the log, whichever lane that is in. */
static void test_errand_that_is_older_comes_first(void **state)
{
    struct fixture *fixture = *state;
    submit(fixture, AERO_DOMAIN_WAL, 1, 1, true);
    submit(fixture, AERO_DOMAIN_WAL, 0, 2, true);
    submit(fixture, AERO_DOMAIN_WAL, 1, 3, true);
    assert_int_equal(run_errand(fixture), 1);
    assert_int_equal(run_errand(fixture), 2);
    assert_int_equal(run_errand(fixture), 3);
}

static void test_errands_leave_other_lanes_to_their_workers(void **state)
{
    struct fixture *fixture = *state;
    struct aero_host_done done[1];
    submit(fixture, AERO_DOMAIN_WAL, 2, 1, true);
    assert_false(aero_host_disk_has_errand(fixture->host));
    collect(fixture, done, 1);
    assert_false(pthread_equal(fixture->disk.writer[0], pthread_self()));
}

static void test_free_runs_errands_that_nobody_took(void **state)
{
    struct fixture *fixture = *state;
    submit(fixture, AERO_DOMAIN_WAL, 0, 1, true);
    submit(fixture, AERO_DOMAIN_WAL, 0, 2, true);
    submit(fixture, AERO_DOMAIN_WAL, 1, 3, true);
    aero_host_disk_free(fixture->host);
    fixture->host = NULL;
    assert_int_equal(fixture->disk.write_count, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_submit_to_one_lane_completes_in_order, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_submit_beside_a_held_sync_completes_in_its_own_lane,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_submit_plain_proof_runs_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_submit_proof_behind_a_syncing_proof_keeps_order,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failed_sync_is_in_the_completion, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_completions_wake_an_armed_sleeper_only, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_free_runs_what_was_submitted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_lane_without_a_thread_completes_in_order_beside_the_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_errand_runs_on_the_thread_that_takes_it,
                                        set_up_with_errands, tear_down),
        cmocka_unit_test_setup_teardown(
            test_errand_of_a_lane_waits_for_the_completion_of_the_one_before, set_up_with_errands,
            tear_down),
        cmocka_unit_test_setup_teardown(test_errand_that_is_older_comes_first, set_up_with_errands,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_errands_leave_other_lanes_to_their_workers,
                                        set_up_with_errands, tear_down),
        cmocka_unit_test_setup_teardown(test_free_runs_errands_that_nobody_took,
                                        set_up_with_errands, tear_down),
    };
    return cmocka_run_group_tests_name("host.disk", tests, NULL, NULL);
}
