/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of a daemon: turns that drive a core, its clients and its replication link, and never
 * wait for a disk (FM-7.1).
 *
 * A turn, in the order that the cores promise:
 *
 *     sleep until a descriptor, a worker, the link or the tick has something
 *     tick(now) -> completions -> link -> requests of clients -> end_turn
 *     disk requests to where they run -> news to the link -> replies to clients
 *
 * Commits that would leave as a group are worth a look at whoever has written meanwhile: looks,
 * which never wait, are repeated while each brings more, up to a bound. So a group is what has
 * arrived when its sync begins.
 *
 * With `errands` three threads take turns, and the one that made a group syncs it (host/turn.h).
 * Without, one thread has all turns, and a worker a lane of the log.
 *
 * Signals: SIGTERM and SIGINT stop cleanly, and at once the second time; SIGHUP reads the
 * configuration and the certificates again, and a bad new one leaves the old in use and is said
 * so. SIGPIPE and SIGXFSZ are ignored: a closed connection and a file size limit are errors of the
 * call. The service manager hears READY, RELOADING, STOPPING, and that the loop is alive only from
 * the loop itself.
 *
 * Ownership: the core, the link, the disk and the configuration belong to the caller, before and
 * after. */
#ifndef AERO_HOST_LOOP_H
#define AERO_HOST_LOOP_H

#include "base/log.h"
#include "base/options.h"
#include "host/core.h"
#include "host/sockets.h"
#include "host/wake.h"

struct event_base;
struct aero_host;
struct aero_host_config;

struct aero_host_options {
    struct aero_config *config;              /* the running one: a reload changes it */
    struct aero_host_config *host_config;    /* attached to the server by now */
    const struct aero_options *command_line; /* read again at a reload */
    const struct aero_config_table *table;
    struct aero_logger *logger;
    struct aero_clock clock;
    bool errands;
};

/* Ignores signals, listens for clients. Accepts nothing before aero_host_run.
 *   Errors: as aero_host_listen_tcp and aero_host_listen_unix; logged. */
aero_status aero_host_new(const struct aero_host_options *options, struct aero_host **out_host);
void aero_host_free(struct aero_host *host);

/* For the link, before aero_host_run: the event base of the turns, and what wakes who sleeps in it. */
struct event_base *aero_host_base(struct aero_host *host);
struct aero_host_wake *aero_host_wake(struct aero_host *host);

enum aero_host_end {
    AERO_HOST_NOT_BEGUN, /* a thread could not be started, which is logged; the core had no turn */
    AERO_HOST_STOPPED,   /* everything is on disk, every worker is gone */
    /* The disk failed the log, and on_fsync_failure says exit. Everybody who waited was told. */
    AERO_HOST_FAILED,
    /* The core wants to begin again from what is on disk. Clients were closed; the listeners stay,
     * so that they can come back. Make a new core, then aero_host_run again. */
    AERO_HOST_REOPEN,
    /* A second signal, or a disk that did not answer in time: workers may still be inside a call.
     * Free nothing, end the process; a kill is as good (FM-4.1). */
    AERO_HOST_ABRUPT,
};

/* Serves until a signal or the core ends it. */
enum aero_host_end aero_host_run(struct aero_host *host, const struct aero_host_core *core,
                                 const struct aero_host_link *link, struct aero_disk disk);

#endif
