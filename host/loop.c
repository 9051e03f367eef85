/* SPDX-License-Identifier: Apache-2.0 */
/* libevent says which descriptors are ready and when the tick is due; its callbacks only take
 * notes. All work is done between two calls of event_base_loop, so the order of a turn is the one
 * that is written in run_turn. The event base is touched by whoever has the turn and by nobody
 * else, so it needs no locks. */
#include "host/loop.h"

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/slice.h"
#include "host/clients.h"
#include "host/config.h"
#include "host/disk.h"
#include "host/notify.h"
#include "host/turn.h"
#include "server/config_keys.h"

/* Deadlines of clients (WAIT, timeouts) and of the core are noticed this late at most. */
#define TICK_MS 10
/* Completions taken under one lock. */
#define DONE_BATCH 64
/* Looks at the clients while a group gathers, so that one that never ends holds up nobody. */
#define GATHER_LOOKS_MAX 4
/* A clean stop ends after this, done or not: a kill is as good (FM-4.1). */
#define STOP_LIMIT_NS (UINT64_C(30) * 1000000000U)

enum { SIGNAL_TERM, SIGNAL_INT, SIGNAL_HUP, SIGNAL_COUNT };
static const int signal_numbers[SIGNAL_COUNT] = {SIGTERM, SIGINT, SIGHUP};

struct aero_host {
    struct aero_host_options options;
    struct event_base *base;
    struct event *signals[SIGNAL_COUNT];
    struct event *wake_event;
    struct event *tick_event;
    struct aero_host_wake wake;
    struct aero_host_listeners listeners;
    struct aero_host_clients *clients;
    struct aero_host_disk *disk;
    const struct aero_host_core *core;
    const struct aero_host_link *link;
    aero_mono_ns now;
    aero_mono_ns alive_said_at;
    uint64_t alive_interval_ns;
    aero_mono_ns stop_began_at;
    bool stopping;
    bool reload_wanted;
    bool stop_wanted;
    bool abrupt;
    enum aero_host_end end;
};

static void on_signal(evutil_socket_t number, short what, void *self)
{
    struct aero_host *host = self;
    (void)what;
    if (number == SIGHUP) {
        host->reload_wanted = true;
        return;
    }
    host->abrupt = host->stop_wanted;
    host->stop_wanted = true;
}

static void on_wake(evutil_socket_t fd, short what, void *self)
{
    (void)fd;
    (void)what;
    (void)self;
}

static aero_status open_listeners(struct aero_host *host)
{
    const struct aero_config *config = host->options.config;
    int backlog = (int)aero_config_integer(config, "tcp_backlog");
    uint16_t port = aero_config_port(config, "port");
    const char *path = aero_config_string(config, "unixsocket");
    aero_status status = aero_ok();
    if (port == 0 && path[0] == '\0') {
        aero_log_event(host->options.logger, AERO_LOG_WARN, "clients_off",
                       AERO_LOG_STR("reason", "port is 0 and there is no unixsocket: no client can "
                                              "reach this node, aeroctl included"),
                       AERO_LOG_STR("advice", "set one of the two, unless that is meant"));
    }
    if (port != 0) {
        status = aero_host_listen_tcp(&host->listeners, aero_config_string(config, "bind"), port,
                                      backlog);
    }
    if (aero_is_ok(status) && path[0] != '\0') {
        status = aero_host_listen_unix(&host->listeners, path, aero_config_unixsocket_mode(config),
                                       backlog);
    }
    if (!aero_is_ok(status)) {
        aero_log_event(host->options.logger, AERO_LOG_ERROR, "listen_failed",
                       AERO_LOG_STR("error", host->listeners.error));
    }
    return status;
}

static void add_events(struct aero_host *host)
{
    const struct timeval tick = {.tv_usec = TICK_MS * 1000};
    for (unsigned i = 0; i < SIGNAL_COUNT; i++) {
        host->signals[i] = evsignal_new(host->base, signal_numbers[i], on_signal, host);
        AERO_ASSERT(host->signals[i] != NULL && event_add(host->signals[i], NULL) == 0);
    }
    host->wake_event =
        event_new(host->base, host->wake.fd, EV_READ | EV_PERSIST | EV_ET, on_wake, host);
    AERO_ASSERT(host->wake_event != NULL && event_add(host->wake_event, NULL) == 0);
    host->tick_event = event_new(host->base, -1, EV_PERSIST, on_wake, host);
    AERO_ASSERT(host->tick_event != NULL && event_add(host->tick_event, &tick) == 0);
}

static void ignore_signal(int number)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&ignore.sa_mask);
    sigaction(number, &ignore, NULL);
}

aero_status aero_host_new(const struct aero_host_options *options, struct aero_host **out_host)
{
    struct aero_host *host = aero_calloc(1, sizeof *host);
    host->options = *options;
    ignore_signal(SIGPIPE);
    ignore_signal(SIGXFSZ);
    aero_host_wake_init(&host->wake);
    host->base = event_base_new();
    AERO_ASSERT(host->base != NULL);
    add_events(host);
    aero_status status = open_listeners(host);
    if (!aero_is_ok(status)) {
        aero_host_free(host);
        return status;
    }
    *out_host = host;
    return status;
}

void aero_host_free(struct aero_host *host)
{
    if (host == NULL) {
        return;
    }
    for (unsigned i = 0; i < SIGNAL_COUNT; i++) {
        event_free(host->signals[i]);
    }
    event_free(host->wake_event);
    event_free(host->tick_event);
    aero_host_listeners_close(&host->listeners);
    event_base_free(host->base);
    aero_host_wake_deinit(&host->wake);
    free(host);
}

struct event_base *aero_host_base(struct aero_host *host)
{
    return host->base;
}

struct aero_host_wake *aero_host_wake(struct aero_host *host)
{
    return &host->wake;
}

static void reload(struct aero_host *host)
{
    struct aero_config *fresh = NULL;
    struct aero_config_error error;
    const char *text = NULL;
    aero_host_notify_reloading(host->now);
    if (aero_is_ok(
            aero_options_reload(host->options.command_line, host->options.table, &fresh, &error))) {
        aero_host_config_take(host->options.host_config, fresh, NULL);
        aero_config_free(fresh);
        aero_log_event(host->options.logger, AERO_LOG_INFO, "config_reloaded");
    } else {
        aero_log_event(host->options.logger, AERO_LOG_ERROR, "config_reload_failed",
                       AERO_LOG_STR("error", error.text),
                       AERO_LOG_STR("in_use", "the configuration as before"));
    }
    if (host->link->ops != NULL &&
        !host->link->ops->reload(host->link->self, host->options.config, &text)) {
        aero_log_event(host->options.logger, AERO_LOG_ERROR, "link_reload_failed",
                       AERO_LOG_STR("error", text),
                       AERO_LOG_STR("in_use", "its settings as before"));
    }
    aero_host_notify_ready("serving");
}

static void begin_stop(struct aero_host *host)
{
    host->stopping = true;
    host->stop_began_at = host->now;
    aero_log_event(host->options.logger, AERO_LOG_INFO, "stopping");
    aero_host_notify_stopping();
    aero_host_clients_stop_accepting(host->clients);
    host->core->ops->begin_stop(host->core->self);
}

static void take_signals(struct aero_host *host)
{
    if (host->reload_wanted && !host->stopping) {
        reload(host);
    }
    host->reload_wanted = false;
    if (host->stop_wanted && !host->stopping) {
        begin_stop(host);
    }
}

static void take_completions(struct aero_host *host)
{
    struct aero_host_done done[DONE_BATCH];
    size_t count;
    do {
        count = aero_host_disk_take(host->disk, done, DONE_BATCH);
        for (size_t i = 0; i < count; i++) {
            host->core->ops->on_completion(host->core->self, done[i].owner, &done[i].completion);
        }
    } while (count == DONE_BATCH);
}

static void submit_requests(struct aero_host *host)
{
    struct aero_core_request request;
    struct aero_host_done done;
    while (host->core->ops->next_request(host->core->self, &request)) {
        if (aero_host_disk_submit(host->disk, &request, &done)) {
            host->core->ops->on_completion(host->core->self, done.owner, &done.completion);
        }
    }
}

static void give_entropy(struct aero_host *host)
{
    struct aero_entropy entropy = aero_entropy_posix();
    while (host->core->ops->wants_entropy(host->core->self)) {
        host->core->ops->give_entropy(host->core->self, entropy.id(entropy.self));
    }
}

static void say_alive(struct aero_host *host)
{
    if (host->alive_interval_ns != 0 &&
        host->now.value - host->alive_said_at.value >= host->alive_interval_ns) {
        host->alive_said_at = host->now;
        aero_host_notify_alive();
    }
}

/* Notes what is ready; returns when something is, at once if told not to wait. */
static void poll_events(struct aero_host *host, bool wait)
{
    /* Without ONCE, NONBLOCK would call back again and again while a socket is readable. */
    event_base_loop(host->base, wait ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void read_clients(struct aero_host *host)
{
    const struct aero_host_core *core = host->core;
    aero_host_clients_read(host->clients);
    for (unsigned i = 0; i < GATHER_LOOKS_MAX && core->ops->is_gathering != NULL &&
                         core->ops->is_gathering(core->self);
         i++) {
        poll_events(host, false);
        if (!aero_host_clients_has_input(host->clients)) {
            return;
        }
        aero_host_clients_read(host->clients);
    }
}

static void run_turn(struct aero_host *host)
{
    const struct aero_host_core *core = host->core;
    const struct aero_clock clock = host->options.clock;
    host->now = clock.mono(clock.self);
    core->ops->tick(core->self, host->now, clock.wall(clock.self));
    take_signals(host);
    take_completions(host);
    if (host->link->ops != NULL) {
        host->link->ops->deliver(host->link->self);
    }
    read_clients(host);
    give_entropy(host);
    core->ops->end_turn(core->self);
    submit_requests(host);
    if (host->link->ops != NULL) {
        host->link->ops->publish(host->link->self);
    }
    aero_host_clients_flush(host->clients);
    say_alive(host);
}

/* Returns when there is something to do. */
static void sleep_until_ready(struct aero_host *host)
{
    aero_host_wake_arm(&host->wake);
    bool busy = host->core->ops->has_idle_work(host->core->self) ||
                aero_host_clients_has_work(host->clients) || aero_host_disk_has_done(host->disk) ||
                (host->link->ops != NULL && host->link->ops->has_work(host->link->self));
    poll_events(host, !busy);
    aero_host_wake_disarm(&host->wake);
}

/* The core stopped, or somebody does not want to wait for that any longer. */
static bool is_finished(struct aero_host *host)
{
    if (!host->stopping) {
        return false;
    }
    if (!host->abrupt && host->now.value - host->stop_began_at.value > STOP_LIMIT_NS) {
        aero_log_event(host->options.logger, AERO_LOG_WARN, "stop_takes_too_long",
                       AERO_LOG_U64("disk_requests", aero_host_disk_pending(host->disk)));
        host->abrupt = true;
    }
    return host->abrupt || (host->core->ops->is_stopped(host->core->self) &&
                            aero_host_disk_pending(host->disk) == 0);
}

static bool wants_reopen(struct aero_host *host)
{
    return !host->stopping && host->core->ops->wants_reopen != NULL &&
           host->core->ops->wants_reopen(host->core->self) &&
           aero_host_disk_pending(host->disk) == 0;
}

/* Asked behind the turn that told the clients. */
static bool must_exit(struct aero_host *host)
{
    return aero_config_on_fsync_failure(host->options.config) == AERO_FSYNC_FAILURE_EXIT &&
           host->core->ops->has_failed != NULL && host->core->ops->has_failed(host->core->self);
}

/* False: turns go on. */
static bool has_ended(struct aero_host *host)
{
    if (must_exit(host)) {
        host->end = AERO_HOST_FAILED;
    } else if (is_finished(host)) {
        host->end = host->abrupt ? AERO_HOST_ABRUPT : AERO_HOST_STOPPED;
    } else if (wants_reopen(host)) {
        host->end = AERO_HOST_REOPEN;
    } else {
        return false;
    }
    return true;
}

static enum aero_host_turn_next take_turn(void *self, struct aero_host_turn_errand *out_errand)
{
    struct aero_host *host = self;
    run_turn(host);
    if (has_ended(host)) {
        return host->end == AERO_HOST_ABRUPT ? AERO_HOST_TURN_END_ABRUPTLY : AERO_HOST_TURN_END;
    }
    out_errand->work = aero_host_disk_take_errand(host->disk);
    if (out_errand->work != NULL) {
        out_errand->more_wait = aero_host_disk_has_errand(host->disk);
        return AERO_HOST_TURN_ERRAND;
    }
    sleep_until_ready(host);
    return AERO_HOST_TURN_AGAIN;
}

static void run_errand(void *self, void *work)
{
    (void)self;
    aero_host_disk_run_errand(work);
}

static void say_serving(const struct aero_host *host)
{
    const struct aero_config *config = host->options.config;
    aero_log_event(host->options.logger, AERO_LOG_INFO, "serving",
                   AERO_LOG_STR("bind", aero_config_string(config, "bind")),
                   AERO_LOG_U64("port", aero_config_port(config, "port")),
                   AERO_LOG_STR("unixsocket", aero_config_string(config, "unixsocket")));
    aero_host_notify_ready("serving");
}

enum aero_host_end aero_host_run(struct aero_host *host, const struct aero_host_core *core,
                                 const struct aero_host_link *link, struct aero_disk disk)
{
    host->core = core;
    host->link = link;
    host->disk = aero_host_disk_new(&(struct aero_host_disk_options){
        .disk = disk,
        .wake = &host->wake,
        .logger = host->options.logger,
        .errands = host->options.errands,
    });
    host->clients = aero_host_clients_new(&(struct aero_host_clients_options){
        .base = host->base,
        .server = core->server,
        .listeners = &host->listeners,
        .config = host->options.config,
        .logger = host->options.logger,
    });
    host->alive_interval_ns = aero_host_notify_interval_ns();
    struct aero_host_turns *turns = aero_host_turns_new(&(struct aero_host_turn_options){
        .thread_count = host->options.errands ? AERO_HOST_TURN_THREADS_MAX : 1,
        .logger = host->options.logger,
        .self = host,
        .turn = take_turn,
        .errand = run_errand,
    });
    enum aero_host_turn_next end = AERO_HOST_TURN_END;
    host->end = AERO_HOST_NOT_BEGUN;
    if (turns != NULL) {
        say_serving(host);
        end = aero_host_turns_run(turns);
    }
    if (end == AERO_HOST_TURN_END) {
        aero_host_clients_free(host->clients);
        aero_host_disk_free(host->disk);
    }
    return host->end;
}
