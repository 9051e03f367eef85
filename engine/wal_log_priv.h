/* SPDX-License-Identifier: Apache-2.0 */
/* What wal_log.c and wal_log_segment.c share with each other and with nobody else. */
#ifndef AERO_ENGINE_WAL_LOG_PRIV_H
#define AERO_ENGINE_WAL_LOG_PRIV_H

#include "engine/wal_log.h"

/* groups, proof, control, prepare */
#define AERO_WAL_SLOT_COUNT (AERO_WAL_GROUP_LANES + 3)

/* Handles: two banks of one per lane, so that the next segment's are open before the last one's close, and the
 * proof's. Each lane syncs on a description of its own (decision 4). */
#define AERO_WAL_HANDLE_PROOF (2 * AERO_WAL_GROUP_LANES)

static inline uint32_t aero_wal_bank_handle(uint32_t bank, uint32_t lane)
{
    return bank * AERO_WAL_GROUP_LANES + lane;
}

void aero_wal_slot_clear(struct aero_wal_slot *slot);
/* The returned operation is good until the next one is added. */
struct aero_disk_op *aero_wal_slot_add(struct aero_wal_slot *slot, enum aero_disk_op_kind kind,
                                       uint32_t handle);
void aero_wal_slot_add_open(struct aero_wal_slot *slot, uint32_t handle, enum aero_disk_open how,
                            const char *name);
void aero_wal_slot_add_write(struct aero_wal_slot *slot, uint32_t handle, uint64_t offset,
                             struct aero_slice bytes);
void aero_wal_slot_ready(struct aero_wal_log *log, struct aero_wal_slot *slot,
                         enum aero_disk_domain domain, uint32_t lane);

void aero_wal_log_set_fault(struct aero_wal_log *log, aero_status status, const char *file,
                            const char *call);
void aero_wal_log_report(struct aero_wal_log *log, aero_lsn unknown_through);
void aero_wal_log_enter_closed(struct aero_wal_log *log);
bool aero_wal_log_is_quiet(const struct aero_wal_log *log);

void aero_wal_log_pump_prepare(struct aero_wal_log *log);
void aero_wal_log_on_control(struct aero_wal_log *log,
                             const struct aero_disk_completion *completion);
void aero_wal_log_on_prepare(struct aero_wal_log *log,
                             const struct aero_disk_completion *completion);

#endif
