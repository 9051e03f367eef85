/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of the simulated disk: sim_disk.c (calls), sim_disk_control.c (crashes, faults, checkers),
 * sim_disk_names.c (directories), sim_disk_fate.c (what a sync or a crash does to un-synced writes). */
#ifndef AERO_TESTS_SIMULATION_SIM_DISK_PRIV_H
#define AERO_TESTS_SIMULATION_SIM_DISK_PRIV_H

#include "tests/simulation/sim_disk.h"
#include "tests/simulation/sim_image.h"

#define AERO_SIM_FAULTS_MAX 16
#define AERO_SIM_NO_SECTOR UINT64_MAX

/* A write or truncate that the cache shows and the disk may not have. Sectors are whole, as the cache held them after it. */
struct aero_sim_pending {
    bool is_truncate;
    bool is_lost; /* the lie: never reaches the disk */
    uint64_t first_sector;
    uint64_t sector_count;
    uint64_t end; /* of the bytes written; of a truncate: the length */
    uint8_t *sectors;
};

struct aero_sim_inode {
    uint32_t references; /* names, durable names, changes of names, handles */
    uint32_t index;      /* in the disk's list */
    bool is_directory;
    struct aero_sim_image cache;
    struct aero_sim_image durable;
    struct aero_sim_pending *pending;
    size_t pending_count;
    size_t pending_capacity;
    uint64_t error_number; /* of write-back errors so far */
    bool error_unseen;     /* the last one was told to nobody yet */
    uint64_t broken_sector;
    uint64_t version; /* of the cache */
};

struct aero_sim_name {
    char name[AERO_DISK_NAME_MAX];
    struct aero_sim_inode *inode; /* in a change: NULL takes the name away */
};

/* Sorted by name. */
struct aero_sim_names {
    struct aero_sim_name *entries;
    size_t count;
    size_t capacity;
};

/* One call's effect on names: atomic, as a journal makes it. Later changes that became durable first take their
 * names out of it. */
struct aero_sim_name_change {
    struct aero_sim_name set[2];
    uint32_t set_count;
};

struct aero_disk_file {
    struct aero_sim_inode *inode; /* NULL once its process died */
    size_t index;                 /* in the disk's list */
    uint64_t life;
    uint64_t errors_seen;
    bool can_write;
    char name[AERO_DISK_NAME_MAX]; /* at the time of opening, for the trace */
};

struct aero_sim_fault {
    enum aero_sim_call call;
    uint64_t countdown; /* 0: slot is free */
    int sys_errno;
};

struct aero_sim_disk {
    char name[16];
    uint64_t capacity_bytes;
    bool names_in_order;
    bool sectors_tear;
    struct aero_choice *choice;
    struct aero_sim_trace *trace;

    struct aero_sim_inode **inodes;
    size_t inode_count;
    size_t inode_capacity;
    uint64_t used_pages;
    uint64_t versions; /* given to inodes so far */

    struct aero_sim_names current;
    struct aero_sim_names durable;
    struct aero_sim_name_change *changes;
    size_t change_count;
    size_t change_capacity;
    uint64_t name_changes; /* ever */

    uint64_t life; /* raised by every crash: older handles are dead */
    bool crashed;
    struct aero_disk_file **files;
    size_t file_count;
    size_t file_capacity;
    uint64_t change_number;
    uint64_t crash_at;
    enum aero_sim_crash crash_how;

    struct aero_sim_fault faults[AERO_SIM_FAULTS_MAX];
    struct {
        uint32_t millionths;
        int sys_errno;
    } often[AERO_SIM_CALL_COUNT];
    uint64_t writeback_fails_at;
    enum aero_sim_lie lie;
    uint64_t lie_countdown;
};

/* sim_disk_control.c */
/* Its cache is not what it was. */
void aero_sim_inode_changed(struct aero_sim_disk *disk, struct aero_sim_inode *inode);
struct aero_sim_inode *aero_sim_inode_new(struct aero_sim_disk *disk, bool is_directory);
void aero_sim_inode_release(struct aero_sim_disk *disk, struct aero_sim_inode *inode);

/* sim_disk_names.c */
struct aero_sim_inode *aero_sim_names_find(const struct aero_sim_names *names, const char *name);
/* Takes or moves a reference; `inode` NULL removes the name. */
void aero_sim_names_set(struct aero_sim_disk *disk, struct aero_sim_names *names, const char *name,
                        struct aero_sim_inode *inode);
/* Into an empty list; `inodes` are the disk's own that go by the same indices. */
void aero_sim_names_copy(struct aero_sim_names *to, const struct aero_sim_names *from,
                         struct aero_sim_inode *const *inodes);
void aero_sim_names_clear(struct aero_sim_disk *disk, struct aero_sim_names *names);
/* Applies to the current names and remembers as un-synced. */
void aero_sim_names_change(struct aero_sim_disk *disk, const struct aero_sim_name_change *change);
void aero_sim_directory_sync(struct aero_sim_disk *disk, const char *directory);
/* A failed sync_directory: any part of what waits becomes durable, the rest never will. */
void aero_sim_directory_sync_failed(struct aero_sim_disk *disk, const char *directory);
/* The power went: `how` decides which changes count; current = durable. */
void aero_sim_names_crash(struct aero_sim_disk *disk, enum aero_sim_crash how);
/* Of "wal/x": true for "wal"; of "x": true for "". */
bool aero_sim_name_is_in(const char *name, const char *directory);

void aero_sim_append_entry(struct aero_buffer *out_entries, const char *name, uint64_t size_bytes,
                           bool is_other);

/* sim_disk_fate.c */
void aero_sim_inode_wrote(struct aero_sim_inode *inode, uint64_t offset, size_t length,
                          const enum aero_sim_lie *lie);
void aero_sim_inode_truncated(struct aero_sim_inode *inode, uint64_t length);
void aero_sim_inode_sync(struct aero_sim_inode *inode);
/* Un-synced writes meet the fate of `how`; none is pending any more; the cache is untouched. */
void aero_sim_inode_settle(struct aero_sim_disk *disk, struct aero_sim_inode *inode,
                           enum aero_sim_crash how);
/* Write-back fails: any part reaches the disk, the rest is clean in the cache; handles that are open will be told. */
void aero_sim_inode_fail_writeback(struct aero_sim_disk *disk, struct aero_sim_inode *inode);
/* The cache forgets clean pages: durable bytes with the un-synced writes over them. */
void aero_sim_inode_evict(struct aero_sim_inode *inode);
void aero_sim_inode_drop_pending(struct aero_sim_inode *inode);

#endif
