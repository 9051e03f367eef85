/* SPDX-License-Identifier: Apache-2.0 */
/* Each function is the core's of the same name, for a pointer that has lost its type. */
#include "replica/host_core.h"

#include "replica/replica.h"

static void tick(void *self, aero_mono_ns mono, aero_wall_ms wall)
{
    aero_replica_tick(self, mono, wall);
}

static void end_turn(void *self)
{
    aero_replica_end_turn(self);
}

static bool has_idle_work(const void *self)
{
    return aero_replica_has_idle_work(self);
}

static bool wants_entropy(const void *self)
{
    return aero_replica_wants_entropy(self);
}

static void give_entropy(void *self, aero_id id)
{
    aero_replica_give_entropy(self, id);
}

static bool next_request(void *self, struct aero_core_request *out_request)
{
    return aero_replica_next_request(self, out_request);
}

static void on_completion(void *self, enum aero_core_owner owner,
                          const struct aero_disk_completion *completion)
{
    aero_replica_on_completion(self, owner, completion);
}

static void begin_stop(void *self)
{
    aero_replica_begin_stop(self);
}

static bool is_stopped(const void *self)
{
    return aero_replica_is_stopped(self);
}

static bool wants_reopen(const void *self)
{
    return aero_replica_wants_reopen(self);
}

static const struct aero_host_core_ops core_ops = {
    .tick = tick,
    .end_turn = end_turn,
    .has_idle_work = has_idle_work,
    .wants_entropy = wants_entropy,
    .give_entropy = give_entropy,
    .next_request = next_request,
    .on_completion = on_completion,
    .begin_stop = begin_stop,
    .is_stopped = is_stopped,
    .wants_reopen = wants_reopen,
};

struct aero_host_core aero_replica_core_port(struct aero_replica *replica)
{
    return (struct aero_host_core){
        .ops = &core_ops, .self = replica, .server = aero_replica_server(replica)};
}
