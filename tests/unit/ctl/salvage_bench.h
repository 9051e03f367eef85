/* SPDX-License-Identifier: Apache-2.0 */
/* Directories of a primary that lost records and of a replica that has them, and what a salvage must leave. */
#ifndef AERO_TESTS_SALVAGE_BENCH_H
#define AERO_TESTS_SALVAGE_BENCH_H

#include "tests/unit/cmocka_setup.h"

#include "tests/unit/ctl/data_bench.h"

#define DRY "salvage", "--primary-dir", "@p", "--replica-dir", "@r"

/* Segments of 100 records, equal in every directory that is made so. */
static inline struct data_bench *fill(struct ctl_bench *bench, const char *name,
                                      enum aero_role role, uint64_t last)
{
    struct data_bench *data = data_begin(bench, name, role, 7);
    data_incarnation(data, 1);
    for (uint64_t at = 0; at < last; at += 100) {
        data_segment(data, (uint8_t)(11 + at / 100));
        data_put_to(data, at + 100 < last ? at + 100 : last);
    }
    return data;
}

/* What a start leaves behind that took lost records for a torn tail: a cut, an empty segment of a new incarnation, and
 * then the gate, once the replica has shown what it has. */
static inline void finish_after_cut(struct data_bench *data, unsigned records_of_its_own)
{
    data_incarnation(data, 2);
    data_segment_after(data, 99, true);
    for (unsigned i = 0; i < records_of_its_own; i++) {
        data_put(data, "own", "value");
    }
    data->manifest.gate = AERO_GATE_PRIMARY_LOST;
    snprintf(data->manifest.gate_reason, sizeof data->manifest.gate_reason, "a replica has more");
    data_finish(data);
}

static inline void read_manifest(struct ctl_bench *bench, const char *name,
                                 struct aero_manifest *out)
{
    char path[AERO_CTL_PATH_MAX];
    struct aero_disk_posix *posix;
    struct aero_manifest_found found;
    data_ok(aero_disk_posix_open_read_only(ctl_bench_path(bench, name, path), &posix));
    data_ok(aero_manifest_read(aero_disk_posix_port(posix), out, &found));
    aero_disk_posix_close(posix);
}

/* The primary's list says the same as the replica's, start by start. */
static inline void expect_one_history(struct ctl_bench *bench)
{
    struct aero_manifest mine;
    struct aero_manifest theirs;
    read_manifest(bench, "p", &mine);
    read_manifest(bench, "r", &theirs);
    assert_int_equal(mine.history.incarnation_count, theirs.history.incarnation_count);
    for (size_t i = 0; i < mine.history.incarnation_count; i++) {
        const struct aero_incarnation *a = &mine.history.incarnations[i];
        const struct aero_incarnation *b = &theirs.history.incarnations[i];
        assert_true(aero_id_equal(a->nonce, b->nonce) && aero_incarnation_agrees(a, b));
    }
    aero_manifest_deinit(&mine);
    aero_manifest_deinit(&theirs);
}

static inline void expect_whole(struct ctl_bench *bench, uint64_t last_lsn)
{
    struct aero_manifest manifest;
    char text[64];
    assert_int_equal(CTL_RUN(bench, "verify", "@p"), AERO_EXIT_OK);
    snprintf(text, sizeof text, "records to LSN %llu", (unsigned long long)last_lsn);
    EXPECT_OUT(bench, text);
    read_manifest(bench, "p", &manifest);
    assert_int_equal(manifest.gate, AERO_GATE_OPEN);
    aero_manifest_deinit(&manifest);
    expect_one_history(bench);
    assert_int_equal(CTL_RUN(bench, "compare", "@p", "@r"), AERO_EXIT_OK);
}

static inline void expect_refused(struct ctl_bench *bench, const char *text)
{
    struct aero_manifest before;
    struct aero_manifest after;
    read_manifest(bench, "p", &before);
    assert_int_equal(CTL_RUN(bench, DRY, "--yes"), AERO_CTL_EXIT_DIFFERENT);
    EXPECT_ERR(bench, text);
    read_manifest(bench, "p", &after);
    assert_int_equal(before.generation, after.generation);
    aero_manifest_deinit(&before);
    aero_manifest_deinit(&after);
}

/* ---- An older copy of the primary's directory ----------------------------------------------------------------- */

#define COPIED_AT 150U
#define AHEAD_AT 320U

/* A start of the primary that writes nothing. */
static inline void begin_again(struct data_bench *data, unsigned seed)
{
    data_incarnation(data, (uint8_t)seed);
    data_segment_after(data, (uint8_t)(seed + 100), true);
}

/* The directory as it was when it was copied, and as many starts since. */
static inline struct data_bench *older_copy(struct ctl_bench *bench, unsigned starts)
{
    struct data_bench *data = fill(bench, "p", AERO_ROLE_PRIMARY, COPIED_AT);
    for (unsigned i = 0; i < starts; i++) {
        begin_again(data, 50 + i);
    }
    return data;
}

/* What the primary wrote after it was copied, and some starts: the last one wrote. */
static inline struct data_bench *replica_ahead(struct ctl_bench *bench, unsigned starts)
{
    struct data_bench *data = fill(bench, "r", AERO_ROLE_REPLICA, COPIED_AT);
    for (unsigned i = 0; i < starts; i++) {
        begin_again(data, 2 + i);
    }
    data_put_to(data, 260);
    data_segment(data, 40);
    data_put_to(data, AHEAD_AT);
    return data;
}

#endif
