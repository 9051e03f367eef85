/* SPDX-License-Identifier: Apache-2.0 */
/* Turns and errands whose order a test decides: nothing here waits for time to pass, except for what never comes. */
#include "tests/unit/cmocka_setup.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "host/turn.h"
#include "tests/unit/broken_thread.h"
#include "tests/unit/kept_log.h"

/* Longer than anything takes that does come. */
#define PATIENCE_S 60
#define ERRANDS_MAX 100

struct errand {
    struct table *table;
    pthread_t giver;
    unsigned turn; /* that gave it: the first is 1 */
    bool began;
    bool finished;
};

/* What turns and errands share. What only turns touch has no lock: that a turn sees the turns before it is what
 * ThreadSanitizer checks here. */
struct table {
    const struct play *play;
    unsigned turn_count; /* of turns alone */
    unsigned given;      /* of turns alone */
    struct errand errands[ERRANDS_MAX];

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned in_turn;
    unsigned in_turn_most;
    unsigned turns_done;
    unsigned away;
    unsigned away_most;
    bool misplaced; /* an errand ran on another thread than its turn */
    bool hopeless;  /* something awaited did not come */
    bool released;
};

struct play {
    enum aero_host_turn_next (*turn)(struct table *table, struct aero_host_turn_errand *out);
    void (*errand)(struct table *table, struct errand *errand);
};

/* With the mutex. */
static void await_change(struct table *table)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_S;
    if (pthread_cond_timedwait(&table->changed, &table->mutex, &end) != 0) {
        table->hopeless = true;
    }
}

static unsigned more(unsigned most, unsigned now)
{
    return now > most ? now : most;
}

static enum aero_host_turn_next take_turn(void *self, struct aero_host_turn_errand *out_errand)
{
    struct table *table = self;
    pthread_mutex_lock(&table->mutex);
    table->in_turn++;
    table->in_turn_most = more(table->in_turn_most, table->in_turn);
    pthread_mutex_unlock(&table->mutex);
    table->turn_count++;
    enum aero_host_turn_next next = table->play->turn(table, out_errand);
    pthread_mutex_lock(&table->mutex);
    table->in_turn--;
    table->turns_done++;
    pthread_cond_broadcast(&table->changed);
    pthread_mutex_unlock(&table->mutex);
    return next;
}

static void run_errand(void *self, void *work)
{
    struct table *table = self;
    struct errand *errand = work;
    pthread_mutex_lock(&table->mutex);
    table->misplaced = table->misplaced || !pthread_equal(errand->giver, pthread_self());
    errand->began = true;
    table->away++;
    table->away_most = more(table->away_most, table->away);
    pthread_cond_broadcast(&table->changed);
    if (table->play->errand != NULL) {
        table->play->errand(table, errand);
    }
    table->away--;
    errand->finished = true;
    pthread_mutex_unlock(&table->mutex);
}

static enum aero_host_turn_next give_errand(struct table *table, struct aero_host_turn_errand *out)
{
    struct errand *errand = &table->errands[table->given++];
    errand->giver = pthread_self();
    errand->turn = table->turn_count;
    out->work = errand;
    return AERO_HOST_TURN_ERRAND;
}

static void set_table(struct table *table, const struct play *play)
{
    memset(table, 0, sizeof *table);
    table->play = play;
    pthread_mutex_init(&table->mutex, NULL);
    pthread_cond_init(&table->changed, NULL);
}

static enum aero_host_turn_next run_play(struct table *table, const struct play *play,
                                         unsigned thread_count)
{
    set_table(table, play);
    struct aero_host_turns *turns = aero_host_turns_new(&(struct aero_host_turn_options){
        .thread_count = thread_count, .self = table, .turn = take_turn, .errand = run_errand});
    return aero_host_turns_run(turns);
}

/* ---- Many turns, many errands ---- */

/* Lets others do by mistake what they can. */
static void dawdle(void)
{
    for (unsigned i = 0; i < 50; i++) {
        sched_yield();
    }
}

static enum aero_host_turn_next errands_then_end(struct table *table,
                                                 struct aero_host_turn_errand *out)
{
    dawdle();
    if (table->given == ERRANDS_MAX) {
        return AERO_HOST_TURN_END;
    }
    if (table->turn_count % 3 == 0) {
        return AERO_HOST_TURN_AGAIN;
    }
    out->more_wait = table->given % 2 == 0;
    return give_errand(table, out);
}

/* All but one in eight, which are short. */
static void until_next_turn(struct table *table, struct errand *errand)
{
    while (errand->turn % 8 != 0 && table->turns_done <= errand->turn && !table->hopeless) {
        await_change(table);
    }
}

/* FM-7.1: a sync that hangs holds up nobody. Here an errand ends only if a turn comes meanwhile, so that all threads
 * come to lead, to be away and to stand by. */
static void test_run_goes_on_with_one_turn_at_a_time_while_errands_are_away(void **state)
{
    static const struct play play = {.turn = errands_then_end, .errand = until_next_turn};
    static struct table table;
    (void)state;
    assert_int_equal(run_play(&table, &play, 3), AERO_HOST_TURN_END);
    assert_false(table.hopeless);
    assert_int_equal(table.in_turn_most, 1);
    assert_int_equal(table.turn_count, table.turns_done);
    assert_false(table.misplaced);
    for (unsigned i = 0; i < ERRANDS_MAX; i++) {
        assert_true(table.errands[i].finished);
    }
}

static enum aero_host_turn_next turns_then_end(struct table *table,
                                               struct aero_host_turn_errand *out)
{
    (void)out;
    return table->turn_count == 100 ? AERO_HOST_TURN_END : AERO_HOST_TURN_AGAIN;
}

static void test_run_with_one_thread_takes_all_turns(void **state)
{
    static const struct play play = {.turn = turns_then_end};
    static struct table table;
    (void)state;
    assert_int_equal(run_play(&table, &play, 1), AERO_HOST_TURN_END);
    assert_int_equal(table.turn_count, 100);
}

/* ---- Threads that do not start ---- */

/* Nobody has a turn before all are there: a daemon that cannot begin has served nobody. */
static void test_new_without_one_of_its_threads_takes_no_turn(void **state)
{
    static const struct play play = {.turn = turns_then_end};
    static struct table table;
    struct aero_buffer log = {.data = NULL};
    struct aero_logger logger;
    (void)state;
    aero_logger_init(&logger, kept_log_sink(&log), aero_clock_posix(), AERO_LOG_KEY_VALUE,
                     AERO_LOG_INFO);
    for (unsigned passes = 0; passes < AERO_HOST_TURN_THREADS_MAX; passes++) {
        set_table(&table, &play);
        broken_pthread_create = (struct broken_call){.passes = passes, .times = 1};
        assert_null(aero_host_turns_new(
            &(struct aero_host_turn_options){.thread_count = AERO_HOST_TURN_THREADS_MAX,
                                             .logger = &logger,
                                             .self = &table,
                                             .turn = take_turn,
                                             .errand = run_errand}));
        assert_int_equal(broken_pthread_create.times, 0);
        assert_int_equal(table.turn_count, 0);
        assert_true(kept_log_take(&log, "event=thread_not_started purpose=\"turns at the loop\" "
                                        "error=\"Resource temporarily unavailable"));
    }
    aero_buffer_deinit(&log);
}

/* ---- Long errands ---- */

static enum aero_host_turn_next one_errand_then_end(struct table *table,
                                                    struct aero_host_turn_errand *out)
{
    return table->turn_count == 1 ? give_errand(table, out) : AERO_HOST_TURN_END;
}

static void until_behind_the_end(struct table *table, struct errand *errand)
{
    (void)errand;
    while (table->turns_done < 2 && !table->hopeless) {
        await_change(table);
    }
    dawdle();
}

static void test_run_that_ends_waits_for_errands(void **state)
{
    static const struct play play = {.turn = one_errand_then_end, .errand = until_behind_the_end};
    static struct table table;
    (void)state;
    assert_int_equal(run_play(&table, &play, 3), AERO_HOST_TURN_END);
    assert_false(table.hopeless);
    assert_int_equal(table.turn_count, 2);
    assert_true(table.errands[0].finished);
}

/* The third turn goes on for as long as the errands have not both begun, and they for as long as it does. */
static enum aero_host_turn_next two_errands_then_end(struct table *table,
                                                     struct aero_host_turn_errand *out)
{
    out->more_wait = table->turn_count == 1;
    if (table->turn_count <= 2) {
        return give_errand(table, out);
    }
    pthread_mutex_lock(&table->mutex);
    while (table->away < 2 && !table->hopeless) {
        await_change(table);
    }
    pthread_mutex_unlock(&table->mutex);
    return AERO_HOST_TURN_END;
}

static void until_third_turn(struct table *table, struct errand *errand)
{
    (void)errand;
    while (table->turns_done < 3 && !table->hopeless) {
        await_change(table);
    }
}

/* Two groups of the log sync at a time, and still somebody leads. */
static void test_run_with_two_long_errands_runs_them_side_by_side(void **state)
{
    static const struct play play = {.turn = two_errands_then_end, .errand = until_third_turn};
    static struct table table;
    (void)state;
    assert_int_equal(run_play(&table, &play, 3), AERO_HOST_TURN_END);
    assert_false(table.hopeless);
    assert_int_equal(table.away_most, 2);
}

static enum aero_host_turn_next end_when_released(struct table *table,
                                                  struct aero_host_turn_errand *out)
{
    if (table->turn_count == 1) {
        return give_errand(table, out);
    }
    pthread_mutex_lock(&table->mutex);
    bool finished = table->errands[0].finished;
    pthread_mutex_unlock(&table->mutex);
    return finished ? AERO_HOST_TURN_END : AERO_HOST_TURN_AGAIN;
}

static void until_many_turns(struct table *table, struct errand *errand)
{
    (void)errand;
    while (table->turns_done < 50 && !table->hopeless) {
        await_change(table);
    }
}

/* It comes back to find another thread leading, and stands by: the turns of the other go on. */
static void test_run_back_from_a_long_errand_leaves_the_turn_to_who_has_it(void **state)
{
    static const struct play play = {.turn = end_when_released, .errand = until_many_turns};
    static struct table table;
    (void)state;
    assert_int_equal(run_play(&table, &play, 3), AERO_HOST_TURN_END);
    assert_false(table.hopeless);
    assert_int_equal(table.in_turn_most, 1);
}

static enum aero_host_turn_next one_errand_then_abrupt(struct table *table,
                                                       struct aero_host_turn_errand *out)
{
    if (table->turn_count == 1) {
        return give_errand(table, out);
    }
    return AERO_HOST_TURN_END_ABRUPTLY;
}

static void for_ever(struct table *table, struct errand *errand)
{
    (void)errand;
    while (!table->released) {
        pthread_cond_wait(&table->changed, &table->mutex);
    }
}

/* A disk that never answers does not keep the process: the errand still hangs when this test program ends. */
static void test_run_that_ends_abruptly_waits_for_no_errand(void **state)
{
    static const struct play play = {.turn = one_errand_then_abrupt, .errand = for_ever};
    static struct table table;
    (void)state;
    assert_int_equal(run_play(&table, &play, 3), AERO_HOST_TURN_END_ABRUPTLY);
    pthread_mutex_lock(&table.mutex);
    assert_true(table.errands[0].began);
    assert_false(table.errands[0].finished);
    pthread_mutex_unlock(&table.mutex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_goes_on_with_one_turn_at_a_time_while_errands_are_away),
        cmocka_unit_test(test_run_with_one_thread_takes_all_turns),
        cmocka_unit_test(test_new_without_one_of_its_threads_takes_no_turn),
        cmocka_unit_test(test_run_that_ends_waits_for_errands),
        cmocka_unit_test(test_run_with_two_long_errands_runs_them_side_by_side),
        cmocka_unit_test(test_run_back_from_a_long_errand_leaves_the_turn_to_who_has_it),
        cmocka_unit_test(test_run_that_ends_abruptly_waits_for_no_errand),
    };
    return cmocka_run_group_tests_name("host.turn", tests, NULL, NULL);
}
