/* SPDX-License-Identifier: Apache-2.0 */
#include "server/watch.h"

#include <stdlib.h>

#include "base/assert.h"

#define SLOTS_FIRST 64

struct aero_watch_key {
    struct aero_watch_key *next_in_slot;
    struct aero_link watches;
    uint64_t hash;
    size_t length;
    uint8_t bytes[];
};

void aero_watch_registry_init(struct aero_watch_registry *registry)
{
    *registry = (struct aero_watch_registry){
        .slots = aero_calloc(SLOTS_FIRST, sizeof(struct aero_watch_key *)),
        .slot_count = SLOTS_FIRST,
    };
}

void aero_watch_registry_deinit(struct aero_watch_registry *registry)
{
    AERO_ASSERT(registry->key_count == 0);
    free(registry->slots);
    *registry = (struct aero_watch_registry){0};
}

static struct aero_watch_key **slot_of(struct aero_watch_registry *registry, uint64_t hash)
{
    return &registry->slots[hash & (registry->slot_count - 1)];
}

static struct aero_slice bytes_of(const struct aero_watch_key *key)
{
    return aero_slice_of(key->bytes, key->length);
}

static struct aero_watch_key *find_key(struct aero_watch_registry *registry,
                                       struct aero_slice engine_key, uint64_t hash)
{
    struct aero_watch_key *key = *slot_of(registry, hash);
    while (key != NULL && !aero_slice_equal(bytes_of(key), engine_key)) {
        key = key->next_in_slot;
    }
    return key;
}

static void grow(struct aero_watch_registry *registry)
{
    struct aero_watch_key **old = registry->slots;
    size_t old_count = registry->slot_count;
    registry->slot_count = 2 * old_count;
    registry->slots = aero_calloc(registry->slot_count, sizeof *registry->slots);
    for (size_t i = 0; i < old_count; i++) {
        while (old[i] != NULL) {
            struct aero_watch_key *key = old[i];
            old[i] = key->next_in_slot;
            struct aero_watch_key **slot = slot_of(registry, key->hash);
            key->next_in_slot = *slot;
            *slot = key;
        }
    }
    free(old);
}

static struct aero_watch_key *add_key(struct aero_watch_registry *registry,
                                      struct aero_slice engine_key, uint64_t hash)
{
    if (registry->key_count == registry->slot_count) {
        grow(registry);
    }
    struct aero_watch_key *key = aero_malloc(sizeof *key + engine_key.length);
    struct aero_watch_key **slot = slot_of(registry, hash);
    *key =
        (struct aero_watch_key){.next_in_slot = *slot, .hash = hash, .length = engine_key.length};
    memcpy(key->bytes, engine_key.data, engine_key.length);
    aero_link_init(&key->watches);
    *slot = key;
    registry->key_count++;
    return key;
}

static void remove_key(struct aero_watch_registry *registry, struct aero_watch_key *key)
{
    struct aero_watch_key **at = slot_of(registry, key->hash);
    while (*at != key) {
        at = &(*at)->next_in_slot;
    }
    *at = key->next_in_slot;
    registry->key_count--;
    free(key);
}

struct aero_watch *aero_watch_add(struct aero_watch_registry *registry,
                                  struct aero_link *session_watches, struct aero_slice engine_key,
                                  bool *dirty)
{
    uint64_t hash = aero_checksum64(engine_key);
    struct aero_watch_key *key = find_key(registry, engine_key, hash);
    if (key == NULL) {
        key = add_key(registry, engine_key, hash);
    }
    for (struct aero_link *link = key->watches.next; link != &key->watches; link = link->next) {
        if (AERO_CONTAINER(link, struct aero_watch, by_key)->dirty == dirty) {
            return NULL;
        }
    }
    struct aero_watch *watch = aero_malloc(sizeof *watch);
    *watch = (struct aero_watch){.key = key, .dirty = dirty};
    aero_link_join_last(session_watches, &watch->by_session);
    aero_link_join_last(&key->watches, &watch->by_key);
    return watch;
}

struct aero_slice aero_watch_engine_key(const struct aero_watch *watch)
{
    return bytes_of(watch->key);
}

void aero_watch_clear(struct aero_watch_registry *registry, struct aero_link *session_watches)
{
    while (!aero_link_alone(session_watches)) {
        struct aero_watch *watch =
            AERO_CONTAINER(session_watches->next, struct aero_watch, by_session);
        aero_link_leave(&watch->by_session);
        aero_link_leave(&watch->by_key);
        if (aero_link_alone(&watch->key->watches)) {
            remove_key(registry, watch->key);
        }
        free(watch);
    }
}

static void touch_key(struct aero_watch_key *key, bool by_expiry)
{
    for (struct aero_link *link = key->watches.next; link != &key->watches; link = link->next) {
        struct aero_watch *watch = AERO_CONTAINER(link, struct aero_watch, by_key);
        if (!(by_expiry && watch->expired)) {
            *watch->dirty = true;
        }
    }
}

void aero_watch_touch(struct aero_watch_registry *registry, struct aero_slice engine_key,
                      bool by_expiry)
{
    if (aero_watch_none(registry)) {
        return;
    }
    struct aero_watch_key *key = find_key(registry, engine_key, aero_checksum64(engine_key));
    if (key != NULL) {
        touch_key(key, by_expiry);
    }
}

void aero_watch_touch_range(struct aero_watch_registry *registry, const struct aero_tree *before,
                            struct aero_slice from, struct aero_slice to)
{
    struct aero_slice value;
    for (size_t i = 0; i < registry->slot_count && !aero_watch_none(registry); i++) {
        for (struct aero_watch_key *key = registry->slots[i]; key != NULL;
             key = key->next_in_slot) {
            struct aero_slice bytes = bytes_of(key);
            if (aero_slice_compare(bytes, from) >= 0 && aero_slice_compare(bytes, to) < 0 &&
                aero_tree_get(before, bytes, &value)) {
                touch_key(key, true);
            }
        }
    }
}
