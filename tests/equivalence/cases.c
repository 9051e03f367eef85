/* SPDX-License-Identifier: Apache-2.0 */
/* Points are named by steps (enumerate.h). What runs beside a commit may be met at any moment of it: rows of such work are
 * compared with the baseline's points of commits, too. */
#include "tests/equivalence/cases.h"

#include <errno.h>

#include "tests/equivalence/pair.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Points of the plain system, from which each row says which ones it is compared with. */
#define COMMIT_WRITING "group write|group write part"
#define COMMIT_SYNCING "group sync"
#define COMMIT_PROVING "proof open|proof write|proof write part|proof sync|proof directory"
#define COMMIT COMMIT_WRITING "|" COMMIT_SYNCING "|group done|" COMMIT_PROVING "|proof done|idle"
#define SUCCESSOR \
    "segment close|segment open|segment write|segment write part|segment sync|segment rename"
#define SEALING "sealing write|sealing write part|sealing sync|sealing close|sealing done"
#define MANIFEST "manifest open|manifest write|manifest write part|manifest sync|manifest done"
#define SNAPSHOT_FILE "snapshot open|snapshot write|snapshot sync|snapshot close|snapshot rename"
#define SNAPSHOT_NAMED "snapshot directory|snapshot done"
#define TRUNCATION \
    "truncate unlink|truncate rename|truncate directory|truncate done|snapshot unlink"
#define PREPARATION \
    "prepare close|prepare open|prepare reuse|prepare zero|prepare sync|prepare unlink"

/* ---- Rows that every optimisation of the log has: their ids differ in the prefix, and what the baseline's points of the
 * first four are: NULL, the same ---- */

#define LOG_ROWS(prefix, write, part, sync, done)                                                  \
    {prefix "-01", "idle", NULL}, {prefix "-02", "group write", write},                            \
        {prefix "-03", "group write part", part}, {prefix "-04", "group sync", sync},              \
        {prefix "-05", "group done", done}, {prefix "-06", COMMIT_PROVING, COMMIT},                \
        {prefix "-07", "proof done", COMMIT}, {prefix "-08", SUCCESSOR, NULL},                     \
        {prefix "-09", "segment directory", NULL}, {prefix "-10", SEALING, NULL},                  \
        {prefix "-11", MANIFEST, MANIFEST "|" COMMIT},                                             \
        {prefix "-12", "fail group write ENOSPC", "fail group write ENOSPC|" COMMIT},              \
        {prefix "-13", "fail group write EIO", "fail group write EIO|" COMMIT},                    \
        {prefix "-14", "fail group sync EIO|fail group sync ENOSPC",                               \
         "fail group sync EIO|fail group sync ENOSPC|" COMMIT},                                    \
        {prefix "-15", "fail proof write EIO", "fail proof write EIO|" COMMIT},                    \
        {prefix "-16",                                                                             \
         "fail segment open ENOSPC|fail segment write ENOSPC|fail segment rename ENOSPC",          \
         "fail segment open ENOSPC|fail segment write ENOSPC|fail segment rename ENOSPC|" COMMIT}, \
        {prefix "-17",                                                                             \
         "fail segment sync EIO|fail segment rename EROFS|fail segment directory EIO",             \
         "fail segment sync EIO|fail segment rename EROFS|fail segment directory EIO|" COMMIT},    \
    {                                                                                              \
        prefix "-18", "lives", NULL                                                                \
    }

#define LOG_FAULTS                                                                              \
    {"group write", "EIO", EIO}, {"group write", "ENOSPC", ENOSPC}, {"group sync", "EIO", EIO}, \
        {"group sync", "ENOSPC", ENOSPC}, {"proof write", "EIO", EIO},                          \
        {"segment open", "ENOSPC", ENOSPC}, {"segment write", "ENOSPC", ENOSPC},                \
        {"segment rename", "ENOSPC", ENOSPC}, {"segment sync", "EIO", EIO},                     \
        {"segment rename", "EROFS", EROFS},                                                     \
    {                                                                                           \
        "segment directory", "EIO", EIO                                                         \
    }

static const char *const log_histories[] = {
    "Aw1 Bw2 Cw3 , Aw4 Dw5 Dr | Aw6x6000 Br , Cw7x3000 Dw8x3000 | Er",
    NULL,
};
static const char *const log_lives[] = {
    "Aw31 Bw32x6000 , Cw33x3000",
    "Aw41 Bw42x5000 , Cw43 Ar",
    "Aw51 Bw52 Cr",
};
static const struct aero_case_fault log_faults[] = {LOG_FAULTS};

static const struct aero_case_row group_commit_rows[] = {
    LOG_ROWS("GC", NULL, NULL, NULL, NULL),
    {"GC-19", "group next write|group next write part", COMMIT},
};
static const struct aero_case_row wal_batching_rows[] = {
    LOG_ROWS("WB", NULL, COMMIT_WRITING "|" COMMIT_SYNCING, NULL, NULL)};

/* ---- Two groups in flight ---- */

static const char *const overlapped_sync_histories[] = {
    "Aw1 Bw2 Cw3 , Aw4 Dw5 Dr | Aw6x6000 Br , Cw7x3000 Dw8x3000 | Er",
    "Aw11x4000 , Bw12x4000 , Cw13x6000 Dw14 | Er",
    NULL,
};
static const struct aero_case_row overlapped_sync_rows[] = {
    LOG_ROWS("OS", COMMIT, COMMIT, COMMIT, COMMIT),
    /* The first group of two stands where the plain system's only one does. */
    {"OS-19", "second group write", COMMIT},
    {"OS-20", "second group write part", COMMIT},
    {"OS-21", "second group sync", COMMIT},
    {"OS-22", "second group done", COMMIT},
    {"OS-23", "fail second group write ENOSPC", "fail group write ENOSPC|" COMMIT},
    {"OS-24", "fail second group write EIO", "fail group write EIO|" COMMIT},
    {"OS-25", "fail second group sync EIO", "fail group sync EIO|" COMMIT},
    {"OS-26", "fail group sync WRITEBACK|fail second group sync WRITEBACK",
     "fail group sync WRITEBACK|" COMMIT},
};
static const struct aero_case_fault overlapped_sync_faults[] = {
    LOG_FAULTS,
    {"second group write", "ENOSPC", ENOSPC},
    {"second group write", "EIO", EIO},
    {"second group sync", "EIO", EIO},
    {"group sync", "WRITEBACK", AERO_CASE_WRITEBACK},
    {"second group sync", "WRITEBACK", AERO_CASE_WRITEBACK},
};

/* ---- Segments made ahead, and used again ---- */

static const char *const wal_recycle_histories[] = {
    "Aw1x7000 Bw2x7000 | Cc | Aw3x7000 , Bw4 | Cc | Aw5x7000 Br | Aw6x7000 , Bw7x3000 | Aw8x7000",
    NULL,
};
static const char *const wal_recycle_lives[] = {
    "Aw31x6000 Bw32x6000 Aw33x3000 , Cc Aw34x6000",
    "Aw41x6000 Bw42x6000 , Cw43 Ar",
    "Aw51x6000 Bw52 Cr",
};
static const struct aero_case_row wal_recycle_rows[] = {
    LOG_ROWS("WR", NULL, COMMIT_WRITING "|" COMMIT_SYNCING, NULL, NULL),
    {"WR-19", PREPARATION, COMMIT "|" SUCCESSOR "|" SEALING},
    {"WR-20", "prepare done", COMMIT "|" SUCCESSOR "|" SEALING},
    {"WR-21", SNAPSHOT_FILE "|" SNAPSHOT_NAMED, NULL},
    {"WR-22", "truncate rename|truncate directory|truncate done|truncate unlink",
     "truncate unlink|truncate directory|truncate done"},
    {"WR-23", "fail prepare zero ENOSPC", "fail segment open ENOSPC|idle|" COMMIT},
    {"WR-24", "fail prepare sync EIO|fail prepare zero EIO|fail manifest sync EIO",
     "fail manifest sync EIO|fail segment sync EIO|fail group sync EIO|" COMMIT},
    {"WR-25", "fail prepare reuse EBUSY|fail prepare reuse ENOENT", COMMIT},
};
static const struct aero_case_fault wal_recycle_faults[] = {
    LOG_FAULTS,
    {"manifest sync", "EIO", EIO},
    {"prepare zero", "ENOSPC", ENOSPC},
    {"prepare zero", "EIO", EIO},
    {"prepare sync", "EIO", EIO},
    {"prepare reuse", "EBUSY", EBUSY},
    {"prepare reuse", "ENOENT", ENOENT},
};

/* ---- Checkpoints beside commits ---- */

static const char *const checkpoint_histories[] = {
    "Aw1x6000 Bw2x3000 | Aw3x6000 , Bw4x6000 | Cc , Bw5 Dw6 | Aw7 , Cc Bw8x6000 | Dr",
    NULL,
};
static const char *const checkpoint_lives[] = {
    "Aw31x6000 Bw32x6000 Aw33x3000 , Cc Aw34x6000",
    "Aw41x6000 Bw42 , Cc Dw43",
    "Aw51x6000 Bc Bw52 Cr",
};
static const struct aero_case_row checkpoint_rows[] = {
    {"CP-01", COMMIT, NULL},
    {"CP-02", SUCCESSOR "|segment directory|" SEALING,
     SUCCESSOR "|segment directory|" SEALING "|" COMMIT},
    {"CP-03", "snapshot open|snapshot write|snapshot sync|snapshot close",
     "snapshot open|snapshot write|snapshot sync|snapshot close|" COMMIT},
    {"CP-04", "snapshot rename", "snapshot rename|" COMMIT},
    {"CP-05", SNAPSHOT_NAMED, SNAPSHOT_NAMED "|" COMMIT},
    {"CP-06", MANIFEST, MANIFEST "|" COMMIT},
    {"CP-07", "truncate unlink", "truncate unlink|" COMMIT},
    {"CP-08", "truncate directory|truncate done", "truncate directory|truncate done|" COMMIT},
    {"CP-09", "fail snapshot write ENOSPC|fail snapshot write EIO|fail snapshot sync EIO",
     "fail snapshot write ENOSPC|fail snapshot write EIO|fail snapshot sync EIO|" COMMIT},
    {"CP-10", "fail snapshot rename EROFS|fail snapshot directory EIO",
     "fail snapshot rename EROFS|fail snapshot directory EIO|" COMMIT},
    {"CP-11", "fail manifest write EIO|fail manifest sync EIO",
     "fail manifest write EIO|fail manifest sync EIO|fail group sync EIO|" COMMIT},
    {"CP-12", "fail truncate unlink EIO|fail truncate directory EIO",
     "fail truncate unlink EIO|fail truncate directory EIO|fail group sync EIO|" COMMIT},
    {"CP-13", "fail group write ENOSPC|fail group sync EIO", NULL},
    {"CP-14", "lives", NULL},
};
static const struct aero_case_fault checkpoint_faults[] = {
    {"snapshot write", "ENOSPC", ENOSPC}, {"snapshot write", "EIO", EIO},
    {"snapshot sync", "EIO", EIO},        {"snapshot rename", "EROFS", EROFS},
    {"snapshot directory", "EIO", EIO},   {"manifest write", "EIO", EIO},
    {"manifest sync", "EIO", EIO},        {"truncate unlink", "EIO", EIO},
    {"truncate directory", "EIO", EIO},   {"group write", "ENOSPC", ENOSPC},
    {"group sync", "EIO", EIO},
};

/* ---- Reads ---- */

static const char *const read_histories[] = {
    "Aw1 | Bw2 Cw3 , Do1 Dr Ao2 Eo9 , Dw4 Eo1 Er | Bo1 Cw5 Co5 Do9",
    NULL,
};
static const char *const read_lives[] = {
    "Aw31 , Bw32 Co31 Cr",
    "Aw41 , Bo31 Bo41 Br Cw42",
    "Aw51 , Br Bo31",
};
static const struct aero_case_row read_rows[] = {
    {"RF-01", "idle", NULL},
    {"RF-02", COMMIT_WRITING, COMMIT},
    {"RF-03", COMMIT_SYNCING, COMMIT},
    {"RF-04", "group done", COMMIT},
    {"RF-05", COMMIT_PROVING, COMMIT},
    {"RF-06", "proof done", COMMIT},
    {"RF-07", SUCCESSOR "|segment directory|" SEALING "|" MANIFEST,
     SUCCESSOR "|segment directory|" SEALING "|" MANIFEST "|" COMMIT},
    {"RF-08", "fail group write ENOSPC", "fail group write ENOSPC|" COMMIT},
    {"RF-09", "fail group sync EIO|fail group write EIO",
     "fail group sync EIO|fail group write EIO|" COMMIT},
    {"RF-10", "fail proof write EIO", "fail proof write EIO|" COMMIT},
    {"RF-11", "lives", NULL},
};
static const struct aero_case_fault read_faults[] = {
    {"group write", "ENOSPC", ENOSPC},
    {"group write", "EIO", EIO},
    {"group sync", "EIO", EIO},
    {"proof write", "EIO", EIO},
};

/* ---- The open segment on its way to a replica ---- */

#define REPLICA_COMMIT                                                                         \
    "link part|replica group write|replica group write part|replica group sync|replica group " \
    "done|replica proof open|replica proof write|replica proof write part|replica proof "      \
    "sync|replica proof directory|replica proof done"
#define REPLICA_SEGMENT                                                                            \
    "replica segment close|replica segment open|replica segment write|replica segment "            \
    "sync|replica segment rename|replica segment directory|replica sealing write|replica sealing " \
    "sync|replica sealing close|replica sealing done"
#define PRIMARY_COMMIT                                                                            \
    "primary group write|primary group sync|primary group done|primary proof open|primary proof " \
    "write|primary proof sync|primary proof directory|primary proof done"

#define PRIMARY_ROTATION                                                                           \
    "primary segment close|primary segment open|primary segment write|primary segment "            \
    "sync|primary segment rename|primary segment directory|primary sealing write|primary sealing " \
    "sync|primary sealing close|primary sealing done"
#define PRIMARY_MANIFEST \
    "primary manifest open|primary manifest write|primary manifest sync|primary manifest done"
#define REPLICA_MANIFEST \
    "replica manifest open|replica manifest write|replica manifest sync|replica manifest done"
#define REPLICA_PROOF                                                                             \
    "replica proof open|replica proof write|replica proof write part|replica proof sync|replica " \
    "proof directory|replica proof done"

/* A disk that fails, on either side: what the link does with it. */
#define LINK_FAULT_ROWS(prefix)                                                         \
    {prefix "-14", "fail primary group write ENOSPC",                                   \
     "fail primary group write ENOSPC|" REPLICA_COMMIT},                                \
        {prefix "-15", "fail primary group write EIO",                                  \
         "fail primary group write EIO|" REPLICA_COMMIT},                               \
        {prefix "-16", "fail primary group sync EIO|fail primary proof write EIO",      \
         "fail primary group sync EIO|fail primary proof write EIO|" REPLICA_COMMIT},   \
        {prefix "-17", "fail primary read EIO",                                         \
         "fail primary read EIO|" PRIMARY_COMMIT "|" PRIMARY_ROTATION "|lives"},        \
        {prefix "-18", "fail replica group write ENOSPC|fail replica group write EIO",  \
         "fail replica group write ENOSPC|fail replica group write EIO|" PRIMARY_COMMIT \
         "|" PRIMARY_ROTATION "|lives"},                                                \
    {                                                                                   \
        prefix "-19", "fail replica group sync EIO|fail replica proof write EIO",       \
            "fail replica group sync EIO|fail replica proof write EIO|" PRIMARY_COMMIT  \
            "|" PRIMARY_ROTATION "|lives"                                               \
    }

static const struct aero_case_row tail_rows[] = {
    {"TS-01", "link part", REPLICA_COMMIT "|" REPLICA_SEGMENT},
    {"TS-02", "replica group write", REPLICA_COMMIT},
    {"TS-03", "replica group write part", REPLICA_COMMIT},
    {"TS-04", "replica group sync", REPLICA_COMMIT},
    {"TS-05", "replica group done", REPLICA_COMMIT},
    {"TS-06", REPLICA_PROOF, REPLICA_COMMIT},
    {"TS-07", REPLICA_SEGMENT, REPLICA_COMMIT "|" REPLICA_SEGMENT},
    {"TS-08", REPLICA_MANIFEST, NULL},
    {"TS-09", PRIMARY_COMMIT, NULL},
    {"TS-10", PRIMARY_ROTATION, NULL},
    {"TS-11", PRIMARY_MANIFEST, NULL},
    {"TS-12", "lives", NULL},
    {"TS-13", "link broken", NULL},
    LINK_FAULT_ROWS("TS"),
};

static const struct aero_case_row ship_rows[] = {
    {"SG-01", "link part", REPLICA_COMMIT "|" REPLICA_SEGMENT},
    {"SG-02", "link broken", NULL},
    {"SG-03", "replica group write", REPLICA_COMMIT},
    {"SG-04", "replica group write part", REPLICA_COMMIT},
    {"SG-05", "replica group sync", REPLICA_COMMIT},
    {"SG-06", "replica group done", REPLICA_COMMIT},
    {"SG-07", REPLICA_PROOF, REPLICA_COMMIT},
    {"SG-08", REPLICA_SEGMENT, REPLICA_COMMIT "|" REPLICA_SEGMENT},
    {"SG-09", REPLICA_MANIFEST, NULL},
    {"SG-10", PRIMARY_COMMIT, NULL},
    {"SG-11", PRIMARY_ROTATION, NULL},
    {"SG-12", PRIMARY_MANIFEST, NULL},
    {"SG-13", "lives", NULL},
    LINK_FAULT_ROWS("SG"),
};

static const struct aero_case_fault link_faults[] = {
    {"primary group write", "ENOSPC", ENOSPC},
    {"primary group write", "EIO", EIO},
    {"primary group sync", "EIO", EIO},
    {"primary proof write", "EIO", EIO},
    {"primary read", "EIO", EIO}, /* of what is to be shipped */
    {"replica group write", "ENOSPC", ENOSPC},
    {"replica group write", "EIO", EIO},
    {"replica group sync", "EIO", EIO},
    {"replica proof write", "EIO", EIO},
};

/* ---- All of them ---- */

#define ROWS(array) .rows = (array), .row_count = COUNT(array)
#define FAULTS(array) .faults = (array), .fault_count = COUNT(array)
#define SEGMENT_BYTES 16384

static const struct aero_case_list lists[] = {
    {.name = "group_commit",
     .switches = AERO_TWIN_GROUP_COMMIT,
     .segment_bytes = SEGMENT_BYTES,
     .histories = log_histories,
     .lives = log_lives,
     ROWS(group_commit_rows),
     FAULTS(log_faults)},
    {.name = "wal_batching",
     .switches = AERO_TWIN_GROUP_COMMIT | AERO_TWIN_WAL_BATCHING,
     .segment_bytes = SEGMENT_BYTES,
     .histories = log_histories,
     .lives = log_lives,
     ROWS(wal_batching_rows),
     FAULTS(log_faults)},
    {.name = "overlapped_sync",
     .switches = AERO_TWIN_GROUP_COMMIT | AERO_TWIN_WAL_BATCHING | AERO_TWIN_OVERLAPPED_SYNC,
     .segment_bytes = SEGMENT_BYTES,
     .histories = overlapped_sync_histories,
     .lives = log_lives,
     ROWS(overlapped_sync_rows),
     FAULTS(overlapped_sync_faults)},
    {.name = "wal_recycle",
     .switches = AERO_TWIN_WAL_RECYCLE,
     .segment_bytes = SEGMENT_BYTES,
     .histories = wal_recycle_histories,
     .lives = wal_recycle_lives,
     .schedules_max = 4,
     ROWS(wal_recycle_rows),
     FAULTS(wal_recycle_faults)},
    {.name = "checkpoint_pipelining",
     .switches = AERO_TWIN_CHECKPOINT_PIPELINING,
     .segment_bytes = SEGMENT_BYTES,
     .histories = checkpoint_histories,
     .lives = checkpoint_lives,
     .schedules_max = 4,
     ROWS(checkpoint_rows),
     FAULTS(checkpoint_faults)},
    {.name = "read_fast_path",
     .switches = AERO_TWIN_READ_FAST_PATH,
     .histories = read_histories,
     .lives = read_lives,
     ROWS(read_rows),
     FAULTS(read_faults)},
    {.name = "tail_streaming",
     .switches = AERO_TWIN_TAIL_STREAMING,
     ROWS(tail_rows),
     FAULTS(link_faults),
     .enumerate = aero_enumerate_pair},
    {.name = "ship_groups",
     .switches = AERO_TWIN_TAIL_STREAMING | AERO_TWIN_SHIP_GROUPS,
     ROWS(ship_rows),
     FAULTS(link_faults),
     .enumerate = aero_enumerate_pair},
};

const struct aero_case_list *aero_case_lists(size_t *out_count)
{
    *out_count = COUNT(lists);
    return lists;
}
