/* SPDX-License-Identifier: Apache-2.0 */
/* WATCH, exactly (decision 9): which sessions watch which keys, and which of them a commit has touched.
 *
 * A registry maps an engine key to those who watch it. Every change that any session's command, or expiry, makes
 * goes through aero_watch_touch, so a watcher is dirty from the evaluation of the commit on, long before
 * it is durable. A commit that is taken back leaves its watchers dirty: an EXEC that aborts without need is allowed,
 * one that goes through wrongly is not. On a replica changes come from the log and not from here; there a watch also
 * remembers what the key held, and EXEC compares. */
#ifndef AERO_SERVER_WATCH_H
#define AERO_SERVER_WATCH_H

#include <stdbool.h>

#include "base/checksum.h"
#include "base/slice.h"
#include "engine/tree.h"
#include "server/list.h"

struct aero_watch_key; /* one watched engine key */

/* One session watching one key. */
struct aero_watch {
    struct aero_link by_session;
    struct aero_link by_key;
    struct aero_watch_key *key;
    bool *dirty;             /* the session's flag */
    bool expired;            /* its deadline had passed already: its deletion changes nothing */
    struct aero_u128 digest; /* of the entry when it was watched; zero: absent */
};

struct aero_watch_registry {
    struct aero_watch_key **slots;
    size_t slot_count; /* a power of two */
    size_t key_count;
};

void aero_watch_registry_init(struct aero_watch_registry *registry);
void aero_watch_registry_deinit(struct aero_watch_registry *registry); /* nothing is watched */

/* Adds to `session_watches` unless the session watches the key already; returns the new watch or NULL. */
struct aero_watch *aero_watch_add(struct aero_watch_registry *registry,
                                  struct aero_link *session_watches, struct aero_slice engine_key,
                                  bool *dirty);
struct aero_slice aero_watch_engine_key(const struct aero_watch *watch);
void aero_watch_clear(struct aero_watch_registry *registry, struct aero_link *session_watches);

/* A change of one key. `by_expiry`: its deadline had passed and it was deleted for that. */
void aero_watch_touch(struct aero_watch_registry *registry, struct aero_slice engine_key,
                      bool by_expiry);
/* Every key of `before` in [from, to) is deleted: who watches one that is not there, or whose deadline had passed, sees no
 * change. */
void aero_watch_touch_range(struct aero_watch_registry *registry, const struct aero_tree *before,
                            struct aero_slice from, struct aero_slice to);

static inline bool aero_watch_none(const struct aero_watch_registry *registry)
{
    return registry->key_count == 0;
}

#endif
