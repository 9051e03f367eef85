/* SPDX-License-Identifier: Apache-2.0 */
/* The table of shipping/handshake.h again, one field changed at a time: each of those that a row looks at must be able to
 * decide it alone. test_handshake.c tells the histories that made the rows. */
#include "tests/unit/shipping/handshake_table.h"

/* ---- Rows 5 to 7 ---- */

static void test_primary_without_any_segment_offers_the_first_one(void **state)
{
    struct table *t = *state = table_new();
    t->primary.file_count = 0;
    t->primary.history.segment_count = 0;
    t->primary.history.incarnation_count = 1;
    t->primary.end = (struct aero_wal_place){.sequence = 0};
    empty_replica(t);
    assert_verdict(t, 6, AERO_HANDSHAKE_RESUME);
    add_snapshot(&t->replica, 300, 7);
    t->primary.snapshots[0] = t->replica.snapshots[0]; /* of a segment that is not here */
    t->primary.snapshot_count = 1;
    assert_verdict(t, 6, AERO_HANDSHAKE_RESUME);
    table_free(t);
}

static void test_audit_that_fails_here_refuses_the_whole_wal_too(void **state)
{
    struct table *t = *state = table_new();
    empty_replica(t);
    t->must_not_seed = true;
    assert_verdict(t, 7, AERO_HANDSHAKE_UNAVAILABLE);
    table_free(t);
}

/* ---- Rows 8 to 13 ---- */

/* Decision 6: an incarnation with its nonce and any other fact changed is another one. */
static void test_incarnation_is_shared_with_all_its_facts_only(void **state)
{
    for (unsigned fact = 0; fact <= 3; fact++) {
        struct table *t = *state = table_new();
        for (size_t i = 0; i < t->replica.history.incarnation_count; i++) {
            struct aero_incarnation *entry = &t->replica.history.incarnations[i];
            entry->epoch.value += fact == 1;
            entry->node_id = fact == 2 ? fake_id(77) : entry->node_id;
            entry->start.chain ^= fact == 3;
        }
        say_hello(t, 14);
        assert_verdict(t, fact == 0 ? 17 : 8,
                       fact == 0 ? AERO_HANDSHAKE_RESUME : AERO_HANDSHAKE_UNPROVABLE);
        table_free(t);
    }
}

/* Row 11: my epoch is the highest that my history argues, whatever else I was told. */
static void test_epoch_of_my_own_history_is_no_news(void **state)
{
    struct table *t = *state = table_new();
    t->primary.history.incarnations[1].epoch.value = 2;
    t->replica.history.incarnations[1].epoch.value = 2;
    t->my_epoch = 1;
    say_hello(t, 14);
    assert_int_equal(t->hello.epoch.value, 2);
    assert_verdict(t, 17, AERO_HANDSHAKE_RESUME);
    table_free(t);
}

/* The replica holds what a later start of its primary wrote. */
static void start_of_primary(struct table *t, unsigned incarnation)
{
    t->replica.node_id = t->primary.node_id;
    fake_log_start(&t->replica, incarnation, 1);
    t->replica.node_id = fake_id(11);
}

/* The branch's first record was written by the first of its incarnations that wrote any, not by a later one. */
static void test_writer_of_a_branch_is_the_first_that_wrote(void **state)
{
    struct table *t = *state = table_new();
    start_of_primary(t, 102);
    fake_log_begin(&t->replica, 204);
    fake_log_append_many(&t->replica, 2, 9);
    t->primary.history.incarnation_count = 1; /* as of LSN 9, before 101 */
    t->primary.history.segment_count = 2;
    t->primary.file_count = 2;
    t->primary.end = fake_log_place(&t->primary, 9);
    t->hello = fake_log_hello(&t->replica, t->replica.end, &t->hello_history);
    assert_verdict(t, 12, AERO_HANDSHAKE_PRIMARY_LOST);
    assert_true(aero_id_equal(t->verdict.incarnation.nonce, fake_id(101)));
    assert_int_equal(t->verdict.commits_yours, 7);
    table_free(t);
}

/* The shared incarnation went on here, and another began behind what is lost: the shared one wrote the first lost record. */
static void test_loss_before_a_branch_names_the_shared_incarnation(void **state)
{
    struct table *t = *state = table_new();
    start_of_primary(t, 102);
    t->primary.end = fake_log_place(&t->primary, 12);
    t->hello = fake_log_hello(&t->replica, t->replica.end, &t->hello_history);
    assert_verdict(t, 12, AERO_HANDSHAKE_PRIMARY_LOST);
    assert_int_equal(t->verdict.fork.lsn.value, 12);
    assert_true(aero_id_equal(t->verdict.incarnation.nonce, fake_id(101)));
    table_free(t);
}

/* ---- Rows 14 to 16 ---- */

static void test_end_before_its_own_segment_is_unprovable(void **state)
{
    struct table *t = *state = table_new();
    say_hello(t, 7);
    t->hello.end.lsn.value = 4; /* segment 2 begins behind LSN 5 */
    assert_verdict(t, 15, AERO_HANDSHAKE_UNPROVABLE);
    table_free(t);
}

/* ---- Rows 17 to 21 ---- */

static void test_position_that_the_table_names_but_no_place_has_is_unprovable(void **state)
{
    struct table *t = *state = table_new();
    say_hello(t, 7);
    t->hello.end_offset = t->primary.files[1].end_offset; /* where LSN 9 ends */
    assert_verdict(t, 15, AERO_HANDSHAKE_UNPROVABLE);
    table_free(t);
}

static void test_record_behind_must_fit_in_each_field(void **state)
{
    for (unsigned field = 0; field <= 3; field++) {
        struct table *t = *state = table_new();
        if (field == 3) { /* a record of an earlier life of the file */
            t->primary.files[1].header.nonce = fake_id(999);
            t->primary.history.segments[1].nonce = fake_id(999);
            t->replica.files[1].header.nonce = fake_id(999);
        }
        say_hello(t, 7);
        t->hello.end.lsn.value -= field == 1;
        t->hello.end.chain ^= field == 2;
        assert_verdict(t, field == 0 ? 17 : 18,
                       field == 0 ? AERO_HANDSHAKE_RESUME : AERO_HANDSHAKE_DIVERGED);
        table_free(t);
    }
}

static void test_damaged_successor_of_a_truncated_segment_is_not_resumed(void **state)
{
    struct table *t = *state = table_new();
    struct aero_wal_place end = {.sequence = 1,
                                 .offset = t->replica.files[0].end_offset,
                                 .position = t->replica.files[0].end};
    t->hello = fake_log_hello(&t->replica, end, &t->hello_history);
    fake_log_truncate(&t->primary, 1);
    t->primary.files[0].damaged = true;
    assert_verdict(t, 21, AERO_HANDSHAKE_UNAVAILABLE);
    add_snapshot(&t->primary, 300, 12);
    assert_verdict(t, 20, AERO_HANDSHAKE_NEED_SNAPSHOT);
    table_free(t);
}

/* A state without a segment of its own: the WAL that leads on from it may be gone, from its first record on or not. */
static void test_state_whose_wal_is_gone_gets_a_snapshot(void **state)
{
    static const uint64_t lsns[] = {0, 5};
    for (size_t i = 0; i < 2; i++) {
        struct table *t = *state = table_new();
        say_hello(t, 5);
        t->hello.end_sequence = 0;
        t->hello.segment_sequence = 0;
        if (lsns[i] == 0) {
            t->hello.end = (struct aero_position){.chain = 0};
        }
        assert_verdict(t, 17, AERO_HANDSHAKE_RESUME);
        assert_int_equal(t->verdict.resume_sequence, lsns[i] == 0 ? 1 : 2);
        fake_log_truncate(&t->primary, 2);
        assert_verdict(t, 21, AERO_HANDSHAKE_UNAVAILABLE);
        add_snapshot(&t->primary, 300, 12);
        assert_verdict(t, 20, AERO_HANDSHAKE_NEED_SNAPSHOT);
        table_free(t);
    }
}

/* ---- The proof of a loss ---- */

/* Decision 7: who claims, in which segment, behind what; each of it forged alone, with sound checksums. */
static void test_loss_is_proven_by_every_field_together(void **state)
{
    for (unsigned lie = 0; lie <= 6; lie++) {
        struct table *t = *state = table_new();
        t->primary.history.incarnation_count = 1;
        t->primary.history.segment_count = 2;
        t->primary.file_count = 2;
        t->primary.end = fake_log_place(&t->primary, 9);
        say_hello(t, 14);
        assert_verdict(t, 12, AERO_HANDSHAKE_PRIMARY_LOST);
        uint8_t *header = t->replica.bytes[2].data;
        uint8_t *record = header + AERO_SEGMENT_HEADER_BYTES;
        struct aero_record_header forged;
        assert_true(aero_is_ok(
            aero_record_decode(aero_slice_of(record, AERO_RECORD_HEADER_BYTES), &forged)));
        forged.prev_chain ^= lie == 1;
        aero_record_encode(&forged, record);
        header[8] ^= lie == 2;
        struct aero_shipping_source self = fake_log_source(&t->primary);
        self.cluster_id = lie == 3 ? fake_id(2) : self.cluster_id;
        struct aero_handshake_verdict claim = t->verdict;
        claim.kind = lie == 4 ? AERO_HANDSHAKE_DIVERGED : claim.kind;
        claim.incarnation.nonce = lie == 5 ? fake_id(100) : claim.incarnation.nonce;
        claim.incarnation.node_id = lie == 6 ? fake_id(77) : claim.incarnation.node_id;
        assert_int_equal(aero_handshake_loss_proven(
                             &self, &claim, aero_slice_of(header, AERO_SEGMENT_HEADER_BYTES),
                             aero_slice_of(record, AERO_RECORD_HEADER_BYTES)),
                         lie == 0);
        table_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_primary_without_any_segment_offers_the_first_one),
        cmocka_unit_test(test_audit_that_fails_here_refuses_the_whole_wal_too),
        cmocka_unit_test(test_incarnation_is_shared_with_all_its_facts_only),
        cmocka_unit_test(test_epoch_of_my_own_history_is_no_news),
        cmocka_unit_test(test_writer_of_a_branch_is_the_first_that_wrote),
        cmocka_unit_test(test_loss_before_a_branch_names_the_shared_incarnation),
        cmocka_unit_test(test_end_before_its_own_segment_is_unprovable),
        cmocka_unit_test(test_position_that_the_table_names_but_no_place_has_is_unprovable),
        cmocka_unit_test(test_record_behind_must_fit_in_each_field),
        cmocka_unit_test(test_damaged_successor_of_a_truncated_segment_is_not_resumed),
        cmocka_unit_test(test_state_whose_wal_is_gone_gets_a_snapshot),
        cmocka_unit_test(test_loss_is_proven_by_every_field_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
