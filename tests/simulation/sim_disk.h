/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that can go wrong in every way that the failure model names (FM-5, FM-6, FM-7, FM-8.2), in memory.
 *
 * It drives struct aero_disk. Each file has what is durable, what the page cache shows, and the list of writes between the
 * two; each directory likewise for its names. Only a returned sync moves the first list, only a returned
 * sync_directory the second. When the power goes, what was not synced is decided sector by sector and name by name.
 *
 *     write -> cache + pending --sync ok--> durable
 *                   |  `--sync fails--> partly durable, the rest DROPPED: clean in the cache, never on the disk,
 *                   |                   and the next sync returns 0 (decision 2b, FM-7.2)
 *                   +--kill--> the same cache and the same pending, handles gone (decision 2a)
 *                   `--power--> each sector: any version from the durable one to the newest; cache = durable
 *
 * What can happen to a sector is a prefix of the versions it went through, as with a page cache that writes a page back
 * at any moment; sectors are independent of each other (FM-6.1). An error of write-back is told once to each
 * handle that was open at the time (decision 4). Names: unlink, rename and create are lost or kept in the order of a
 * journal, or, with names_in_order off, each for itself.
 *
 * A crash makes every call return AERO_CRASHED until aero_sim_disk_restart; handles of before stay dead for ever, and may
 * only be closed. Luck comes from an aero_choice; the disk has no state that a rerun would not repeat. */
#ifndef AERO_TESTS_SIMULATION_SIM_DISK_H
#define AERO_TESTS_SIMULATION_SIM_DISK_H

#include "engine/disk.h"
#include "tests/simulation/choice.h"
#include "tests/simulation/trace.h"

enum aero_sim_call {
    AERO_SIM_OPEN,
    AERO_SIM_READ,
    AERO_SIM_WRITE,
    AERO_SIM_SYNC,
    AERO_SIM_TRUNCATE,
    AERO_SIM_SIZE,
    AERO_SIM_RENAME,
    AERO_SIM_UNLINK,
    AERO_SIM_MAKE_DIRECTORY,
    AERO_SIM_SYNC_DIRECTORY,
    AERO_SIM_LIST,
    AERO_SIM_FREE_SPACE,
    AERO_SIM_CALL_COUNT,
};

enum aero_sim_crash {
    AERO_SIM_KILL,       /* the process dies, the kernel lives on */
    AERO_SIM_POWER,      /* the fate of everything un-synced is drawn */
    AERO_SIM_POWER_KEEP, /* everything un-synced reached the disk */
    AERO_SIM_POWER_LOSE, /* nothing un-synced did */
};

enum aero_sim_lie {
    AERO_SIM_LOST_WRITE,        /* acknowledged by the device, never written */
    AERO_SIM_MISDIRECTED_WRITE, /* written one sector off */
    AERO_SIM_MISREAD,           /* a bit of what is read is wrong, this time only */
};

struct aero_sim_disk_options {
    const char *name;        /* of the node, in the trace; at most 15 bytes */
    uint64_t capacity_bytes; /* 0: without bound */
    bool names_in_order;     /* a crash keeps a prefix of the un-synced names, as a journal does */
    bool
        sectors_tear; /* a crash may leave a sector half old, half new: against the stated assumption (decision 16) */
};

struct aero_sim_disk;

/* `choice` and `trace` (which may be NULL) stay the caller's and must outlive the disk. */
struct aero_sim_disk *aero_sim_disk_new(const struct aero_sim_disk_options *options,
                                        struct aero_choice *choice, struct aero_sim_trace *trace);
/* Handles must have been closed, except by those who died in a crash. */
void aero_sim_disk_free(struct aero_sim_disk *disk);
struct aero_disk aero_sim_disk_port(struct aero_sim_disk *disk);
/* A second disk with the same durable bytes, cache and un-synced writes; no handles, no faults; with its own luck. */
struct aero_sim_disk *aero_sim_disk_clone(const struct aero_sim_disk *disk,
                                          struct aero_choice *choice);

/* Exchanges what is on the two disks, un-synced writes included; both have crashed or were never used. */
void aero_sim_disk_swap(struct aero_sim_disk *disk, struct aero_sim_disk *other);

/* ---- Crashes ---------------------------------------------------------------------------------------------- */

/* A rename, a sync, a write and whatever else may change the disk: their number so far, over all lives. */
uint64_t aero_sim_disk_changes(const struct aero_sim_disk *disk);
void aero_sim_disk_crash(struct aero_sim_disk *disk, enum aero_sim_crash how);
/* Crashes when change number `change` is about to begin; a write has then handed over any part of its bytes.
 * 0 takes it back. */
void aero_sim_disk_crash_at(struct aero_sim_disk *disk, uint64_t change, enum aero_sim_crash how);
bool aero_sim_disk_is_crashed(const struct aero_sim_disk *disk);
void aero_sim_disk_restart(struct aero_sim_disk *disk);

/* ---- Faults ----------------------------------------------------------------------------------------------- */

/* The nth call of that kind from now on (1: the next) fails with `sys_errno`. A write hands over a part first; a
 * sync drops any part of what it should have written. At most 16 wait at a time. */
void aero_sim_disk_fail_call(struct aero_sim_disk *disk, enum aero_sim_call call, uint64_t nth,
                             int sys_errno);
/* Every call of that kind fails so many times in a million. */
void aero_sim_disk_fail_often(struct aero_sim_disk *disk, enum aero_sim_call call,
                              uint32_t millionths, int sys_errno);
/* Write-back in the background fails now for everything un-synced of every file: some of it is dropped, the next sync of
 * each handle that is open says EIO. */
void aero_sim_disk_fail_writeback(struct aero_sim_disk *disk);
/* The same when change number `change` is about to begin: in the midst of work, with more than one write waiting. */
void aero_sim_disk_fail_writeback_at(struct aero_sim_disk *disk, uint64_t change);
/* The nth write, or read, from now on succeeds and is a lie. */
void aero_sim_disk_lie_at(struct aero_sim_disk *disk, enum aero_sim_lie lie, uint64_t nth);
/* Takes back all faults above that have not happened yet, and errors that nobody has been told of yet. */
void aero_sim_disk_heal(struct aero_sim_disk *disk);
void aero_sim_disk_set_capacity(struct aero_sim_disk *disk, uint64_t capacity_bytes);

/* Latent damage to what is on the disk and in the cache. False: no such file, or not that long. */
bool aero_sim_disk_flip_bit(struct aero_sim_disk *disk, const char *name, uint64_t offset,
                            uint32_t bit);
bool aero_sim_disk_zero_sector(struct aero_sim_disk *disk, const char *name, uint64_t sector);
/* Reads of this sector fail with EIO until it is written again. At most one sector a file. */
bool aero_sim_disk_break_sector(struct aero_sim_disk *disk, const char *name, uint64_t sector);

/* ---- For checkers: never fails, never counts ----------------------------------------------------------- */

/* The whole of a file as a reader would see it now (`durable`: as after the power went and nothing un-synced was kept). False
 * when there is no such name. */
bool aero_sim_disk_peek(const struct aero_sim_disk *disk, const char *name, bool durable,
                        struct aero_buffer *out_bytes);
/* At most `length` bytes of it from `offset` on: files are sparse and long, and most checkers want a little of them. */
bool aero_sim_disk_peek_range(const struct aero_sim_disk *disk, const char *name, bool durable,
                              uint64_t offset, size_t length, struct aero_buffer *out_bytes);
/* A number that changes whenever what a reader would see of the file may have changed; 0: no such name. */
uint64_t aero_sim_disk_version(const struct aero_sim_disk *disk, const char *name);
/* Every name of a regular file, as aero_disk_entry with the directory in it, sorted. */
void aero_sim_disk_peek_names(const struct aero_sim_disk *disk, bool durable,
                              struct aero_buffer *out_entries);
/* What counts against the capacity. */
uint64_t aero_sim_disk_used_bytes(const struct aero_sim_disk *disk);
/* Rises when a name comes, goes or changes, or may have in a crash. */
uint64_t aero_sim_disk_name_changes(const struct aero_sim_disk *disk);
/* Handles of the living. */
uint64_t aero_sim_disk_open_files(const struct aero_sim_disk *disk);
/* Writes of every file and name changes that a power loss could take back. */
uint64_t aero_sim_disk_pending(const struct aero_sim_disk *disk);

#endif
