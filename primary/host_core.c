/* SPDX-License-Identifier: Apache-2.0 */
/* Each function is the core's of the same name, for a pointer that has lost its type. */
#include "primary/host_core.h"

#include "primary/primary.h"

static void tick(void *self, aero_mono_ns mono, aero_wall_ms wall)
{
    aero_primary_tick(self, mono, wall);
}

static void end_turn(void *self)
{
    aero_primary_end_turn(self);
}

static bool has_idle_work(const void *self)
{
    return aero_primary_has_idle_work(self);
}

static bool is_gathering(void *self)
{
    return aero_primary_is_gathering(self);
}

static bool wants_entropy(const void *self)
{
    return aero_primary_wants_entropy(self);
}

static void give_entropy(void *self, aero_id id)
{
    aero_primary_give_entropy(self, id);
}

static bool next_request(void *self, struct aero_core_request *out_request)
{
    return aero_primary_next_request(self, out_request);
}

static void on_completion(void *self, enum aero_core_owner owner,
                          const struct aero_disk_completion *completion)
{
    aero_primary_on_completion(self, owner, completion);
}

static void begin_stop(void *self)
{
    aero_primary_begin_stop(self);
}

static bool is_stopped(const void *self)
{
    return aero_primary_is_stopped(self);
}

static bool has_failed(const void *self)
{
    return aero_primary_has_failed(self);
}

static const struct aero_host_core_ops core_ops = {
    .tick = tick,
    .end_turn = end_turn,
    .has_idle_work = has_idle_work,
    .is_gathering = is_gathering,
    .wants_entropy = wants_entropy,
    .give_entropy = give_entropy,
    .next_request = next_request,
    .on_completion = on_completion,
    .begin_stop = begin_stop,
    .is_stopped = is_stopped,
    .has_failed = has_failed,
};

struct aero_host_core aero_primary_core_port(struct aero_primary *primary)
{
    return (struct aero_host_core){
        .ops = &core_ops, .self = primary, .server = aero_primary_server(primary)};
}
