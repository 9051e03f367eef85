/* SPDX-License-Identifier: Apache-2.0 */
/* Enumeration walks the tree of outcomes depth first: a path is the list of answers given; the next path raises the
 * last answer that can be raised and forgets what followed it. */
#include "tests/simulation/choice.h"

#include <string.h>

#include "base/assert.h"

void aero_choice_init_seed(struct aero_choice *choice, uint64_t seed)
{
    memset(choice, 0, sizeof *choice);
    aero_prng_init(&choice->prng, seed);
}

void aero_choice_init_paths(struct aero_choice *choice)
{
    memset(choice, 0, sizeof *choice);
    choice->enumerating = true;
}

bool aero_choice_next_path(struct aero_choice *choice)
{
    AERO_ASSERT(choice->enumerating);
    AERO_ASSERT(choice->depth == choice->path_length);
    while (choice->path_length > 0) {
        uint32_t last = choice->path_length - 1;
        if (choice->taken[last] + 1 < choice->bound[last]) {
            choice->taken[last]++;
            choice->depth = 0;
            return true;
        }
        choice->path_length--;
    }
    choice->depth = 0;
    return false;
}

static uint64_t follow_path(struct aero_choice *choice, uint64_t bound)
{
    uint32_t at = choice->depth++;
    if (at == choice->path_length) {
        AERO_ASSERT(at < AERO_CHOICE_PATH_MAX);
        choice->taken[at] = 0;
        choice->bound[at] = bound;
        choice->path_length++;
    }
    AERO_ASSERT(choice->bound[at] == bound);
    return choice->taken[at];
}

uint64_t aero_choice_below(struct aero_choice *choice, uint64_t bound)
{
    AERO_ASSERT(bound >= 1);
    if (bound == 1) {
        return 0;
    }
    return choice->enumerating ? follow_path(choice, bound) : aero_prng_below(&choice->prng, bound);
}

uint64_t aero_choice_between(struct aero_choice *choice, uint64_t low, uint64_t high)
{
    AERO_ASSERT(low <= high);
    return low + aero_choice_below(choice, high - low + 1);
}

bool aero_choice_chance(struct aero_choice *choice, uint32_t millionths)
{
    if (millionths == 0) {
        return false;
    }
    return choice->enumerating ? follow_path(choice, 2) == 1
                               : aero_prng_below(&choice->prng, 1000000) < millionths;
}
