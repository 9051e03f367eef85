/* SPDX-License-Identifier: Apache-2.0 */
#include "server/scan_tokens.h"

#include <stdlib.h>

struct scan_place {
    uint64_t cursor; /* 0: none */
    struct aero_buffer position;
};

struct aero_scan_slot {
    struct aero_link by_age;
    struct scan_place newest;
    struct scan_place before;
};

void aero_scan_tokens_init(struct aero_scan_tokens *tokens, struct aero_prng *prng)
{
    *tokens = (struct aero_scan_tokens){.prng = prng};
    aero_link_init(&tokens->by_age);
}

void aero_scan_tokens_deinit(struct aero_scan_tokens *tokens)
{
    for (size_t i = 0; tokens->slots != NULL && i < AERO_SCAN_SLOTS; i++) {
        aero_buffer_deinit(&tokens->slots[i].newest.position);
        aero_buffer_deinit(&tokens->slots[i].before.position);
    }
    free(tokens->slots);
    tokens->slots = NULL;
}

static void make_slots(struct aero_scan_tokens *tokens)
{
    tokens->slots = aero_calloc(AERO_SCAN_SLOTS, sizeof *tokens->slots);
    for (size_t i = 0; i < AERO_SCAN_SLOTS; i++) {
        aero_link_join_last(&tokens->by_age, &tokens->slots[i].by_age);
    }
}

/* The slot that knows the cursor, and which of its two places it is. */
static struct aero_scan_slot *find_slot(struct aero_scan_tokens *tokens, uint64_t cursor,
                                        struct scan_place **out_place)
{
    if (tokens->slots == NULL || cursor == 0) {
        return NULL;
    }
    struct aero_scan_slot *slot = &tokens->slots[cursor & (AERO_SCAN_SLOTS - 1)];
    if (slot->newest.cursor == cursor) {
        *out_place = &slot->newest;
        return slot;
    }
    if (slot->before.cursor == cursor) {
        *out_place = &slot->before;
        return slot;
    }
    return NULL;
}

void aero_scan_position(struct aero_scan_tokens *tokens, uint64_t cursor,
                        struct aero_buffer *out_position)
{
    struct scan_place *place;
    if (find_slot(tokens, cursor, &place) != NULL) {
        aero_buffer_append_slice(out_position, aero_buffer_slice(&place->position));
    }
}

uint64_t aero_scan_advance(struct aero_scan_tokens *tokens, uint64_t cursor,
                           struct aero_slice position)
{
    if (tokens->slots == NULL) {
        make_slots(tokens);
    }
    struct scan_place *place;
    struct aero_scan_slot *slot = find_slot(tokens, cursor, &place);
    if (slot == NULL) {
        slot = AERO_CONTAINER(tokens->by_age.next, struct aero_scan_slot, by_age);
        slot->before.cursor = 0;
        slot->newest.cursor = 0;
    } else if (place == &slot->newest) {
        struct scan_place reused = slot->before;
        slot->before = slot->newest;
        slot->newest = reused;
    }
    uint64_t check = 1 + aero_prng_below(tokens->prng, ((uint64_t)1 << AERO_SCAN_CHECK_BITS) - 1);
    slot->newest.cursor = check << AERO_SCAN_SLOT_BITS | (uint64_t)(slot - tokens->slots);
    aero_buffer_clear(&slot->newest.position);
    aero_buffer_append_slice(&slot->newest.position, position);
    aero_link_leave(&slot->by_age);
    aero_link_join_last(&tokens->by_age, &slot->by_age);
    return slot->newest.cursor;
}

void aero_scan_finish(struct aero_scan_tokens *tokens, uint64_t cursor)
{
    struct scan_place *place;
    struct aero_scan_slot *slot = find_slot(tokens, cursor, &place);
    if (slot != NULL) {
        slot->newest.cursor = 0;
        slot->before.cursor = 0;
        aero_buffer_deinit(&slot->newest.position);
        aero_buffer_deinit(&slot->before.position);
        aero_link_leave(&slot->by_age);
        aero_link_join_behind(&tokens->by_age, &slot->by_age);
    }
}
