/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/check_ack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/prng.h"
#include "tests/simulation/check_withdrawn.h"
#include "tests/simulation/world.h"

#define NO_WRITE UINT32_MAX

void aero_check_ack_deinit(struct aero_check_ack *check)
{
    for (uint32_t i = 0; i < check->count; i++) {
        free(check->keys[i].writes);
        free(check->keys[i].replies);
    }
    free(check->keys);
    memset(check, 0, sizeof *check);
}

uint32_t aero_check_ack_key(struct aero_sim_world *world, const char *name, enum aero_ack_kind kind)
{
    struct aero_check_ack *check = &world->ack;
    for (uint32_t i = check->count; i-- > 0;) {
        if (strcmp(check->keys[i].name, name) == 0) {
            return i;
        }
    }
    if (check->count == check->capacity) {
        check->capacity = check->capacity == 0 ? 32 : 2 * check->capacity;
        check->keys = aero_realloc(check->keys, check->capacity * sizeof check->keys[0]);
    }
    struct aero_ack_key *key = &check->keys[check->count];
    memset(key, 0, sizeof *key);
    AERO_ASSERT(strlen(name) < sizeof key->name);
    memcpy(key->name, name, strlen(name) + 1);
    key->kind = kind;
    key->write_capacity = 16;
    key->writes = aero_calloc(key->write_capacity, sizeof key->writes[0]);
    key->writes[0] = (struct aero_ack_write){.state = AERO_ACK_DONE, .is_delete = true};
    key->write_count = 1;
    return check->count++;
}

uint32_t aero_check_ack_sent(struct aero_sim_world *world, uint32_t index, bool is_delete)
{
    struct aero_ack_key *key = &world->ack.keys[index];
    if (key->write_count == key->write_capacity) {
        key->write_capacity *= 2;
        key->writes = aero_realloc(key->writes, key->write_capacity * sizeof key->writes[0]);
    }
    key->writes[key->write_count] =
        (struct aero_ack_write){.state = AERO_ACK_SENT, .is_delete = is_delete};
    return key->write_count++;
}

struct aero_slice aero_check_ack_value(uint32_t key, uint32_t write,
                                       uint8_t out_bytes[AERO_ACK_VALUE_MAX])
{
    static const uint64_t lengths[] = {24, 64, 200, 600, 1500, AERO_ACK_VALUE_MAX - 1};
    struct aero_prng prng;
    aero_prng_init(&prng, (uint64_t)key << 32 | write);
    size_t length = (size_t)aero_prng_below(&prng, lengths[aero_prng_below(&prng, 6)]);
    int head = snprintf((char *)out_bytes, AERO_ACK_VALUE_MAX, "%u:", write);
    size_t used = (size_t)head;
    while (used < length) {
        out_bytes[used] = (uint8_t)('a' + (used * 7 + write) % 26);
        used++;
    }
    return aero_slice_of(out_bytes, used);
}

/* ---- What was answered --------------------------------------------------------------------------------------- */

static void check_counter_reply(struct aero_sim_world *world, struct aero_ack_key *key,
                                uint32_t reply)
{
    for (uint32_t i = 0; i < key->reply_count && !world->forked; i++) {
        if (key->replies[i] == reply) {
            AERO_SIM_VIOLATION(world, "ack", "two INCRs of %s were told %u", key->name, reply);
        }
    }
    key->replies =
        aero_realloc(key->replies, ((size_t)key->reply_count + 1) * sizeof key->replies[0]);
    key->replies[key->reply_count++] = reply;
}

static void raise_floor(struct aero_ack_key *key, uint32_t floor)
{
    if (floor > key->floor) {
        key->floor = floor;
    }
}

void aero_check_ack_done(struct aero_sim_world *world, uint32_t index, uint32_t write,
                         uint64_t reply)
{
    struct aero_ack_key *key = &world->ack.keys[index];
    key->writes[write].state = AERO_ACK_DONE;
    world->counts.acknowledged_writes++;
    if (key->kind == AERO_ACK_COUNTER) {
        check_counter_reply(world, key, (uint32_t)reply);
        raise_floor(key, (uint32_t)reply);
    } else if (key->kind == AERO_ACK_LOCK) {
        if (key->floor != 0 && key->floor != write && !world->forked) {
            AERO_SIM_VIOLATION(world, "ack", "%s was won by write %u and by write %u", key->name,
                               key->floor, write);
        }
        key->floor = write;
        key->lock_held = true;
    } else {
        raise_floor(key, write);
    }
}

void aero_check_ack_notwritten(struct aero_sim_world *world, uint32_t index, uint32_t write)
{
    world->ack.keys[index].writes[write].state = AERO_ACK_NOTWRITTEN;
    world->counts.failed_writes++;
}

void aero_check_ack_lock_held(struct aero_sim_world *world, uint32_t index)
{
    world->ack.keys[index].lock_held = true;
}

uint32_t aero_check_ack_floor(const struct aero_sim_world *world, uint32_t index,
                              uint32_t node_index)
{
    if (node_index == 0) {
        return world->forked ? 0 : world->ack.keys[index].floor;
    }
    return aero_check_monotonic_floor(world, node_index, index);
}

/* ---- What was read ------------------------------------------------------------------------------------------- */

/* The write whose value this is; NO_WRITE when it is nobody's. */
static uint32_t write_of(const struct aero_ack_key *key, uint32_t index, struct aero_slice value)
{
    char number[16] = "";
    size_t length = value.length < sizeof number - 1 ? value.length : sizeof number - 1;
    memcpy(number, value.data, length);
    unsigned long write = strtoul(number, NULL, 10);
    uint8_t bytes[AERO_ACK_VALUE_MAX];
    if (write == 0 || write >= key->write_count || key->writes[write].is_delete) {
        return NO_WRITE;
    }
    bool same = aero_slice_equal(aero_check_ack_value(index, (uint32_t)write, bytes), value);
    return same ? (uint32_t)write : NO_WRITE;
}

/* The oldest delete that explains a missing value and is not older than `floor`; NO_WRITE: none does. */
static uint32_t delete_after(const struct aero_ack_key *key, uint32_t floor)
{
    for (uint32_t i = floor; i < key->write_count; i++) {
        if (key->writes[i].is_delete && key->writes[i].state != AERO_ACK_NOTWRITTEN) {
            return i;
        }
    }
    return NO_WRITE;
}

static const char *node_name(uint32_t node_index, char out_text[24])
{
    if (node_index == 0) {
        return "the primary";
    }
    snprintf(out_text, 24, "replica%u", node_index);
    return out_text;
}

/* A replica is asked for what it showed before; in the end also for what everybody was told (judge.h). */
static bool is_new_enough(struct aero_sim_world *world, uint32_t index, uint32_t node_index,
                          uint32_t floor, uint32_t write)
{
    char text[24];
    if (world->forked && node_index == 0) {
        return true;
    }
    if (node_index != 0 && floor <= aero_check_monotonic_floor(world, node_index, index)) {
        return aero_check_monotonic_seen(world, node_index, index, floor, write);
    }
    if (write < floor) {
        AERO_SIM_VIOLATION(world, "ack", "%s: %s holds write %u, %u was seen or acknowledged",
                           node_name(node_index, text), world->ack.keys[index].name, write, floor);
    }
    return write >= floor;
}

static void learn(struct aero_sim_world *world, uint32_t index, uint32_t node_index, uint32_t write)
{
    raise_floor(&world->ack.keys[index], write);
    if (node_index != 0) {
        aero_check_monotonic_raise(world, node_index, index, write);
    }
}

static void seen_register(struct aero_sim_world *world, uint32_t index, uint32_t node_index,
                          uint32_t floor, struct aero_slice value)
{
    const struct aero_ack_key *key = &world->ack.keys[index];
    char text[24];
    if (value.data == NULL && key->kind == AERO_ACK_EXPIRING) {
        return;
    }
    uint32_t write = value.data == NULL ? delete_after(key, floor) : write_of(key, index, value);
    if (write == NO_WRITE && value.data == NULL) {
        (void)is_new_enough(world, index, node_index, floor, 0); /* gone: the beginning */
    } else if (write == NO_WRITE) {
        AERO_SIM_VIOLATION(world, "ack", "%s: %s holds a value that nobody wrote",
                           node_name(node_index, text), key->name);
    } else if (aero_check_withdrawn_seen(world, node_index, index, write) &&
               is_new_enough(world, index, node_index, floor, write)) {
        learn(world, index, node_index, write);
    }
}

static void seen_counter(struct aero_sim_world *world, uint32_t index, uint32_t node_index,
                         uint32_t floor, struct aero_slice value)
{
    const struct aero_ack_key *key = &world->ack.keys[index];
    char number[16] = "0";
    char text[24];
    size_t length = value.length < sizeof number - 1 ? value.length : sizeof number - 1;
    if (value.data != NULL) {
        memcpy(number, value.data, length);
        number[length] = '\0';
    }
    uint32_t found = (uint32_t)strtoul(number, NULL, 10);
    uint32_t most = 0;
    for (uint32_t i = 1; i < key->write_count; i++) {
        most += key->writes[i].state != AERO_ACK_NOTWRITTEN;
    }
    if (found > most) {
        AERO_SIM_VIOLATION(world, "ack", "%s: %s is %u, at most %u were counted",
                           node_name(node_index, text), key->name, found, most);
    } else if (is_new_enough(world, index, node_index, floor, found)) {
        learn(world, index, node_index, found);
    }
}

static void seen_lock(struct aero_sim_world *world, uint32_t index, uint32_t node_index,
                      uint32_t floor, struct aero_slice value)
{
    struct aero_ack_key *key = &world->ack.keys[index];
    char text[24];
    const char *node = node_name(node_index, text);
    if (value.data == NULL) {
        if (floor != 0 && !world->forked) {
            AERO_SIM_VIOLATION(world, "ack", "%s: %s is free, write %u held it", node, key->name,
                               key->floor);
        }
        return;
    }
    uint32_t write = write_of(key, index, value);
    if (write != NO_WRITE && !aero_check_withdrawn_seen(world, node_index, index, write)) {
        return;
    }
    if (write == NO_WRITE || (key->floor != 0 && key->floor != write && !world->forked)) {
        AERO_SIM_VIOLATION(world, "ack", "%s: %s is held by write %d, should be by %u", node,
                           key->name, write == NO_WRITE ? -1 : (int)write, key->floor);
        return;
    }
    key->floor = write;
    key->lock_held = true;
    learn(world, index, node_index, write);
}

void aero_check_ack_seen(struct aero_sim_world *world, uint32_t index, uint32_t node_index,
                         uint32_t floor, struct aero_slice value)
{
    switch (world->ack.keys[index].kind) {
    case AERO_ACK_COUNTER:
        seen_counter(world, index, node_index, floor, value);
        break;
    case AERO_ACK_LOCK:
        seen_lock(world, index, node_index, floor, value);
        break;
    default:
        seen_register(world, index, node_index, floor, value);
    }
}

void aero_check_ack_seen_pair(struct aero_sim_world *world, uint32_t index, uint32_t node_index,
                              uint32_t floor, struct aero_slice a, struct aero_slice b)
{
    char text[24];
    bool both = a.data != NULL && b.data != NULL && aero_slice_equal(a, b);
    bool none = a.data == NULL && b.data == NULL;
    if (!both && !none) {
        AERO_SIM_VIOLATION(world, "ack", "%s: the halves of %s are of different writes: %.8s %.8s",
                           node_name(node_index, text), world->ack.keys[index].name,
                           a.data == NULL ? "none" : (const char *)a.data,
                           b.data == NULL ? "none" : (const char *)b.data);
        return;
    }
    seen_register(world, index, node_index, floor, a);
}
