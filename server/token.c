/* SPDX-License-Identifier: Apache-2.0 */
#include "server/token.h"

enum aero_token_state aero_token_judge(const struct aero_history *history, aero_id incarnation,
                                       aero_lsn lsn, aero_lsn visible)
{
    if (history->incarnation_count == 0) {
        return AERO_TOKEN_AHEAD;
    }
    const struct aero_incarnation *entry = aero_history_find(history, incarnation);
    if (entry == NULL) {
        return AERO_TOKEN_LOST;
    }
    size_t index = (size_t)(entry - history->incarnations);
    bool ended = index + 1 < history->incarnation_count;
    if (ended && lsn.value > history->incarnations[index + 1].start.lsn.value) {
        return AERO_TOKEN_LOST;
    }
    return lsn.value <= visible.value ? AERO_TOKEN_REACHED : AERO_TOKEN_AHEAD;
}
