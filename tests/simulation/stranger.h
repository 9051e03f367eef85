/* SPDX-License-Identifier: Apache-2.0 */
/* Somebody in the network who passed for a node: with a stolen certificate, a cloned machine, or a bug. Dials the primary
 * as a replica, under a name of its own or of a replica that exists, and answers where a replica dials its primary.
 *
 * It sends rubbish, or bytes that it once heard on a real link, or a Hello with a position that is not true and
 * acknowledgements of what it never got. It does not invent history: of an allowed name a higher epoch with a list that argues
 * it is believed (decision 15), and that is what the allow list is for. */
#ifndef AERO_TESTS_SIMULATION_STRANGER_H
#define AERO_TESTS_SIMULATION_STRANGER_H

#include "tests/simulation/sim_net.h"

struct aero_sim_world;
struct aero_sim_stranger;

#define AERO_SIM_STRANGER "stranger"

struct aero_sim_stranger *aero_sim_stranger_new(struct aero_sim_world *world);
void aero_sim_stranger_free(struct aero_sim_stranger *stranger);
/* Whom the primary takes it for; NULL: the link is not one of a stranger. `allowed`: by the allow list. */
const char *aero_sim_stranger_name(const struct aero_sim_world *world, const char *peer,
                                   bool *out_allowed);
/* A link opened, or bytes passed over it, to the primary or to a replica: some are remembered. */
void aero_sim_stranger_overhears_open(struct aero_sim_world *world, uint64_t connection);
void aero_sim_stranger_overhears(struct aero_sim_world *world, uint64_t connection, bool to_primary,
                                 struct aero_slice bytes);

#endif
