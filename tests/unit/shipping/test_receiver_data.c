/* SPDX-License-Identifier: Apache-2.0 */
/* The replica's end alone, and a primary that sends one wrong thing at a time: which of them is a fault of the connection,
 * which puts the data in doubt, and what each of them must leave untouched. */
#include "tests/unit/shipping/receiver_bench.h"

/* ---- Segments ---- */

static struct aero_segment_header successor_of(const struct link *link)
{
    return (struct aero_segment_header){.cluster_id = link->primary.cluster_id,
                                        .epoch = {.value = 1},
                                        .incarnation = fake_id(101),
                                        .sequence = link->end.sequence + 1,
                                        .first_lsn = aero_lsn_next(link->end.position.lsn),
                                        .nonce = fake_id(204),
                                        .prev_sequence = link->end.sequence,
                                        .prev_end_offset = link->end.offset,
                                        .prev_end = link->end.position};
}

static void tell_segment(struct link *link, struct aero_segment_header *header)
{
    uint8_t raw[AERO_SEGMENT_HEADER_BYTES];
    header->first_lsn = aero_lsn_next(header->prev_end.lsn);
    aero_segment_header_encode(header, raw);
    tell_frame(link, AERO_FRAME_SEGMENT, aero_slice_of(raw, sizeof raw));
}

/* REP-2: each of the fields that tie a segment to the one before it. */
static void test_segment_must_go_on_where_the_log_ends(void **state)
{
    (void)state;
    for (unsigned lie = 0; lie <= 5; lie++) {
        struct link *link = streaming();
        struct aero_segment_header header = successor_of(link);
        header.sequence += lie == 1;
        header.prev_sequence -= lie == 2;
        header.prev_end_offset += lie == 3 ? 8 : 0;
        header.prev_end.lsn.value += lie == 4;
        header.prev_end.chain ^= lie == 5;
        tell_segment(link, &header);
        if (lie == 0) {
            assert_int_equal(link->actions[AERO_RECEIVER_BEGIN_SEGMENT], 4);
        } else {
            assert_ends(link, lie == 5 ? AERO_HALT_DIVERGED : AERO_HALT_GAP);
            assert_int_equal(link->actions[AERO_RECEIVER_BEGIN_SEGMENT], 3);
        }
        link_free(link);
    }
}

static void test_segment_header_that_does_not_verify_halts(void **state)
{
    (void)state;
    struct link *link = streaming();
    uint8_t raw[AERO_SEGMENT_HEADER_BYTES] = {0};
    tell_frame(link, AERO_FRAME_SEGMENT, aero_slice_of(raw, sizeof raw));
    assert_ends(link, AERO_HALT_STREAM_DAMAGED);
    link_free(link);
}

/* Decision 24: behind a snapshot the WAL begins with the segment that was named, at or before the state, on its history. */
static void test_first_segment_must_lead_to_the_state(void **state)
{
    (void)state;
    struct link *whole = streaming();
    const struct {
        struct aero_position end;
        size_t segment; /* 0: the first one */
        enum aero_halt_reason halt;
    } cases[] = {
        {fake_log_place(&whole->primary, 9).position, 2, 0},
        {fake_log_place(&whole->primary, 12).position, 2, 0},
        {fake_log_place(&whole->primary, 12).position, 1, AERO_HALT_GAP}, /* not the named one */
        {fake_log_place(&whole->primary, 8).position, 2,
         AERO_HALT_GAP}, /* LSN 9 would be missing */
        {{.lsn = {.value = 9}, .chain = 77}, 2, AERO_HALT_DIVERGED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct link *link = loaded(cases[i].end);
        struct aero_message message = resume(link);
        message.as.verdict.resume_sequence = 3;
        link_tell(link, &message);
        tell_frame(
            link, AERO_FRAME_SEGMENT,
            aero_slice_of(link->primary.bytes[cases[i].segment].data, AERO_SEGMENT_HEADER_BYTES));
        assert_int_equal(link->actions[AERO_RECEIVER_BEGIN_SEGMENT], cases[i].halt == 0);
        if (cases[i].halt != 0) {
            assert_ends(link, cases[i].halt);
        }
        link_free(link);
    }
    link_free(whole);
}

/* ---- Footers ---- */

static struct aero_segment_footer footer_of(const struct link *link)
{
    return (struct aero_segment_footer){
        .sequence = link->end.sequence,
        .end_offset = link->end.offset,
        .end = link->end.position,
        .record_count = 5,
        .segment_nonce = aero_segment_nonce64(link->header.nonce),
    };
}

static void tell_seal(struct link *link, const struct aero_segment_footer *footer)
{
    uint8_t raw[AERO_SEGMENT_FOOTER_BYTES];
    aero_segment_footer_encode(footer, raw);
    tell_frame(link, AERO_FRAME_SEAL, aero_slice_of(raw, sizeof raw));
}

static void test_footer_must_seal_what_is_here(void **state)
{
    (void)state;
    for (unsigned lie = 0; lie <= 6; lie++) {
        struct link *link = streaming();
        struct aero_segment_footer footer = footer_of(link);
        footer.sequence += lie == 1;
        footer.end_offset += lie == 2 ? 8 : 0;
        footer.end.chain ^= lie == 3;
        footer.segment_nonce ^= lie == 4;
        footer.record_count += lie == 5;
        footer.end.lsn.value += lie == 6; /* it seals records that never came */
        tell_seal(link, &footer);
        assert_int_equal(link->actions[AERO_RECEIVER_SEAL], lie == 0 ? 2 : 1);
        if (lie != 0) {
            assert_ends(link, lie == 6 ? AERO_HALT_GAP : AERO_HALT_STREAM_DAMAGED);
        }
        link_free(link);
    }
}

static void test_footer_out_of_place_halts(void **state)
{
    (void)state;
    for (unsigned lie = 0; lie < 3; lie++) {
        struct link *link = streaming();
        struct aero_segment_footer footer = footer_of(link);
        uint8_t raw[AERO_SEGMENT_FOOTER_BYTES] = {0};
        if (lie == 0) { /* no footer at all */
            tell_frame(link, AERO_FRAME_SEAL, aero_slice_of(raw, sizeof raw));
        } else if (lie == 1) { /* sealed already */
            tell_seal(link, &footer);
            tell_seal(link, &footer);
        } else { /* inside a record */
            fake_log_append(&link->primary, 20, 9);
            const uint8_t *record = link->primary.bytes[2].data + link->end.offset;
            tell_chunk(link, AERO_FRAME_CHUNK, 3, link->end.offset, aero_slice_of(record, 40));
            tell_seal(link, &footer);
        }
        assert_ends(link, AERO_HALT_STREAM_DAMAGED);
        link_free(link);
    }
}

/* ---- Records ---- */

static void test_bytes_are_taken_behind_the_end_of_an_open_segment_only(void **state)
{
    (void)state;
    for (unsigned lie = 0; lie <= 3; lie++) {
        struct link *link = streaming();
        struct aero_segment_footer footer = footer_of(link);
        struct aero_slice record = next_record(link);
        uint64_t offset = link->end.offset;
        if (lie == 3) {
            tell_seal(link, &footer);
        }
        tell_chunk(link, AERO_FRAME_CHUNK, lie == 1 ? 4 : 3, lie == 2 ? offset + 8 : offset,
                   record);
        if (lie == 0) {
            assert_int_equal(link->end.position.lsn.value, 15);
        } else {
            assert_ends(link, AERO_HALT_GAP);
            assert_int_equal(link->end.position.lsn.value, 14);
        }
        link_free(link);
    }
}

static void test_bytes_before_any_segment_halt(void **state)
{
    (void)state;
    struct link *whole = streaming();
    struct link *link = loaded(fake_log_place(&whole->primary, 9).position);
    struct aero_message message = resume(link);
    message.as.verdict.resume_sequence = 3;
    link_tell(link, &message);
    tell_chunk(link, AERO_FRAME_CHUNK, 0, 0, next_record(link));
    assert_ends(link, AERO_HALT_GAP);
    link_free(link);
    link_free(whole);
}

/* Its beginning waits inside; it is judged once it is whole. */
static void test_record_whose_second_half_is_damaged_halts(void **state)
{
    (void)state;
    for (size_t half = 40; half <= 70; half += 30) { /* inside the header, inside the payload */
        struct link *link = streaming();
        struct aero_buffer record = {0};
        aero_buffer_append_slice(&record, next_record(link));
        record.data[half + 1] ^= 1;
        uint64_t offset = link->end.offset;
        tell_chunk(link, AERO_FRAME_CHUNK, 3, offset, aero_slice_of(record.data, half));
        assert_int_equal(link->actions[AERO_RECEIVER_HALT], 0);
        tell_chunk(link, AERO_FRAME_CHUNK, 3, offset + half,
                   aero_slice_of(record.data + half, record.length - half));
        assert_ends(link, AERO_HALT_STREAM_DAMAGED);
        assert_int_equal(link->end.position.lsn.value, 14);
        aero_buffer_deinit(&record);
        link_free(link);
    }
}

/* What an earlier life of a recycled file left behind is no record of this segment, sound as it is. */
static void test_record_of_another_segment_halts_as_damage(void **state)
{
    (void)state;
    struct link *link = streaming();
    link->primary.files[2].header.nonce = fake_id(999);
    tell_chunk(link, AERO_FRAME_CHUNK, 3, link->end.offset, next_record(link));
    assert_ends(link, AERO_HALT_STREAM_DAMAGED);
    link_free(link);
}

/* ---- Snapshots ---- */

/* A snapshot of 1000 bytes begins. */
static struct link *seeding(uint64_t window_bytes)
{
    struct link *link = link_new();
    struct aero_receiver_options options = {.window_bytes = window_bytes};
    aero_receiver_free(link->receiver);
    link->receiver = aero_receiver_new(&options);
    struct aero_message_hello hello = link_hello(link);
    link_say_hello(link, &hello);
    struct aero_message message = resume(link);
    message.as.verdict.kind = AERO_HANDSHAKE_NEED_SNAPSHOT;
    message.as.verdict.snapshot.id = fake_id(300);
    message.as.verdict.snapshot.size_bytes = 1000;
    link_tell(link, &message);
    assert_string_equal(state_of(link), "snapshot");
    return link;
}

static void test_piece_of_a_snapshot_must_be_the_one_that_is_due(void **state)
{
    (void)state;
    static const uint8_t bytes[1001] = {1};
    static const struct {
        uint64_t offset;
        uint64_t reserved;
        size_t length;
        bool taken;
    } cases[] = {{0, 0, 1000, true}, {8, 0, 400, false}, {0, 1, 400, false}, {0, 0, 1001, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct link *link = seeding(0);
        tell_chunk(link, AERO_FRAME_SNAPSHOT_CHUNK, cases[i].offset, cases[i].reserved,
                   aero_slice_of(bytes, cases[i].length));
        assert_int_equal(link->snapshot.length, cases[i].taken ? 1000 : 0);
        if (!cases[i].taken) {
            assert_ends(link, 0);
        }
        link_free(link);
    }
}

static void test_snapshot_that_ends_early_is_a_fault(void **state)
{
    (void)state;
    struct link *link = seeding(0);
    tell_frame(link, AERO_FRAME_SNAPSHOT_END, aero_slice_of(NULL, 0));
    assert_ends(link, 0);
    assert_int_equal(link->actions[AERO_RECEIVER_SNAPSHOT_END], 0);
    link_free(link);
}

static void test_snapshot_beyond_what_was_granted_is_a_fault(void **state)
{
    (void)state;
    static const uint8_t bytes[700] = {1};
    struct link *link = seeding(600);
    tell_chunk(link, AERO_FRAME_SNAPSHOT_CHUNK, 0, 0, aero_slice_of(bytes, sizeof bytes));
    assert_ends(link, 0);
    assert_int_equal(link->snapshot.length, 0);
    link_free(link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segment_must_go_on_where_the_log_ends),
        cmocka_unit_test(test_segment_header_that_does_not_verify_halts),
        cmocka_unit_test(test_first_segment_must_lead_to_the_state),
        cmocka_unit_test(test_footer_must_seal_what_is_here),
        cmocka_unit_test(test_footer_out_of_place_halts),
        cmocka_unit_test(test_bytes_are_taken_behind_the_end_of_an_open_segment_only),
        cmocka_unit_test(test_bytes_before_any_segment_halt),
        cmocka_unit_test(test_record_whose_second_half_is_damaged_halts),
        cmocka_unit_test(test_record_of_another_segment_halts_as_damage),
        cmocka_unit_test(test_piece_of_a_snapshot_must_be_the_one_that_is_due),
        cmocka_unit_test(test_snapshot_that_ends_early_is_a_fault),
        cmocka_unit_test(test_snapshot_beyond_what_was_granted_is_a_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
