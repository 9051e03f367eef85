/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the primary's core share: primary.c turns, primary_fleet.c hears replicas, primary_gate.c closes
 * writes and opens them again, primary_node.c answers sessions, primary_status.c tells. */
#ifndef AERO_PRIMARY_PRIMARY_PRIV_H
#define AERO_PRIMARY_PRIMARY_PRIV_H

#include "primary/fleet.h"
#include "primary/pipeline.h"
#include "primary/primary.h"
#include "server/node.h"

#define AERO_ENTROPY_STOCK 4

/* One checkpoint from wish to snapshot: a view of the evaluated state is taken at once and waits
 * until the LSN that it shows is durable (V-1: no snapshot of what a crash could take back). */
struct aero_checkpoint_wish {
    enum {
        AERO_WISH_NONE,
        AERO_WISH_ASKED,   /* take a view at the end of this turn */
        AERO_WISH_VIEWED,  /* the view waits for its LSN to be durable */
        AERO_WISH_RUNNING, /* the checkpointer has it */
    } state;
    uint64_t ticket; /* of the newest command that waits for it */
    struct aero_view *view;
    aero_lsn lsn;
    aero_wall_ms expiry_clock;
};

/* Bytes of our own that did not verify when a replica was to have them. */
struct aero_damage_met {
    char file[AERO_DISK_NAME_MAX]; /* "": none */
    uint64_t offset;
};

struct aero_primary {
    struct aero_logger *logger;
    aero_mono_ns now;
    aero_wall_ms wall;

    struct aero_pipeline *pipeline;
    struct aero_wal_writer *wal;
    struct aero_checkpointer *checkpointer;
    struct aero_server *server;
    struct aero_fleet fleet;
    struct aero_disk_handles handles[AERO_OWNER_COUNT];

    aero_id incarnation;
    aero_id entropy[AERO_ENTROPY_STOCK];
    size_t entropy_count;

    /* Why writes are refused, and what to do; empty when they are taken. Gates from the manifest,
     * failures from the WAL. */
    char closed_reason[320];
    char closed_advice[320];
    char closed_error[768]; /* both, as clients are told */
    char admin_error[224];  /* the last one that names a number */
    enum aero_write_gate gate;
    bool wal_failed;    /* by the disk, for good */
    bool wal_is_closed; /* for good, whatever closed it: no checkpoint either (decision 22) */
    bool stopping;
    bool tree_has_garbage;
    aero_mono_ns retry_at;
    aero_mono_ns busy_at;  /* when the WAL was last busy */
    aero_mono_ns noted_at; /* when acknowledgements were last written */

    bool read_fast_path;
    bool checkpoint_pipelining;
    struct aero_checkpoint_wish wish;
    uint64_t tickets_given;
    uint64_t ticket_done; /* checkpoints up to this ticket have ended */
    bool ticket_failed;   /* the last one that ended */
    char ticket_error[160];

    /* Expiry is suspended when the clock jumped further than this bound over the restart (decision
     * 21). */
    uint64_t expiry_jump_max_ms;
    bool clock_checked;
    bool expiry_suspended;

    struct aero_shipping_view *view; /* what senders may ship; built anew when stale */
    bool view_is_stale;
    bool must_not_seed; /* the last audit failed (decision 20) */
    bool certificates_refused;
    struct aero_damage_met damage_met; /* the last */
    aero_lsn audited;                  /* the state that it looked at; 0: none so far */
    struct aero_role_peer role_peers[AERO_FLEET_MAX];
    uint64_t failures;
};

/* primary_node.c */
struct aero_node aero_primary_node(struct aero_primary *primary);
/* By the replica's end of the link: which port it serves clients at, its primary does not know. */
void aero_primary_describe_peer(const struct aero_fleet_member *member,
                                struct aero_role_peer *out_peer);
/* primary_status.c */
void aero_primary_info(struct aero_primary *primary, const char *section, struct aero_buffer *out);
bool aero_primary_admin(struct aero_primary *primary, const char *name,
                        const struct aero_slice *arguments, size_t argument_count,
                        struct aero_buffer *out_reply, const char **out_error);
/* primary.c */
/* Without checkpoint_pipelining a checkpoint is an act of its own: from the wish to the end of truncation no commit is
 * begun, and whoever wants one waits for room. */
bool aero_primary_checkpoint_is_alone(const struct aero_primary *primary);
/* False: a snapshot would have no place in the log to name before there is a first segment, and there is no room for one. */
bool aero_primary_can_place(const struct aero_primary *primary);
/* Moves what the WAL says to those who wait for it. */
void aero_primary_follow_wal(struct aero_primary *primary);
/* primary_gate.c */
/* Refuses writes from now on and says why; replies in flight get UNKNOWN. */
void aero_primary_raise_gate(struct aero_primary *primary, enum aero_write_gate gate,
                             const char *reason, uint32_t lost_count);
void aero_primary_lower_gate(struct aero_primary *primary);
/* Why clients are refused from now on, and what to do; "" and "": they are not. */
void aero_primary_close_for(struct aero_primary *primary, const char *reason, const char *advice);
/* The gate that the manifest has; what a start begins with. */
void aero_primary_show_gate(struct aero_primary *primary);
/* Gives up what is lost: no replica is expected to have more than this log any more. */
void aero_primary_discard_lost(struct aero_primary *primary);

#endif
