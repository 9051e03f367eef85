/* SPDX-License-Identifier: Apache-2.0 */
/* `led` says whether a thread has the turn; the mutex that guards it also carries what one turn did to the next.
 *
 * The alarm is a timer descriptor that those who stand by read. It is set anew at every errand and never taken back,
 * which is one system call an errand; under load it never rings, and behind the last errand it rings once, for
 * nothing. A ring is never lost: whoever reads one while another thread leads goes back to reading, and that thread
 * sets the alarm again before it leaves.
 *
 * Nothing here survives a crash or needs to. Source: timerfd_create(2). */
#include "host/turn.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/slice.h"
#include "host/thread.h"

#define AT_ONCE_NS 1

struct aero_host_turns {
    struct aero_host_turn_options options;
    int alarm_fd;
    pthread_t threads[AERO_HOST_TURN_THREADS_MAX];
    unsigned started;
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    bool led;
    enum aero_host_turn_next end; /* AGAIN: it has not come */
};

static void set_alarm(struct aero_host_turns *turns, long delay_ns, long interval_ns)
{
    const struct itimerspec when = {.it_value = {.tv_nsec = delay_ns},
                                    .it_interval = {.tv_nsec = interval_ns}};
    AERO_ASSERT(timerfd_settime(turns->alarm_fd, 0, &when, NULL) == 0);
}

static void await_alarm(struct aero_host_turns *turns)
{
    uint64_t rings;
    /* A read that fails is a ring like any other: who hears one looks whether nobody leads. */
    ssize_t got = read(turns->alarm_fd, &rings, sizeof rings);
    (void)got;
}

static bool has_ended(struct aero_host_turns *turns)
{
    pthread_mutex_lock(&turns->mutex);
    bool ended = turns->end != AERO_HOST_TURN_AGAIN;
    pthread_mutex_unlock(&turns->mutex);
    return ended;
}

/* False: another thread leads, or no turn follows: the thread that ended them keeps the turn. */
static bool take_turn(struct aero_host_turns *turns)
{
    pthread_mutex_lock(&turns->mutex);
    bool taken = !turns->led;
    turns->led = true;
    pthread_mutex_unlock(&turns->mutex);
    return taken;
}

static void leave_turn(struct aero_host_turns *turns, bool more_wait)
{
    pthread_mutex_lock(&turns->mutex);
    turns->led = false;
    set_alarm(turns, more_wait ? AT_ONCE_NS : AERO_HOST_TURN_ALONE_NS, 0);
    pthread_mutex_unlock(&turns->mutex);
}

/* Rings until everybody who stands by has heard it. */
static void end_turns(struct aero_host_turns *turns, enum aero_host_turn_next how)
{
    pthread_mutex_lock(&turns->mutex);
    turns->end = how;
    pthread_cond_signal(&turns->ended);
    set_alarm(turns, AT_ONCE_NS, AERO_HOST_TURN_ALONE_NS);
    pthread_mutex_unlock(&turns->mutex);
}

/* Returns when another thread has the turn, or none will. */
static void lead(struct aero_host_turns *turns)
{
    const struct aero_host_turn_options *options = &turns->options;
    bool leads = true;
    while (leads) {
        struct aero_host_turn_errand errand = {.work = NULL};
        enum aero_host_turn_next next = options->turn(options->self, &errand);
        if (next == AERO_HOST_TURN_ERRAND) {
            leave_turn(turns, errand.more_wait);
            options->errand(options->self, errand.work);
            leads = take_turn(turns);
        } else if (next != AERO_HOST_TURN_AGAIN) {
            end_turns(turns, next);
            leads = false;
        }
    }
}

static void *run_thread(void *argument)
{
    struct aero_host_turns *turns = argument;
    do {
        if (take_turn(turns)) {
            lead(turns);
        } else {
            await_alarm(turns);
        }
    } while (!has_ended(turns));
    return NULL;
}

static bool start_threads(struct aero_host_turns *turns)
{
    while (turns->started < turns->options.thread_count) {
        if (!aero_host_thread_start(&turns->threads[turns->started], run_thread, turns,
                                    turns->options.logger, "turns at the loop")) {
            return false;
        }
        turns->started++;
    }
    return true;
}

static void free_turns(struct aero_host_turns *turns)
{
    for (unsigned i = 0; i < turns->started; i++) {
        pthread_join(turns->threads[i], NULL);
    }
    pthread_cond_destroy(&turns->ended);
    pthread_mutex_destroy(&turns->mutex);
    close(turns->alarm_fd);
    free(turns);
}

/* Frees nothing: a thread that is away may come back and look. */
static void leave_threads(struct aero_host_turns *turns)
{
    for (unsigned i = 0; i < turns->started; i++) {
        pthread_detach(turns->threads[i]);
    }
}

struct aero_host_turns *aero_host_turns_new(const struct aero_host_turn_options *options)
{
    AERO_ASSERT(options->thread_count >= 1);
    AERO_ASSERT(options->thread_count <= AERO_HOST_TURN_THREADS_MAX);
    struct aero_host_turns *turns = aero_calloc(1, sizeof *turns);
    turns->options = *options;
    turns->alarm_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    AERO_ASSERT(turns->alarm_fd >= 0);
    pthread_mutex_init(&turns->mutex, NULL);
    pthread_cond_init(&turns->ended, NULL);
    turns->led = true; /* until aero_host_turns_run */
    if (!start_threads(turns)) {
        end_turns(turns, AERO_HOST_TURN_END);
        free_turns(turns);
        return NULL;
    }
    return turns;
}

enum aero_host_turn_next aero_host_turns_run(struct aero_host_turns *turns)
{
    leave_turn(turns, true);
    pthread_mutex_lock(&turns->mutex);
    while (turns->end == AERO_HOST_TURN_AGAIN) {
        pthread_cond_wait(&turns->ended, &turns->mutex);
    }
    enum aero_host_turn_next end = turns->end;
    pthread_mutex_unlock(&turns->mutex);
    if (end == AERO_HOST_TURN_END) {
        free_turns(turns);
    } else {
        leave_threads(turns);
    }
    return end;
}
