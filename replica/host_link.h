/* SPDX-License-Identifier: Apache-2.0 */
/* The replica's side of replication in production: dials when the core wants it, feeds it what
 * comes, sends what it has.
 *
 * All of it runs on the loop's thread: what arrives is verified and handed to the WAL's workers
 * without a copy. A gulp for which the core has no room waits here, and nothing more is read until
 * it has (DET-3).
 *
 * Threads: the loop's. Ownership: borrows the core and the configuration. */
#ifndef AERO_REPLICA_HOST_LINK_H
#define AERO_REPLICA_HOST_LINK_H

#include "base/config.h"
#include "base/log.h"
#include "engine/disk.h"
#include "host/core.h"
#include "host/wake.h"
#include "replica/replica.h"

struct event_base;
struct aero_replica_link;

struct aero_replica_link_options {
    const struct aero_config *config;
    struct aero_logger *logger;
    struct aero_disk disk; /* for evidence that a primary asks for (decision 7) */
    struct aero_replica *replica;
    struct event_base *base;
    struct aero_host_wake *wake; /* the loop's */
    struct aero_clock clock;
};

/* Loads the certificates. Errors: of certificates; logged with what to do. */
aero_status aero_replica_link_new(const struct aero_replica_link_options *options,
                                  struct aero_replica_link **out_link);
/* Drops the connection. The core must still be there. Accepts NULL. */
void aero_replica_link_free(struct aero_replica_link *link);

struct aero_host_link aero_replica_link_port(struct aero_replica_link *link);

#endif
