/* SPDX-License-Identifier: Apache-2.0 */
/* Every row of the table in shipping/handshake.h, and the histories of decisions 6, 7, 8 and 15
 * that made it. The primary that all begin with is drawn in handshake_table.h. */
#include "tests/unit/shipping/handshake_table.h"

/* ---- Rows 1 to 4 ---- */

static void test_other_version_is_refused(void **state)
{
    struct table *t = *state = table_new();
    say_hello(t, 14);
    t->hello.protocol_version = AERO_PROTOCOL_VERSION + 1;
    assert_verdict(t, 1, AERO_HANDSHAKE_VERSION);
    table_free(t);
}

static void test_names_must_be_allowed_and_certified(void **state)
{
    struct table *t = *state = table_new();
    say_hello(t, 14);
    t->peer_denied = true;
    assert_verdict(t, 2, AERO_HANDSHAKE_NAME_NOT_ALLOWED);
    t->peer_denied = false;
    t->certificate_name = "somebody-else";
    assert_verdict(t, 2, AERO_HANDSHAKE_NAME_NOT_ALLOWED);
    table_free(t);
}

static void test_other_cluster_is_refused(void **state)
{
    struct table *t = *state = table_new();
    say_hello(t, 14);
    t->hello.cluster_id = fake_id(2);
    assert_verdict(t, 3, AERO_HANDSHAKE_WRONG_CLUSTER);
    t->hello.cluster_id = (aero_id){{0}};
    assert_verdict(t, 3, AERO_HANDSHAKE_WRONG_CLUSTER);
    empty_replica(t);
    t->hello.cluster_id = fake_id(2); /* holds nothing, but was told where it belongs */
    assert_verdict(t, 3, AERO_HANDSHAKE_WRONG_CLUSTER);
    table_free(t);
}

static void test_my_own_node_id_is_refused(void **state)
{
    struct table *t = *state = table_new();
    say_hello(t, 14);
    t->hello.node_id = t->primary.node_id;
    assert_verdict(t, 4, AERO_HANDSHAKE_UNPROVABLE);
    table_free(t);
}

/* ---- Rows 5 to 7 ---- */

static void test_empty_replica_gets_the_newest_usable_snapshot(void **state)
{
    struct table *t = *state = table_new();
    add_snapshot(&t->primary, 300, 7);
    add_snapshot(&t->primary, 301, 12);
    empty_replica(t);
    assert_verdict(t, 5, AERO_HANDSHAKE_NEED_SNAPSHOT);
    assert_true(aero_id_equal(t->verdict.snapshot.id, fake_id(301)));
    assert_int_equal(t->verdict.snapshot_offset, 0);
    t->primary.snapshots[1].damaged = true;
    assert_verdict(t, 5, AERO_HANDSHAKE_NEED_SNAPSHOT);
    assert_true(aero_id_equal(t->verdict.snapshot.id, fake_id(300)));
    table_free(t);
}

static void test_broken_transfer_goes_on_with_its_own_snapshot(void **state)
{
    struct table *t = *state = table_new();
    add_snapshot(&t->primary, 300, 7);
    add_snapshot(&t->primary, 301, 12);
    empty_replica(t);
    t->hello.snapshot_id = fake_id(300);
    t->hello.snapshot_verified = 500;
    assert_verdict(t, 5, AERO_HANDSHAKE_NEED_SNAPSHOT);
    assert_true(aero_id_equal(t->verdict.snapshot.id, fake_id(300)));
    assert_int_equal(t->verdict.snapshot_offset, 500);
    t->hello.snapshot_verified = 1001; /* more than there is: from the start */
    assert_verdict(t, 5, AERO_HANDSHAKE_NEED_SNAPSHOT);
    assert_int_equal(t->verdict.snapshot_offset, 0);
    table_free(t);
}

static void test_empty_replica_without_snapshot_takes_the_whole_wal(void **state)
{
    struct table *t = *state = table_new();
    empty_replica(t);
    assert_verdict(t, 6, AERO_HANDSHAKE_RESUME);
    assert_int_equal(t->verdict.resume_sequence, 1);
    assert_int_equal(t->verdict.resume_offset, 0);
    table_free(t);
}

static void test_empty_replica_without_any_source_waits(void **state)
{
    struct table *t = *state = table_new();
    empty_replica(t);
    fake_log_truncate(&t->primary, 1);
    assert_verdict(t, 7, AERO_HANDSHAKE_UNAVAILABLE);
    add_snapshot(&t->primary, 300, 12);
    t->must_not_seed = true; /* its own audit fails (decision 20) */
    assert_verdict(t, 7, AERO_HANDSHAKE_UNAVAILABLE);
    t->must_not_seed = false;
    assert_verdict(t, 5, AERO_HANDSHAKE_NEED_SNAPSHOT);
    table_free(t);
}

static void test_snapshot_whose_wal_is_damaged_is_not_offered(void **state)
{
    struct table *t = *state = table_new();
    add_snapshot(&t->primary, 300, 7);
    empty_replica(t);
    t->primary.files[2].damaged = true;
    assert_verdict(t, 7, AERO_HANDSHAKE_UNAVAILABLE);
    table_free(t);
}

/* ---- Rows 8 to 11: authority ---- */

static void test_history_without_anything_in_common_is_unprovable(void **state)
{
    struct table *t = *state = table_new();
    struct fake_log other;
    fake_log_init(&other, 11, "r");
    fake_log_start(&other, 900, 1);
    fake_log_begin(&other, 901);
    fake_log_append_many(&other, 3, 10);
    t->hello = fake_log_hello(&other, other.end, &t->hello_history);
    assert_verdict(t, 8, AERO_HANDSHAKE_UNPROVABLE);
    t->hello.history = aero_slice_of(NULL, 0);
    assert_verdict(t, 8, AERO_HANDSHAKE_UNPROVABLE);
    fake_log_deinit(&other);
    table_free(t);
}

/* Decision 6: an incarnation is its nonce with all that belongs to it. */
static void test_incarnation_with_other_facts_is_not_shared(void **state)
{
    struct table *t = *state = table_new();
    for (size_t i = 0; i < t->replica.history.incarnation_count; i++) {
        t->replica.history.incarnations[i].node_id = fake_id(77);
    }
    say_hello(t, 14);
    assert_verdict(t, 8, AERO_HANDSHAKE_UNPROVABLE);
    table_free(t);
}

/* Decision 15: the replica was promoted at LSN 12 and wrote on; the old primary meets it, or one
 * that follows it. */
static void test_higher_epoch_that_forks_from_mine_supersedes(void **state)
{
    struct table *t = *state = table_new();
    say_hello(t, 12);
    t->replica.end = fake_log_place(&t->replica, 12);
    t->replica.files[2].end_offset = t->replica.end.offset;
    t->replica.files[2].end = t->replica.end.position;
    fake_log_start(&t->replica, 500, 2);
    fake_log_begin(&t->replica, 501);
    fake_log_append_many(&t->replica, 6, 30);
    t->hello = fake_log_hello(&t->replica, t->replica.end, &t->hello_history);
    assert_verdict(t, 9, AERO_HANDSHAKE_SUPERSEDED);
    assert_int_equal(t->verdict.fork.lsn.value, 12);
    assert_int_equal(t->verdict.commits_mine, 2);
    assert_int_equal(t->verdict.commits_yours, 6);
    assert_true(aero_id_equal(t->verdict.incarnation.nonce, fake_id(500)));

    /* A replica that only heard of it: the list alone argues. */
    t->hello = fake_log_hello(&t->replica, fake_log_place(&t->primary, 9), &t->hello_history);
    assert_verdict(t, 9, AERO_HANDSHAKE_SUPERSEDED);
    assert_int_equal(t->verdict.commits_yours, 0);

    /* I have been promoted above it since: the dispute is over, its branch is what diverged. */
    t->my_epoch = 3;
    t->hello = fake_log_hello(&t->replica, t->replica.end, &t->hello_history);
    assert_verdict(t, 13, AERO_HANDSHAKE_DIVERGED);
    assert_int_equal(t->verdict.fork.lsn.value, 12);
    table_free(t);
}

/* Decision 6: two mistaken promotions to the same epoch. */
static void test_equal_epoch_of_another_node_halts_both(void **state)
{
    struct table *t = *state = table_new();
    fake_log_start(&t->replica, 500, 1);
    say_hello(t, 14);
    assert_verdict(t, 10, AERO_HANDSHAKE_EPOCH_CLASH);
    assert_true(aero_id_equal(t->verdict.incarnation.nonce, fake_id(500)));
    t->my_epoch = 2; /* a promotion since: nothing of the other branch is in the replica's log */
    assert_verdict(t, 17, AERO_HANDSHAKE_RESUME);
    table_free(t);
}

static void test_higher_epoch_without_incarnation_does_not_count(void **state)
{
    struct table *t = *state = table_new();
    say_hello(t, 14);
    t->hello.epoch.value = 9;
    assert_verdict(t, 11, AERO_HANDSHAKE_UNPROVABLE);
    table_free(t);
}

/* ---- Rows 12 and 13: suffixes ---- */

/* Decision 7's history: 10 to 14 were acknowledged, rot took them for a torn tail, the primary
 * started again at 9 and wrote other records at once. */
static void test_my_own_suffix_that_i_lack_means_that_i_lost_it(void **state)
{
    struct table *t = *state = table_new();
    struct fake_log damaged;
    fake_log_init(&damaged, 10, "p");
    fake_log_grow(&damaged);
    damaged.end = fake_log_place(&damaged, 11);
    damaged.files[2].end_offset = damaged.end.offset;
    damaged.files[2].end = damaged.end.position;
    fake_log_start(&damaged, 102, 1);
    fake_log_begin(&damaged, 204);
    fake_log_append_many(&damaged, 10, 77);
    fake_log_deinit(&t->primary);
    t->primary = damaged;
    say_hello(t, 14);
    assert_verdict(t, 12, AERO_HANDSHAKE_PRIMARY_LOST);
    assert_int_equal(t->verdict.fork.lsn.value, 11);
    assert_int_equal(t->verdict.commits_yours, 3);
    assert_int_equal(t->verdict.commits_mine, 10);
    say_hello(t, 11);
    assert_verdict(t, 17, AERO_HANDSHAKE_RESUME);
    table_free(t);
}

static void test_replica_ahead_in_the_running_incarnation_means_loss(void **state)
{
    struct table *t = *state = table_new();
    t->primary.end = fake_log_place(&t->primary, 12);
    say_hello(t, 14);
    assert_verdict(t, 12, AERO_HANDSHAKE_PRIMARY_LOST);
    assert_int_equal(t->verdict.fork.lsn.value, 12);
    assert_non_null(strstr(t->verdict.text, "from LSN 13 to 14"));
    table_free(t);
}

/* A directory restored from a backup: a whole incarnation of mine is missing here. */
static void test_my_own_incarnation_that_i_forgot_means_loss(void **state)
{
    struct table *t = *state = table_new();
    t->primary.history.incarnation_count = 1; /* as of LSN 9, before the start of 101 */
    t->primary.history.segment_count = 2;
    t->primary.file_count = 2;
    t->primary.end = fake_log_place(&t->primary, 9);
    say_hello(t, 14);
    assert_verdict(t, 12, AERO_HANDSHAKE_PRIMARY_LOST);
    assert_int_equal(t->verdict.fork.lsn.value, 9);
    assert_true(aero_id_equal(t->verdict.incarnation.nonce, fake_id(101)));
    table_free(t);
}

/* The old primary comes back as a replica with records that were never shipped. */
static void test_suffix_of_another_originator_has_diverged(void **state)
{
    struct table *t = *state = table_new();
    struct fake_log promoted;
    fake_log_copy(&promoted, &t->primary, 12, "q");
    promoted.end = fake_log_place(&promoted, 12);
    promoted.files[2].end_offset = promoted.end.offset;
    promoted.files[2].end = promoted.end.position;
    fake_log_start(&promoted, 600, 2);
    fake_log_begin(&promoted, 601);
    fake_log_append_many(&promoted, 4, 5);
    fake_log_deinit(&t->primary);
    t->primary = promoted;
    say_hello(t, 14);
    assert_verdict(t, 13, AERO_HANDSHAKE_DIVERGED);
    assert_int_equal(t->verdict.fork.lsn.value, 12);
    assert_int_equal(t->verdict.commits_mine, 4);
    assert_int_equal(t->verdict.commits_yours, 2);
    say_hello(t, 12);
    assert_verdict(t, 17, AERO_HANDSHAKE_RESUME);
    table_free(t);
}

/* Decision 8: the position of a diverged replica is so old that its WAL is gone here: it is still
 * told that it diverged, and not that it needs a snapshot. */
static void test_need_for_a_snapshot_does_not_mask_divergence(void **state)
{
    struct table *t = *state = table_new();
    t->replica.end = fake_log_place(&t->replica, 7);
    t->replica.file_count = 2;
    t->replica.history.incarnation_count = 1;
    t->replica.history.segment_count = 2;
    t->replica.files[1].end_offset = t->replica.end.offset;
    t->replica.files[1].end = t->replica.end.position;
    t->replica.node_id = fake_id(13); /* a mistaken promotion, in the first epoch still */
    fake_log_start(&t->replica, 700, 1);
    fake_log_begin(&t->replica, 701);
    fake_log_append_many(&t->replica, 1, 50);
    t->my_epoch = 2;
    add_snapshot(&t->primary, 300, 12);
    fake_log_truncate(&t->primary, 2);
    t->hello = fake_log_hello(&t->replica, t->replica.end, &t->hello_history);
    assert_verdict(t, 13, AERO_HANDSHAKE_DIVERGED);
    assert_int_equal(t->verdict.fork.lsn.value, 7);
    table_free(t);
}

/* ---- Rows 14 to 16: proof ---- */

static void test_same_lsn_with_another_chain_has_diverged(void **state)
{
    struct table *t = *state = table_new();
    static const uint64_t known[] = {14, 9, 5}; /* my end, an incarnation's start, a segment's */
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        say_hello(t, known[i]);
        t->hello.end.chain ^= 1;
        assert_verdict(t, 14, AERO_HANDSHAKE_DIVERGED);
    }
    table_free(t);
}

static void test_foreign_segment_start_is_unprovable(void **state)
{
    struct table *t = *state = table_new();
    say_hello(t, 7);
    t->hello.segment_nonce = fake_id(999);
    assert_verdict(t, 15, AERO_HANDSHAKE_UNPROVABLE);
    say_hello(t, 7);
    t->hello.segment_before.chain ^= 1;
    assert_verdict(t, 15, AERO_HANDSHAKE_UNPROVABLE);
    say_hello(t, 7);
    t->hello.segment_incarnation = fake_id(101);
    assert_verdict(t, 15, AERO_HANDSHAKE_UNPROVABLE);
    say_hello(t, 7);
    t->hello.segment_sequence = 40;
    t->hello.end_sequence = 40;
    assert_verdict(t, 15, AERO_HANDSHAKE_UNPROVABLE);
    say_hello(t, 7);
    t->hello.end_sequence = 3; /* place and start contradict */
    assert_verdict(t, 15, AERO_HANDSHAKE_UNPROVABLE);
    table_free(t);
}

static void test_place_that_cannot_be_is_unprovable(void **state)
{
    struct table *t = *state = table_new();
    static const uint64_t offsets[] = {0, 8, 4095, 4096, 4097, 1 << 20};
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        say_hello(t, 7);
        t->hello.end_offset = offsets[i];
        assert_verdict(t, 15, AERO_HANDSHAKE_UNPROVABLE);
    }
    table_free(t);
}

static void test_end_without_any_proof_is_unprovable(void **state)
{
    struct table *t = *state = table_new();
    say_hello(t, 7);
    t->hello.end_sequence = 0;
    t->hello.segment_sequence = 0;
    assert_verdict(t, 16, AERO_HANDSHAKE_UNPROVABLE);
    table_free(t);
}

/* ---- Rows 17 to 21: places ---- */

static void test_every_position_of_mine_resumes_where_it_is(void **state)
{
    struct table *t = *state = table_new();
    for (uint64_t lsn = 1; lsn <= 14; lsn++) {
        say_hello(t, lsn);
        assert_verdict(t, 17, AERO_HANDSHAKE_RESUME);
        assert_int_equal(t->verdict.resume_sequence, t->hello.end_sequence);
        assert_int_equal(t->verdict.resume_offset, t->hello.end_offset);
    }
    table_free(t);
}

static void test_end_of_a_sealed_segment_resumes_with_or_without_its_footer(void **state)
{
    struct table *t = *state = table_new();
    struct aero_wal_place end = {.sequence = 1,
                                 .offset = t->primary.files[0].end_offset,
                                 .position = t->primary.files[0].end};
    t->hello = fake_log_hello(&t->replica, end, &t->hello_history);
    assert_true(t->hello.end_sealed);
    assert_verdict(t, 17, AERO_HANDSHAKE_RESUME);
    assert_int_equal(t->verdict.resume_sequence, 1);
    assert_true(t->verdict.resume_sealed);
    t->hello.end_sealed = false;
    assert_verdict(t, 17, AERO_HANDSHAKE_RESUME);
    assert_false(t->verdict.resume_sealed);
    table_free(t);
}

static void test_end_of_a_truncated_segment_resumes_at_the_next(void **state)
{
    struct table *t = *state = table_new();
    fake_log_truncate(&t->primary, 1);
    struct aero_wal_place end = {.sequence = 1,
                                 .offset = t->replica.files[0].end_offset,
                                 .position = t->replica.files[0].end};
    t->hello = fake_log_hello(&t->replica, end, &t->hello_history);
    assert_verdict(t, 17, AERO_HANDSHAKE_RESUME);
    assert_int_equal(t->verdict.resume_sequence, 2);
    assert_int_equal(t->verdict.resume_offset, 0);
    table_free(t);
}

/* A replica that was promoted knows where it stands; one that only has a snapshot resumes at the
 * segment of S + 1. */
static void test_loaded_snapshot_resumes_at_its_segment(void **state)
{
    struct table *t = *state = table_new();
    add_snapshot(&t->primary, 300, 12);
    say_hello(t, 12);
    t->hello.end_sequence = 0;
    t->hello.end_offset = 0;
    assert_verdict(t, 17, AERO_HANDSHAKE_RESUME);
    assert_int_equal(t->verdict.resume_sequence, 3);
    assert_int_equal(t->verdict.resume_offset, 0);
    t->hello.segment_sequence = 0; /* knows its snapshot only */
    assert_verdict(t, 17, AERO_HANDSHAKE_RESUME);
    assert_int_equal(t->verdict.resume_sequence, 3);
    table_free(t);
}

/* History without this: two checkpoints at one LSN, the older one in a segment that was let go since it was found damaged. A
 * replica that was given the newer one was told to take it again, and again. */
static void test_of_two_snapshots_at_one_position_the_newer_one_names_the_segment(void **state)
{
    struct table *t = *state = table_new();
    add_snapshot(&t->primary, 300, 9);
    add_snapshot(&t->primary, 301, 9);
    t->primary.snapshots[0].sequence = 2;
    t->primary.snapshots[0].damaged = true;
    t->primary.snapshots[1].sequence = 3;
    fake_log_truncate(&t->primary, 2);
    say_hello(t, 9);
    t->hello.end_sequence = 0;
    t->hello.end_offset = 0;
    t->hello.segment_sequence = 0;
    assert_verdict(t, 17, AERO_HANDSHAKE_RESUME);
    assert_int_equal(t->verdict.resume_sequence, 3);
    assert_int_equal(t->verdict.resume_offset, 0);
    table_free(t);
}

static void test_snapshot_at_the_very_end_resumes_at_the_open_segment(void **state)
{
    struct table *t = *state = table_new();
    say_hello(t, 14);
    t->hello.end_sequence = 0;
    t->hello.segment_sequence = 0;
    assert_verdict(t, 17, AERO_HANDSHAKE_RESUME);
    assert_int_equal(t->verdict.resume_sequence, 3);
    table_free(t);
}

static void test_record_behind_that_does_not_follow_has_diverged(void **state)
{
    struct table *t = *state = table_new();
    say_hello(t, 7);
    t->hello.end.chain ^= 1; /* a position that only the file can contradict */
    assert_verdict(t, 18, AERO_HANDSHAKE_DIVERGED);
    assert_int_equal(t->verdict.fork.lsn.value, 5);
    table_free(t);
}

static void test_record_behind_that_cannot_be_read_is_my_damage(void **state)
{
    struct table *t = *state = table_new();
    say_hello(t, 7);
    t->probe_fails = true;
    assert_verdict(t, 19, AERO_HANDSHAKE_UNAVAILABLE);
    assert_true(t->verdict.damaged_here);
    t->probe_fails = false;
    t->primary.bytes[1].data[t->hello.end_offset + 20] ^= 1;
    assert_verdict(t, 19, AERO_HANDSHAKE_UNAVAILABLE);
    assert_true(t->verdict.damaged_here);
    table_free(t);
}

/* Decision 8: the starts that are kept for good prove a position whose WAL is gone. */
static void test_truncated_position_that_is_proven_gets_a_snapshot(void **state)
{
    struct table *t = *state = table_new();
    say_hello(t, 7);
    add_snapshot(&t->primary, 300, 12);
    fake_log_truncate(&t->primary, 2);
    assert_verdict(t, 20, AERO_HANDSHAKE_NEED_SNAPSHOT);
    t->primary.snapshots[0].damaged = true;
    assert_verdict(t, 21, AERO_HANDSHAKE_UNAVAILABLE);
    table_free(t);
}

/* Decision 12: a segment marked damaged is never shipped. */
static void test_damaged_segment_is_as_good_as_gone(void **state)
{
    struct table *t = *state = table_new();
    say_hello(t, 7);
    add_snapshot(&t->primary, 300, 12);
    t->primary.files[1].damaged = true;
    assert_verdict(t, 20, AERO_HANDSHAKE_NEED_SNAPSHOT);
    table_free(t);
}

/* ---- The proof of a loss ---- */

static struct aero_slice raw_header(const struct fake_log *log, size_t index)
{
    return aero_slice_of(log->bytes[index].data, AERO_SEGMENT_HEADER_BYTES);
}

static struct aero_slice raw_record(const struct fake_log *log, uint64_t lsn)
{
    struct aero_wal_place before = fake_log_place(log, lsn - 1);
    size_t index = before.sequence - log->files[0].header.sequence;
    return aero_slice_of(log->bytes[index].data + before.offset, AERO_RECORD_HEADER_BYTES);
}

/* An incarnation that wrote nothing stands between the fork and the one that wrote the lost records: three
 * replicas held them, and no proof of theirs counted. Found by simulation. */
static void test_loss_is_proven_over_an_incarnation_without_records(void **state)
{
    struct table *t = *state = table_new();
    struct fake_log lost;
    fake_log_init(&lost, 10, "p");
    fake_log_start(&lost, 100, 1);
    fake_log_begin(&lost, 201);
    fake_log_append_many(&lost, 9, 100);
    fake_log_start(&lost, 101, 1);
    fake_log_begin(&lost, 202);
    fake_log_start(&lost, 102, 1);
    fake_log_begin(&lost, 203);
    fake_log_append_many(&lost, 5, 9);
    fake_log_deinit(&t->replica);
    fake_log_copy(&t->replica, &lost, 11, "r");
    lost.history.incarnation_count = 1; /* the primary as it was at LSN 9 */
    lost.history.segment_count = 1;
    lost.file_count = 1;
    lost.end = fake_log_place(&lost, 9);
    fake_log_deinit(&t->primary);
    t->primary = lost;
    say_hello(t, 14);
    assert_verdict(t, 12, AERO_HANDSHAKE_PRIMARY_LOST);
    assert_int_equal(t->verdict.fork.lsn.value, 9);
    struct aero_shipping_source self = fake_log_source(&t->primary);
    assert_true(aero_handshake_loss_proven(&self, &t->verdict, raw_header(&t->replica, 2),
                                           raw_record(&t->replica, 10)));
    assert_false(aero_handshake_loss_proven(&self, &t->verdict, raw_header(&t->replica, 1),
                                            raw_record(&t->replica, 10)));
    table_free(t);
}

static void test_loss_is_proven_only_by_the_record_that_chains(void **state)
{
    struct table *t = *state = table_new();
    t->primary.end = fake_log_place(&t->primary, 12);
    say_hello(t, 14);
    assert_verdict(t, 12, AERO_HANDSHAKE_PRIMARY_LOST);
    struct aero_shipping_source self = fake_log_source(&t->primary);
    struct aero_slice header = raw_header(&t->replica, 2);
    struct aero_slice record = raw_record(&t->replica, 13);
    assert_true(aero_handshake_loss_proven(&self, &t->verdict, header, record));

    /* Another record, another segment, any flipped bit: nothing is proven. */
    assert_false(
        aero_handshake_loss_proven(&self, &t->verdict, header, raw_record(&t->replica, 14)));
    assert_false(
        aero_handshake_loss_proven(&self, &t->verdict, raw_header(&t->replica, 1), record));
    uint8_t *raw = t->replica.bytes[2].data;
    size_t at = (size_t)(record.data - raw);
    for (size_t i = 0; i < AERO_RECORD_HEADER_BYTES; i++) {
        raw[at + i] ^= 0x10;
        assert_false(aero_handshake_loss_proven(&self, &t->verdict, header, record));
        raw[at + i] ^= 0x10;
    }
    /* The right chain under another number. */
    struct aero_record_header forged;
    assert_true(aero_is_ok(aero_record_decode(record, &forged)));
    forged.lsn.value += 1;
    uint8_t forged_raw[AERO_RECORD_HEADER_BYTES] = {0};
    aero_record_encode(&forged, forged_raw);
    assert_false(aero_handshake_loss_proven(&self, &t->verdict, header,
                                            aero_slice_of(forged_raw, sizeof forged_raw)));
    struct aero_handshake_verdict other_end = t->verdict;
    other_end.fork.chain ^= 1;
    assert_false(aero_handshake_loss_proven(&self, &other_end, header, record));
    table_free(t);
}

/* The lost record opens a segment that I never heard of: its header names my end. */
static void test_loss_is_proven_by_the_first_record_of_an_unknown_segment(void **state)
{
    struct table *t = *state = table_new();
    t->primary.history.incarnation_count = 1;
    t->primary.history.segment_count = 2;
    t->primary.file_count = 2;
    t->primary.end = fake_log_place(&t->primary, 9);
    say_hello(t, 14);
    assert_verdict(t, 12, AERO_HANDSHAKE_PRIMARY_LOST);
    struct aero_shipping_source self = fake_log_source(&t->primary);
    struct aero_slice header = raw_header(&t->replica, 2);
    struct aero_slice record = aero_slice_of(t->replica.bytes[2].data + AERO_SEGMENT_HEADER_BYTES,
                                             AERO_RECORD_HEADER_BYTES);
    assert_true(aero_handshake_loss_proven(&self, &t->verdict, header, record));
    t->verdict.fork.chain ^= 1;
    assert_false(aero_handshake_loss_proven(&self, &t->verdict, header, record));
    table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_version_is_refused),
        cmocka_unit_test(test_names_must_be_allowed_and_certified),
        cmocka_unit_test(test_other_cluster_is_refused),
        cmocka_unit_test(test_my_own_node_id_is_refused),
        cmocka_unit_test(test_empty_replica_gets_the_newest_usable_snapshot),
        cmocka_unit_test(test_broken_transfer_goes_on_with_its_own_snapshot),
        cmocka_unit_test(test_empty_replica_without_snapshot_takes_the_whole_wal),
        cmocka_unit_test(test_empty_replica_without_any_source_waits),
        cmocka_unit_test(test_snapshot_whose_wal_is_damaged_is_not_offered),
        cmocka_unit_test(test_history_without_anything_in_common_is_unprovable),
        cmocka_unit_test(test_incarnation_with_other_facts_is_not_shared),
        cmocka_unit_test(test_higher_epoch_that_forks_from_mine_supersedes),
        cmocka_unit_test(test_equal_epoch_of_another_node_halts_both),
        cmocka_unit_test(test_higher_epoch_without_incarnation_does_not_count),
        cmocka_unit_test(test_my_own_suffix_that_i_lack_means_that_i_lost_it),
        cmocka_unit_test(test_replica_ahead_in_the_running_incarnation_means_loss),
        cmocka_unit_test(test_my_own_incarnation_that_i_forgot_means_loss),
        cmocka_unit_test(test_suffix_of_another_originator_has_diverged),
        cmocka_unit_test(test_need_for_a_snapshot_does_not_mask_divergence),
        cmocka_unit_test(test_same_lsn_with_another_chain_has_diverged),
        cmocka_unit_test(test_foreign_segment_start_is_unprovable),
        cmocka_unit_test(test_place_that_cannot_be_is_unprovable),
        cmocka_unit_test(test_end_without_any_proof_is_unprovable),
        cmocka_unit_test(test_every_position_of_mine_resumes_where_it_is),
        cmocka_unit_test(test_end_of_a_sealed_segment_resumes_with_or_without_its_footer),
        cmocka_unit_test(test_end_of_a_truncated_segment_resumes_at_the_next),
        cmocka_unit_test(test_loaded_snapshot_resumes_at_its_segment),
        cmocka_unit_test(test_of_two_snapshots_at_one_position_the_newer_one_names_the_segment),
        cmocka_unit_test(test_snapshot_at_the_very_end_resumes_at_the_open_segment),
        cmocka_unit_test(test_record_behind_that_does_not_follow_has_diverged),
        cmocka_unit_test(test_record_behind_that_cannot_be_read_is_my_damage),
        cmocka_unit_test(test_truncated_position_that_is_proven_gets_a_snapshot),
        cmocka_unit_test(test_damaged_segment_is_as_good_as_gone),
        cmocka_unit_test(test_loss_is_proven_over_an_incarnation_without_records),
        cmocka_unit_test(test_loss_is_proven_only_by_the_record_that_chains),
        cmocka_unit_test(test_loss_is_proven_by_the_first_record_of_an_unknown_segment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
