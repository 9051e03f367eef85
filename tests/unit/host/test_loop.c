/* SPDX-License-Identifier: Apache-2.0 */
/* The loop around a core that does as the test says, on a disk whose syncs the test holds back and a clock of its own. The
 * loop never sleeps, so that turns follow each other and no test waits for time to pass: where it would, that is counted. */
#include "tests/unit/server/fake_node.c"

#include "tests/unit/cmocka_setup.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "host/config.h"
#include "host/disk.h"
#include "host/loop.h"
#include "server/config_keys.h"
#include "tests/unit/broken_thread.h"
#include "tests/unit/kept_log.h"
#include "tests/unit/set_key.h"

#define REQUESTS_MAX (2 * AERO_HOST_DISK_QUEUE_MAX)
#define NS_PER_S UINT64_C(1000000000)

struct bench;

/* What the core does in its tick, and what it answers. */
struct play {
    void (*tick)(struct bench *bench);
    bool knows_failure; /* of its log: the operation is there */
    bool failed;
    bool wants_reopen;
    bool stays;                 /* never says that it stopped */
    bool rests;                 /* has nothing to do by itself */
    unsigned link_works_before; /* that turn */
};

struct bench {
    struct bench *next; /* of those that are never freed */
    const struct play *play;
    struct fake_node node;
    struct aero_server *server;
    struct aero_logger logger;
    struct aero_buffer log;
    struct aero_config *config;
    struct aero_host_config *host_config;
    struct aero_options command_line;
    struct aero_host *host;
    struct aero_host_core_ops core_ops;
    struct aero_host_link link;

    /* The loop's. */
    uint64_t now_ns;
    unsigned turn; /* the first is 1 */
    unsigned stop_began_in;
    unsigned reloads;
    bool told_to_stop; /* by a signal, which may be heard some turns later */
    size_t asked;      /* requests that the core wants made */
    size_t given;      /* of them, to the loop */
    size_t completed;
    size_t completed_in_turn_most;
    size_t completed_before; /* this turn */

    struct aero_disk_op op;
    struct aero_disk_request requests[REQUESTS_MAX];
    enum aero_core_owner owner;
    struct aero_disk_handles handles;

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool holds;
    size_t synced;
};

/* ---- Sleep ---- */

static unsigned sleeps;

int __real_event_base_loop(struct event_base *base, int flags);
int __wrap_event_base_loop(struct event_base *base, int flags);
int __wrap_event_base_loop(struct event_base *base, int flags)
{
    sleeps += (flags & EVLOOP_NONBLOCK) == 0;
    return __real_event_base_loop(base, flags | EVLOOP_NONBLOCK);
}

/* ---- The disk ---- */

static aero_status disk_sync(void *self, struct aero_disk_file *file)
{
    struct bench *bench = self;
    (void)file;
    pthread_mutex_lock(&bench->mutex);
    bench->synced++;
    pthread_cond_broadcast(&bench->changed);
    while (bench->holds) {
        pthread_cond_wait(&bench->changed, &bench->mutex);
    }
    pthread_mutex_unlock(&bench->mutex);
    return aero_ok();
}

static void hold(struct bench *bench, bool holds)
{
    pthread_mutex_lock(&bench->mutex);
    bench->holds = holds;
    pthread_cond_broadcast(&bench->changed);
    pthread_mutex_unlock(&bench->mutex);
}

/* Returns when so many syncs have begun. */
static void await_syncs(struct bench *bench, size_t count)
{
    pthread_mutex_lock(&bench->mutex);
    while (bench->synced < count) {
        pthread_cond_wait(&bench->changed, &bench->mutex);
    }
    pthread_mutex_unlock(&bench->mutex);
}

static const struct aero_disk_ops disk_ops = {.sync = disk_sync};

/* ---- The core ---- */

static void tick(void *self, aero_mono_ns mono, aero_wall_ms wall)
{
    struct bench *bench = self;
    bench->turn++;
    bench->completed_before = bench->completed;
    aero_server_tick(bench->server, mono, wall);
    bench->play->tick(bench);
}

static void end_turn(void *self)
{
    struct bench *bench = self;
    size_t completed = bench->completed - bench->completed_before;
    if (completed > bench->completed_in_turn_most) {
        bench->completed_in_turn_most = completed;
    }
}

static bool has_idle_work(const void *self)
{
    return !((const struct bench *)self)->play->rests;
}

static bool wants_entropy(const void *self)
{
    (void)self;
    return false;
}

static void give_entropy(void *self, aero_id id)
{
    (void)self;
    (void)id;
}

/* Half of them in each of two lanes. */
static bool next_request(void *self, struct aero_core_request *out_request)
{
    struct bench *bench = self;
    if (bench->given == bench->asked) {
        return false;
    }
    struct aero_disk_request *request = &bench->requests[bench->given];
    *request = (struct aero_disk_request){
        .id = bench->given, .lane = bench->given % 2, .ops = &bench->op, .op_count = 1};
    *out_request = (struct aero_core_request){
        .owner = bench->owner, .request = request, .handles = &bench->handles};
    bench->given++;
    return true;
}

static void on_completion(void *self, enum aero_core_owner owner,
                          const struct aero_disk_completion *completion)
{
    struct bench *bench = self;
    assert_int_equal(owner, bench->owner);
    assert_true(aero_is_ok(completion->status));
    bench->completed++;
}

static void begin_stop(void *self)
{
    struct bench *bench = self;
    bench->stop_began_in = bench->turn;
}

static bool is_stopped(const void *self)
{
    return !((const struct bench *)self)->play->stays;
}

static bool has_failed(const void *self)
{
    return ((const struct bench *)self)->play->failed;
}

static bool wants_reopen(const void *self)
{
    return ((const struct bench *)self)->play->wants_reopen;
}

/* ---- The link ---- */

static void link_nothing(void *self)
{
    (void)self;
}

static bool link_has_work(void *self)
{
    const struct bench *bench = self;
    return bench->turn < bench->play->link_works_before;
}

static bool link_refuses(void *self, const struct aero_config *config, const char **out_text)
{
    struct bench *bench = self;
    (void)config;
    bench->reloads++;
    *out_text = "the link has its reasons";
    return false;
}

static const struct aero_host_link_ops link_ops = {
    .deliver = link_nothing,
    .has_work = link_has_work,
    .publish = link_nothing,
    .reload = link_refuses,
};

/* ---- The host ---- */

static aero_mono_ns mono_of(void *self)
{
    return (aero_mono_ns){((struct bench *)self)->now_ns};
}

static aero_wall_ms wall_of(void *self)
{
    (void)self;
    return (aero_wall_ms){1000000};
}

static struct bench *bench_new(const struct play *play)
{
    static const struct aero_option options[] = {AERO_OPTIONS_DAEMON};
    static const struct aero_program program = {
        .name = "test", .options = options, .option_count = 1};
    char *arguments[] = {"test", NULL};
    struct aero_server_options server_options;
    int exit_code;
    struct bench *bench = aero_calloc(1, sizeof *bench);
    bench->play = play;
    bench->now_ns = NS_PER_S;
    bench->owner = AERO_OWNER_CHECKPOINT;
    bench->op = (struct aero_disk_op){.kind = AERO_OP_SYNC, .handle = 0};
    bench->handles.file[0] = (struct aero_disk_file *)bench; /* the disk above does not look */
    pthread_mutex_init(&bench->mutex, NULL);
    pthread_cond_init(&bench->changed, NULL);
    aero_logger_init(&bench->logger, kept_log_sink(&bench->log), aero_clock_posix(),
                     AERO_LOG_KEY_VALUE, AERO_LOG_INFO);
    bench->config = aero_config_new(aero_config_keys_primary());
    bench->host_config = aero_host_config_new(bench->config, "", (aero_id){{1}}, &bench->logger);
    assert_true(aero_options_parse(&program, 1, arguments, stdout, stderr, &bench->command_line,
                                   &exit_code));
    aero_server_options_default(&server_options);
    bench->server = aero_server_new(&server_options, fake_node_init(&bench->node),
                                    (struct aero_server_config){.self = NULL});
    bench->core_ops = (struct aero_host_core_ops){
        .tick = tick,
        .end_turn = end_turn,
        .has_idle_work = has_idle_work,
        .wants_entropy = wants_entropy,
        .give_entropy = give_entropy,
        .next_request = next_request,
        .on_completion = on_completion,
        .begin_stop = begin_stop,
        .is_stopped = is_stopped,
        .has_failed = play->knows_failure ? has_failed : NULL,
        .wants_reopen = wants_reopen,
    };
    return bench;
}

static enum aero_host_end run_bench(struct bench *bench, bool errands)
{
    set_key(bench->config, "port", "0");
    const struct aero_host_options options = {
        .config = bench->config,
        .host_config = bench->host_config,
        .command_line = &bench->command_line,
        .table = aero_config_keys_primary(),
        .logger = &bench->logger,
        .clock = {.mono = mono_of, .wall = wall_of, .self = bench},
        .errands = errands,
    };
    const struct aero_host_core core = {
        .ops = &bench->core_ops, .self = bench, .server = bench->server};
    const struct aero_disk disk = {.ops = &disk_ops, .self = bench};
    assert_true(aero_is_ok(aero_host_new(&options, &bench->host)));
    return aero_host_run(bench->host, &core, &bench->link, disk);
}

static void bench_free(struct bench *bench)
{
    aero_host_free(bench->host);
    aero_server_free(bench->server);
    fake_node_deinit(&bench->node);
    aero_host_config_free(bench->host_config);
    aero_config_free(bench->config);
    aero_buffer_deinit(&bench->log);
    pthread_mutex_destroy(&bench->mutex);
    pthread_cond_destroy(&bench->changed);
    free(bench);
}

static void send_signal(int number)
{
    assert_int_equal(kill(getpid(), number), 0);
}

/* ---- How it ends ---- */

static void stop_in_turn_3(struct bench *bench)
{
    if (bench->turn == 3) {
        send_signal(SIGTERM);
    }
}

static void test_a_log_that_failed_ends_the_loop_where_that_is_wanted(void **state)
{
    static const struct {
        const char *on_fsync_failure;
        struct play play;
        enum aero_host_end end;
    } cases[] = {
        {"exit", {.tick = stop_in_turn_3, .knows_failure = true, .failed = true}, AERO_HOST_FAILED},
        {"exit", {.tick = stop_in_turn_3, .knows_failure = true}, AERO_HOST_STOPPED},
        {"exit", {.tick = stop_in_turn_3}, AERO_HOST_STOPPED},
        {"refuse",
         {.tick = stop_in_turn_3, .knows_failure = true, .failed = true},
         AERO_HOST_STOPPED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench *bench = bench_new(&cases[i].play);
        set_key(bench->config, "on_fsync_failure", cases[i].on_fsync_failure);
        assert_int_equal(run_bench(bench, false), cases[i].end);
        assert_int_equal(bench->turn == 1, cases[i].end == AERO_HOST_FAILED);
        bench_free(bench);
    }
}

static void stop_before_the_disk_is_done(struct bench *bench)
{
    if (bench->turn == 1) {
        hold(bench, true);
        bench->asked = 1;
        send_signal(SIGTERM);
    } else if (bench->stop_began_in != 0 && bench->turn == bench->stop_began_in + 3) {
        hold(bench, false);
    }
}

/* What the core handed out comes back before it is freed. */
static void test_stop_waits_for_the_disk(void **state)
{
    static const struct play play = {.tick = stop_before_the_disk_is_done};
    (void)state;
    struct bench *bench = bench_new(&play);
    assert_int_equal(run_bench(bench, false), AERO_HOST_STOPPED);
    assert_int_equal(bench->completed, 1);
    assert_true(bench->turn >= bench->stop_began_in + 3);
    bench_free(bench);
}

static void reopen_before_the_disk_is_done(struct bench *bench)
{
    if (bench->turn == 1) {
        hold(bench, true);
        bench->asked = 1;
    } else if (bench->turn == 4) {
        hold(bench, false);
    }
}

static void test_reopen_waits_for_the_disk(void **state)
{
    static const struct play play = {.tick = reopen_before_the_disk_is_done, .wants_reopen = true};
    (void)state;
    struct bench *bench = bench_new(&play);
    assert_int_equal(run_bench(bench, false), AERO_HOST_REOPEN);
    assert_int_equal(bench->completed, 1);
    assert_true(bench->turn >= 4);
    bench_free(bench);
}

static void test_loop_that_gets_no_thread_ends_before_its_first_turn(void **state)
{
    static const struct play play = {.tick = stop_in_turn_3};
    (void)state;
    struct bench *bench = bench_new(&play);
    broken_pthread_create = (struct broken_call){.times = 1};
    assert_int_equal(run_bench(bench, false), AERO_HOST_NOT_BEGUN);
    assert_int_equal(bench->turn, 0);
    assert_true(kept_log_has(&bench->log, "event=thread_not_started"));
    assert_false(kept_log_has(&bench->log, "event=serving"));
    bench_free(bench);
}

/* As in Redis, port 0 is no error; a node that nobody can talk to is said to be one. */
static void test_a_loop_that_no_client_can_reach_warns_of_it(void **state)
{
    static const struct play play = {.tick = stop_in_turn_3};
    char path[64];
    const char *const sockets[] = {"", path};
    (void)state;
    snprintf(path, sizeof path, "/tmp/aero-loop-%d.sock", (int)getpid());
    for (unsigned i = 0; i < 2; i++) {
        struct bench *bench = bench_new(&play);
        set_key(bench->config, "unixsocket", sockets[i]);
        assert_int_equal(run_bench(bench, false), AERO_HOST_STOPPED);
        assert_int_equal(kept_log_has(&bench->log, "level=warn event=clients_off"), i == 0);
        bench_free(bench);
    }
    unlink(path);
}

/* ---- Turns ---- */

static void complete_all_before_turn_2(struct bench *bench)
{
    if (bench->turn == 1) {
        bench->asked = REQUESTS_MAX;
    } else if (bench->turn == 2) {
        await_syncs(bench, REQUESTS_MAX);
        send_signal(SIGTERM);
    }
}

/* All that the disk did is told in the turn that finds it, however much that is: but for the last of each lane, they are
 * there in turn 2. */
static void test_turn_takes_all_completions_that_are_there(void **state)
{
    static const struct play play = {.tick = complete_all_before_turn_2};
    (void)state;
    struct bench *bench = bench_new(&play);
    assert_int_equal(run_bench(bench, false), AERO_HOST_STOPPED);
    assert_int_equal(bench->completed, REQUESTS_MAX);
    assert_in_range(bench->completed_in_turn_most, REQUESTS_MAX - 2, REQUESTS_MAX);
    bench_free(bench);
}

static void reload_then_stop(struct bench *bench)
{
    if (bench->turn == 1) {
        send_signal(SIGHUP);
    } else if (bench->reloads == 1 && !bench->told_to_stop) {
        bench->told_to_stop = true;
        send_signal(SIGTERM);
    }
}

static void test_reload_that_the_link_refuses_is_told(void **state)
{
    static const struct play play = {.tick = reload_then_stop};
    (void)state;
    struct bench *bench = bench_new(&play);
    bench->link = (struct aero_host_link){.ops = &link_ops, .self = bench};
    assert_int_equal(run_bench(bench, false), AERO_HOST_STOPPED);
    assert_int_equal(bench->reloads, 1);
    assert_true(kept_log_has(&bench->log, "event=serving bind=127.0.0.1 port=0"));
    assert_true(kept_log_has(&bench->log, "event=config_reloaded"));
    assert_true(
        kept_log_has(&bench->log, "event=link_reload_failed error=\"the link has its reasons\""));
    bench_free(bench);
}

static void expect_sleep_behind_turn_4(struct bench *bench)
{
    if (bench->turn == 1) {
        sleeps = 0;
    }
    assert_int_equal(sleeps, bench->turn < 5 ? 0 : bench->turn - 4);
    if (bench->turn == 6) {
        send_signal(SIGTERM);
    }
}

static void test_the_loop_does_not_sleep_while_the_link_has_work(void **state)
{
    static const struct play play = {
        .tick = expect_sleep_behind_turn_4, .rests = true, .link_works_before = 4};
    (void)state;
    struct bench *bench = bench_new(&play);
    bench->link = (struct aero_host_link){.ops = &link_ops, .self = bench};
    assert_int_equal(run_bench(bench, false), AERO_HOST_STOPPED);
    bench_free(bench);
}

/* ---- A disk that does not answer ---- */

static void stop_twice(struct bench *bench)
{
    if (bench->turn == 1) {
        hold(bench, true);
        bench->asked = 1;
    } else if (bench->turn == 2) {
        await_syncs(bench, 1);
        send_signal(SIGTERM);
    } else if (bench->stop_began_in != 0 && bench->turn == bench->stop_began_in + 2) {
        send_signal(SIGHUP);
        send_signal(SIGTERM);
    }
}

static void stop_for_too_long(struct bench *bench)
{
    if (bench->turn == 1) {
        hold(bench, true);
        bench->asked = 1;
    } else if (bench->turn == 2) {
        await_syncs(bench, 1);
        send_signal(SIGTERM);
    } else if (bench->stop_began_in != 0) {
        bench->now_ns += NS_PER_S;
    }
}

/* The sync still hangs when this program ends, on a thread that has the bench: nothing of it is freed, as the header asks. */
static void end_abruptly(const struct play *play, bool is_told)
{
    static struct bench *left_behind;
    struct bench *bench = bench_new(play);
    bench->next = left_behind;
    left_behind = bench;
    bench->owner = AERO_OWNER_WAL;
    assert_int_equal(run_bench(bench, true), AERO_HOST_ABRUPT);
    assert_int_equal(bench->completed, 0);
    assert_false(kept_log_has(&bench->log, "event=config_reloaded")); /* too late for that */
    assert_int_equal(kept_log_has(&bench->log, "event=stop_takes_too_long disk_requests=1"),
                     is_told);
    if (is_told) {
        assert_in_range(bench->now_ns, 31 * NS_PER_S, 34 * NS_PER_S);
    }
}

static void test_second_signal_ends_a_stop_at_once(void **state)
{
    static const struct play play = {.tick = stop_twice, .stays = true};
    (void)state;
    end_abruptly(&play, false);
}

static void test_stop_of_more_than_30_seconds_is_cut_short(void **state)
{
    static const struct play play = {.tick = stop_for_too_long};
    (void)state;
    end_abruptly(&play, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_log_that_failed_ends_the_loop_where_that_is_wanted),
        cmocka_unit_test(test_stop_waits_for_the_disk),
        cmocka_unit_test(test_reopen_waits_for_the_disk),
        cmocka_unit_test(test_a_loop_that_no_client_can_reach_warns_of_it),
        cmocka_unit_test(test_loop_that_gets_no_thread_ends_before_its_first_turn),
        cmocka_unit_test(test_turn_takes_all_completions_that_are_there),
        cmocka_unit_test(test_reload_that_the_link_refuses_is_told),
        cmocka_unit_test(test_the_loop_does_not_sleep_while_the_link_has_work),
        cmocka_unit_test(test_second_signal_ends_a_stop_at_once),
        cmocka_unit_test(test_stop_of_more_than_30_seconds_is_cut_short),
    };
    return cmocka_run_group_tests_name("host.loop", tests, NULL, NULL);
}
