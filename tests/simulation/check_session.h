/* SPDX-License-Identifier: Apache-2.0 */
/* Read-your-writes by token (decisions 6, 18): who holds the token that the primary gave behind a write, and whom
 * AERO.WAITLSN told OK on a replica, reads that write or a newer one there, now and for as long as that replica lives on
 * that disk. */
#ifndef AERO_TESTS_SIMULATION_CHECK_SESSION_H
#define AERO_TESTS_SIMULATION_CHECK_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct aero_sim_world;

#define AERO_SESSION_TOKENS 32U
#define AERO_SESSION_KEYS 4U
#define AERO_SESSION_TOKEN_BYTES 64U

struct aero_session_token {
    char text[AERO_SESSION_TOKEN_BYTES];
    struct {
        uint32_t key; /* of check_ack.h */
        uint32_t write;
    } floors[AERO_SESSION_KEYS];
    uint32_t floor_count;
};

/* The newest tokens; older ones are overwritten. */
struct aero_check_session {
    struct aero_session_token tokens[AERO_SESSION_TOKENS];
    uint64_t given;
    uint64_t kept; /* promises that a replica gave by OK */
};

/* The primary gave this token to the one writer of these keys: it covers what the writer was told was done so far. */
void aero_check_session_token(struct aero_sim_world *world, struct aero_slice text,
                              const uint32_t *keys, uint32_t key_count);
/* One of those that are known; NULL: none yet. */
const struct aero_session_token *aero_check_session_draw(struct aero_sim_world *world);
/* AERO.WAITLSN said OK on this replica: from now on its reads are held to the token (check_ack.h's floor of that node). */
void aero_check_session_reached(struct aero_sim_world *world, uint32_t node_index,
                                const struct aero_session_token *token);

#endif
