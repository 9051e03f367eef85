/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/check_handles.h"

static bool works_on_handle(const struct aero_disk_op *op)
{
    switch (op->kind) {
    case AERO_OP_OPEN:
    case AERO_OP_CLOSE:
    case AERO_OP_WRITE:
    case AERO_OP_ZERO:
    case AERO_OP_SYNC:
    case AERO_OP_TRUNCATE:
        return true;
    case AERO_OP_RENAME:
    case AERO_OP_UNLINK:
    case AERO_OP_SYNC_DIRECTORY:
        break;
    }
    return false;
}

static uint64_t handles_of(const struct aero_disk_request *request)
{
    _Static_assert(AERO_DISK_HANDLE_COUNT <= 64, "a bit for each handle");
    uint64_t handles = 0;
    for (uint32_t i = 0; i < request->op_count; i++) {
        handles |= works_on_handle(&request->ops[i]) ? UINT64_C(1) << request->ops[i].handle : 0;
    }
    return handles;
}

bool aero_check_handles_apart(const struct aero_core_request *a, const struct aero_core_request *b,
                              uint32_t *out_handle)
{
    uint64_t shared = handles_of(a->request) & handles_of(b->request);
    if (a->owner != b->owner || a->request->lane == b->request->lane || shared == 0) {
        return true;
    }
    *out_handle = (uint32_t)__builtin_ctzll(shared);
    return false;
}
