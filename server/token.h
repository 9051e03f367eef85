/* SPDX-License-Identifier: Apache-2.0 */
/* A client's token names a write by incarnation and LSN (decision 6): LSN alone could be satisfied
 * by another write. */
#ifndef AERO_SERVER_TOKEN_H
#define AERO_SERVER_TOKEN_H

#include "engine/history.h"
#include "server/node.h"

/* Where a token stands against a node that shows `visible` of `history`. An incarnation that is
 * unknown, or that ended below the token's LSN, is LOST: never success, however far the node is.
 * Whoever has no history yet, a replica that is new, cannot tell: AHEAD. */
enum aero_token_state aero_token_judge(const struct aero_history *history, aero_id incarnation,
                                       aero_lsn lsn, aero_lsn visible);

#endif
