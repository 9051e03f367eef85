/* SPDX-License-Identifier: Apache-2.0 */
/* One machine: a disk, clocks, a place in the network, and the process that lives on it now, if any. It runs a core the way the
 * host does: turns of tick, input, end_turn, requests, link, replies. What a core wants is done in virtual time by
 * the worker and the network; what it is told comes from there.
 *
 *     DOWN --born: recovery, core, network up--> ALIVE --crash, kill, clean stop--> DOWN --later--> born again
 *                  `--crash or refusal in recovery--> DOWN */
#ifndef AERO_TESTS_SIMULATION_NODE_H
#define AERO_TESTS_SIMULATION_NODE_H

#include "base/log.h"
#include "engine/recovery.h"
#include "primary/shipment.h"
#include "server/server.h"
#include "tests/simulation/sim_clock.h"
#include "tests/simulation/sim_disk.h"
#include "tests/simulation/sim_worker.h"
#include "tests/simulation/world.h"

#define AERO_SIM_PORT_CLIENTS 6379U
#define AERO_SIM_PORT_REPLICATION 7379U
#define AERO_SIM_SESSIONS_MAX 32
#define AERO_SIM_LINKS_MAX 16

struct aero_primary;
struct aero_replica;
struct aero_sender;

struct aero_sim_session {
    struct aero_sim_end end; /* connection 0: free */
    struct aero_session *session;
    struct aero_sim_node *node;
    bool refused_input; /* bytes wait in the network */
};

/* A primary's end of a replication link. */
struct aero_sim_link {
    struct aero_sim_end end; /* connection 0: free */
    struct aero_sender *sender;
    char peer[16];
    bool said_closed;
    uint32_t disk_number; /* of the replica, when the link was opened */
    bool is_stranger;     /* its word about positions is not a replica's */
};

/* What was done to this node behind its back: such a node may refuse, if it says so. */
#define AERO_SIM_HARM_DAMAGE 1U
#define AERO_SIM_HARM_LIE 2U
#define AERO_SIM_HARM_OLD_DISK 4U
#define AERO_SIM_HARM_IMPOSTOR 8U

enum aero_sim_certificate {
    AERO_SIM_CERTIFICATE_GOOD,
    AERO_SIM_CERTIFICATE_REFUSED,    /* the transport closes */
    AERO_SIM_CERTIFICATE_NOT_LISTED, /* the allow list lacks its name */
};

struct aero_sim_node {
    struct aero_sim_world *world;
    char name[16];
    uint32_t index;
    bool is_primary;
    struct aero_sim_disk *disk;
    struct aero_sim_worker *worker;
    struct aero_sim_clock clock;
    struct aero_logger logger;

    struct aero_sim_settings running; /* with which the process was started */
    uint64_t life;                    /* of the process; events of an older one are nobody's */
    bool alive;
    bool stopping; /* a clean stop is on its way */
    bool turn_is_due;
    struct aero_primary *primary;
    struct aero_replica *replica;
    struct aero_sim_session sessions[AERO_SIM_SESSIONS_MAX];

    struct aero_sim_link links[AERO_SIM_LINKS_MAX]; /* primary */
    struct aero_shipment shipment;
    struct aero_shipping_view *told_view; /* the senders, as of what left last */
    struct aero_wal_place told;
    struct aero_sim_end link; /* replica: the end it dialled; connection 0: none */
    bool link_open;
    bool link_refused_bytes;
    uint64_t seen_applied; /* replica, for the checkers */
    uint64_t seen_names;   /* the disk's name changes, for the checkers */

    uint32_t harm;
    uint32_t disk_number;         /* raised with each disk that it gets */
    struct aero_sim_disk *backup; /* the disk as it was at some time; NULL: no copy was taken */
    struct aero_sim_disk *absent; /* its own one, while an empty one is in its place */
    bool was_born;                /* has started: its directory is not to be made again */
    bool holds_lost;   /* replica: has records that the primary lost (check_authority.h) */
    uint32_t resolved; /* resolve.h: what the operator has tried */
    enum aero_sim_certificate certificate;
    uint64_t certificate_until_ns;
};

/* A node with an empty disk, on which the first start creates its directory. */
struct aero_sim_node *aero_sim_node_new(struct aero_sim_world *world, uint32_t index);
/* Kills the process for good. All nodes end before the first is freed: their names are the network's. */
void aero_sim_node_end(struct aero_sim_node *node);
void aero_sim_node_free(struct aero_sim_node *node);

/* Tries to start the process now; on failure it tries again later. */
void aero_sim_node_start(struct aero_sim_node *node);
/* The process or the machine dies. It is started again after `down_ns`. */
void aero_sim_node_crash(struct aero_sim_node *node, enum aero_sim_crash how, uint64_t down_ns);
/* The machine gets another disk while its process is down: `by`, whose ownership moves here, or an empty one (NULL). What
 * was un-synced on `by` meets its fate. A process that lives dies first and is started again after `down_ns`. */
void aero_sim_node_replace_disk(struct aero_sim_node *node, struct aero_sim_disk *by,
                                uint64_t down_ns);
/* The machine comes up with an empty disk in place of its own, until it is brought back. */
void aero_sim_node_take_disk(struct aero_sim_node *node, uint64_t down_ns);
void aero_sim_node_return_disk(struct aero_sim_node *node, uint64_t down_ns);
/* Asks for a clean stop; the process ends when it has finished and is started again. */
void aero_sim_node_stop(struct aero_sim_node *node);
/* Runs a turn soon. */
void aero_sim_node_wake(struct aero_sim_node *node);
const struct aero_sim_settings *aero_sim_node_settings(const struct aero_sim_node *node);
struct aero_server *aero_sim_node_server(struct aero_sim_node *node);

/* node_primary.c, node_replica.c: what a turn does with links. */
aero_status aero_sim_primary_begin(struct aero_sim_node *node, struct aero_recovered *recovered,
                                   const struct aero_recovery_report *report);
void aero_sim_primary_end(struct aero_sim_node *node);
void aero_sim_primary_link_open(struct aero_sim_node *node, struct aero_sim_end end,
                                const char *peer);
size_t aero_sim_primary_link_bytes(struct aero_sim_node *node, struct aero_sim_end end,
                                   struct aero_slice bytes);
void aero_sim_primary_link_room(struct aero_sim_node *node, struct aero_sim_end end);
void aero_sim_primary_link_close(struct aero_sim_node *node, struct aero_sim_end end);
void aero_sim_primary_publish(struct aero_sim_node *node);

aero_status aero_sim_replica_begin(struct aero_sim_node *node, struct aero_recovered *recovered);
void aero_sim_replica_end(struct aero_sim_node *node);
void aero_sim_replica_link_open(struct aero_sim_node *node, struct aero_sim_end end,
                                const char *peer);
size_t aero_sim_replica_link_bytes(struct aero_sim_node *node, struct aero_sim_end end,
                                   struct aero_slice bytes);
void aero_sim_replica_link_close(struct aero_sim_node *node, struct aero_sim_end end);
/* False: the core wants to be opened anew. */
bool aero_sim_replica_drive(struct aero_sim_node *node);
/* Installs what it wanted to be opened anew for. */
aero_status aero_sim_replica_install(struct aero_sim_node *node);

#endif
