/* SPDX-License-Identifier: Apache-2.0 */
/* A network of named nodes and byte streams between them, in virtual time.
 *
 * A stream delivers a prefix of what was sent, in order, in pieces that have nothing to do with how it was sent: that
 * is all that a protocol may rely on. Everything else is drawn: delay, where pieces end, where a cut falls, who
 * hears of it and when. A cut is seen by one end at once and by the other later, or much later, with bytes still arriving in
 * between: so a second connection may be open while the first still looks alive.
 *
 *     dial --delay--> OPEN at both ends --cut/close--> CLOSED at one end --later--> CLOSED at both, forgotten
 *       `--refused, partitioned or nobody there--> CLOSED at the dialling end
 *
 * Bounds: a direction holds at most `window_bytes`; a reader that takes nothing holds the writer (as a socket does). */
#ifndef AERO_TESTS_SIMULATION_SIM_NET_H
#define AERO_TESTS_SIMULATION_SIM_NET_H

#include <stdbool.h>

#include "base/slice.h"
#include "tests/simulation/choice.h"
#include "tests/simulation/scheduler.h"

/* One end of one connection. The number is never 0 and never used again. */
struct aero_sim_end {
    uint64_t connection;
    uint32_t side; /* 0 dialled, 1 accepted */
};

struct aero_sim_net_events {
    /* Also told to the accepting node, which knows the port that was dialled. */
    void (*on_open)(void *self, struct aero_sim_end end, const char *peer, uint32_t port);
    /* Returns how much was taken; what was not is offered again with more, or after aero_sim_net_poke. */
    size_t (*on_bytes)(void *self, struct aero_sim_end end, struct aero_slice bytes);
    void (*on_room)(void *self,
                    struct aero_sim_end end); /* after a send that was not taken whole */
    void (*on_close)(void *self, struct aero_sim_end end);
};

struct aero_sim_net_options {
    uint64_t delay_min_ns;
    uint64_t delay_max_ns;
    size_t window_bytes;
    size_t piece_bytes; /* at most so many bytes arrive at once */
};

struct aero_sim_net;
struct aero_sim_net *aero_sim_net_new(const struct aero_sim_net_options *options,
                                      struct aero_sim_scheduler *scheduler,
                                      struct aero_choice *choice, struct aero_sim_trace *trace);
void aero_sim_net_free(struct aero_sim_net *net);

/* A node is up until it is dropped; `name` and `events` are the caller's and must outlive the net. */
void aero_sim_net_up(struct aero_sim_net *net, const char *name,
                     const struct aero_sim_net_events *events, void *self);
/* The process is gone: it hears of nothing any more, its peers hear of it sooner or later. */
void aero_sim_net_down(struct aero_sim_net *net, const char *name);

/* on_open or on_close follows, unless the dialling node goes down. */
struct aero_sim_end aero_sim_net_dial(struct aero_sim_net *net, const char *from, const char *to,
                                      uint32_t port);
/* Takes as much as fits; 0 when this end is not open. */
size_t aero_sim_net_send(struct aero_sim_net *net, struct aero_sim_end end,
                         struct aero_slice bytes);
/* This end is closed at once and hears nothing more. What it sent still arrives, then the peer hears of the close. */
void aero_sim_net_close(struct aero_sim_net *net, struct aero_sim_end end);
/* The reader of this end has room again. */
void aero_sim_net_poke(struct aero_sim_net *net, struct aero_sim_end end);

/* ---- Faults ------------------------------------------------------------------------------------------------- */

/* Cuts one open connection of those between these nodes, anywhere in its bytes; false when there is none. */
bool aero_sim_net_cut(struct aero_sim_net *net, const char *a, const char *b);
/* Nothing arrives from `from` at `to` for so long; what was sent arrives afterwards. */
void aero_sim_net_clog(struct aero_sim_net *net, const char *from, const char *to,
                       uint64_t duration_ns);
/* Until healed, nothing from `from` arrives at `to`; nobody is told. Connections survive it. */
void aero_sim_net_partition(struct aero_sim_net *net, const char *from, const char *to);
void aero_sim_net_heal(struct aero_sim_net *net);

#endif
