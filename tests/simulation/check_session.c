/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/check_session.h"

#include <string.h>

#include "base/assert.h"
#include "tests/simulation/world.h"

void aero_check_session_token(struct aero_sim_world *world, struct aero_slice text,
                              const uint32_t *keys, uint32_t key_count)
{
    struct aero_check_session *check = &world->session;
    AERO_ASSERT(key_count <= AERO_SESSION_KEYS);
    if (text.length == 0 || text.length >= AERO_SESSION_TOKEN_BYTES) {
        AERO_SIM_VIOLATION(world, "session", "a token of %zu bytes", text.length);
        return;
    }
    struct aero_session_token *token = &check->tokens[check->given++ % AERO_SESSION_TOKENS];
    memset(token, 0, sizeof *token);
    memcpy(token->text, text.data, text.length);
    for (uint32_t i = 0; i < key_count; i++) {
        const struct aero_ack_key *key = &world->ack.keys[keys[i]];
        uint32_t write = key->write_count - 1;
        while (key->writes[write].state != AERO_ACK_DONE) {
            write--; /* ends at 0, which is done */
        }
        token->floors[token->floor_count].key = keys[i];
        token->floors[token->floor_count++].write = write;
    }
}

const struct aero_session_token *aero_check_session_draw(struct aero_sim_world *world)
{
    uint64_t known = world->session.given;
    if (known == 0) {
        return NULL;
    }
    known = known < AERO_SESSION_TOKENS ? known : AERO_SESSION_TOKENS;
    return &world->session.tokens[aero_choice_below(&world->choice, known)];
}

void aero_check_session_reached(struct aero_sim_world *world, uint32_t node_index,
                                const struct aero_session_token *token)
{
    world->session.kept++;
    for (uint32_t i = 0; i < token->floor_count; i++) {
        aero_check_monotonic_raise(world, node_index, token->floors[i].key, token->floors[i].write);
    }
}
