/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that fate or an operator does to the world while clients work: one table, a row an act.
 *
 * To add one (a fault, or a new verb of operators such as a promotion or a restore): a row in the list below with its name
 * and how often it may happen at most, and its function in a file act_NAME.c. Swarms, traces, counting and shrinking know
 * it from then on. */
#ifndef AERO_TESTS_SIMULATION_ACT_H
#define AERO_TESTS_SIMULATION_ACT_H

#include <stdint.h>

struct aero_sim_world;
struct aero_sim_node;

/* X(name, most of 1000 looks, of how many seeds one knows it). Those that are asked for elsewhere say where. */
#define AERO_SIM_ACTS(X)                                      \
    X(kill, 30, 2)                                            \
    X(power, 30, 2)                                           \
    X(restart, 10, 2)                                         \
    X(crash_in_work, 40, 2)                                   \
    X(crash_in_recovery, 500, 2) /* node.c, of 1000 starts */ \
    X(write_fault, 15, 2)                                     \
    X(sync_fault, 10, 2)                                      \
    X(name_fault, 10, 2)                                      \
    X(read_fault, 10, 2)                                      \
    X(full_disk, 10, 2)                                       \
    X(sick_disk, 6, 4)                                        \
    X(damage, 6, 4)                                           \
    X(lie, 6, 8)                                              \
    X(cut, 80, 2)                                             \
    X(clog, 50, 2)                                            \
    X(partition, 20, 2)                                       \
    X(certificate, 10, 4)                                     \
    X(stranger, 20, 4)                                        \
    X(impostor, 100, 8) /* node_replica.c, of 1000 dials */   \
    X(clock_jump, 20, 2)                                      \
    X(checkpoint, 20, 2)                                      \
    X(reconnect, 20, 2)                                       \
    X(reconfigure, 20, 2)                                     \
    X(reseed, 5, 4)                                           \
    X(old_replica, 10, 6)                                     \
    X(old_primary, 10, 16)                                    \
    X(empty_primary, 6, 8)

enum aero_sim_act_kind {
#define AERO_SIM_ACT_KIND(name, most, one_of) AERO_SIM_ACT_##name,
    AERO_SIM_ACTS(AERO_SIM_ACT_KIND)
#undef AERO_SIM_ACT_KIND
        AERO_SIM_ACT_COUNT
};

struct aero_sim_act {
    const char *name;
    uint32_t most;
    uint32_t one_of;
    void (*run)(struct aero_sim_world *world); /* NULL: asked for elsewhere */
};

const struct aero_sim_act *aero_sim_act(enum aero_sim_act_kind kind);

#define AERO_SIM_ACT_RUN(name, most, one_of) void aero_sim_act_##name(struct aero_sim_world *world);
AERO_SIM_ACTS(AERO_SIM_ACT_RUN)
#undef AERO_SIM_ACT_RUN

/* For acts: somebody to do it to. */
struct aero_sim_node *aero_sim_draw_node(struct aero_sim_world *world);
struct aero_sim_node *aero_sim_draw_replica(struct aero_sim_world *world);
/* An operator's command, typed at the node; nothing when the node is down. The reply is of no interest to acts. */
void aero_sim_command(struct aero_sim_node *node, const char *word);

#endif
