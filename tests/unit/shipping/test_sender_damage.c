/* SPDX-License-Identifier: Apache-2.0 */
/* What a sender does not ship (decision 24): bytes that verify by themselves and are not the ones that belong there, and files
 * that end too early. */
#include "tests/unit/shipping/link.h"

/* The primary's log, told to an empty replica, with whatever a test did to its files. */
static void assert_damage_stops_at(struct link *link, uint64_t lsn)
{
    link_connect(link);
    link_run(link);
    assert_int_equal(link->events[AERO_SENDER_DAMAGED], 1);
    assert_int_equal(link->actions[AERO_RECEIVER_HALT], 0);
    assert_int_equal(link->actions[AERO_RECEIVER_RECONNECT], 1);
    assert_int_equal(link->end.position.lsn.value, lsn);
    link_free(link);
}

static void test_sound_header_of_another_segment_is_damage(void **state)
{
    (void)state;
    for (unsigned lie = 0; lie < 2; lie++) {
        struct link *link = link_new();
        fake_log_grow(&link->primary);
        struct aero_segment_header header = link->primary.files[1].header;
        header.sequence += lie == 0;
        header.nonce = lie == 1 ? fake_id(999) : header.nonce;
        aero_segment_header_encode(&header, link->primary.bytes[1].data);
        assert_damage_stops_at(link, 5);
    }
}

static void test_sound_footer_of_another_end_is_damage(void **state)
{
    (void)state;
    for (unsigned lie = 0; lie < 4; lie++) {
        struct link *link = link_new();
        fake_log_grow(&link->primary);
        struct aero_buffer *bytes = &link->primary.bytes[0];
        uint8_t *raw = bytes->data + bytes->length - AERO_SEGMENT_FOOTER_BYTES;
        struct aero_segment_footer footer;
        assert_true(aero_is_ok(
            aero_segment_footer_decode(aero_slice_of(raw, AERO_SEGMENT_FOOTER_BYTES), &footer)));
        footer.sequence += lie == 0;
        footer.end_offset += lie == 1 ? 8 : 0;
        footer.end.chain ^= lie == 2;
        footer.segment_nonce ^= lie == 3;
        aero_segment_footer_encode(&footer, raw);
        assert_damage_stops_at(link, 5);
    }
}

/* Behind the end of a segment that was cut, the file's life before this one may have left a footer (decision 25). History: it was
 * reported as damage, and no replica behind it could go on. One of this segment would be: nothing was sealed here. */
static void test_footer_of_an_earlier_life_of_the_file_is_no_damage(void **state)
{
    (void)state;
    for (unsigned is_own = 0; is_own < 2; is_own++) {
        struct link *link = link_new();
        fake_log_grow(&link->primary);
        const struct aero_wal_file *cut = &link->primary.files[1];
        const struct aero_wal_file *file = &link->primary.files[is_own == 1 ? 1 : 0];
        struct aero_segment_footer footer = {
            .sequence = file->header.sequence,
            .end_offset = cut->end_offset,
            .end = file->header.prev_end,
            .record_count = 1,
            .segment_nonce = aero_segment_nonce64(file->header.nonce),
        };
        uint8_t raw[AERO_SEGMENT_FOOTER_BYTES] = {0};
        aero_segment_footer_encode(&footer, raw);
        aero_buffer_append(&link->primary.bytes[1], raw, sizeof raw);
        if (is_own == 1) {
            assert_damage_stops_at(link, 9);
            continue;
        }
        link_connect(link);
        link_run(link);
        assert_int_equal(link->events[AERO_SENDER_DAMAGED], 0);
        assert_int_equal(link->end.position.lsn.value, 14);
        link_free(link);
    }
}

/* A file shorter than what is durable in it: cut inside a later record, the first one's payload and its header. */
static void test_file_that_ends_inside_a_record_is_damage(void **state)
{
    (void)state;
    static const size_t lengths[] = {AERO_SEGMENT_HEADER_BYTES + 100,
                                     AERO_SEGMENT_HEADER_BYTES + 70,
                                     AERO_SEGMENT_HEADER_BYTES + 30};
    for (size_t i = 0; i < 3; i++) {
        struct link *link = link_new();
        fake_log_grow(&link->primary);
        link->primary.bytes[2].length = lengths[i];
        assert_damage_stops_at(link, 9);
    }
}

/* A file that stops at the end of a record, before what is durable in it. History: nothing was left to verify, so the same
 * read was wished for without end. */
static void test_file_that_ends_between_records_is_damage(void **state)
{
    (void)state;
    for (uint64_t lsn = 9; lsn <= 10; lsn++) {
        struct link *link = link_new();
        fake_log_grow(&link->primary);
        link->primary.bytes[2].length =
            lsn == 9 ? AERO_SEGMENT_HEADER_BYTES : fake_log_place(&link->primary, lsn).offset;
        link_connect(link);
        while (link_send_up(link)) {
        }
        struct aero_sender_read read;
        for (unsigned reads = 0; aero_sender_next_read(link->sender, &read); reads++) {
            assert_in_range(reads, 0, 100);
            size_t length = 0;
            aero_status status = fake_log_read(&link->primary, read.name, read.offset, read.into,
                                               read.length, &length);
            aero_sender_on_read(link->sender, status, length);
        }
        link_take_events(link);
        assert_int_equal(link->events[AERO_SENDER_DAMAGED], 1);
        struct aero_sender_status status;
        aero_sender_status(link->sender, &status);
        assert_int_equal(status.sent.value, lsn);
        link_free(link);
    }
}

static void test_durable_place_inside_a_record_is_damage(void **state)
{
    (void)state;
    struct link *link = link_new();
    fake_log_grow(&link->primary);
    link->primary.end = fake_log_place(&link->primary, 10);
    link->primary.end.offset = AERO_SEGMENT_HEADER_BYTES + 70;
    assert_damage_stops_at(link, 9);
}

static void test_snapshot_shorter_than_its_entry_is_damage(void **state)
{
    (void)state;
    struct link *link = link_with_snapshot(12, 1000);
    link->primary.snapshot_bytes.length = 900;
    link_connect(link);
    link_run(link);
    assert_int_equal(link->events[AERO_SENDER_DAMAGED], 1);
    assert_int_equal(link->snapshot.length, 0);
    assert_int_equal(link->actions[AERO_RECEIVER_SNAPSHOT_END], 0);
    link_free(link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound_header_of_another_segment_is_damage),
        cmocka_unit_test(test_sound_footer_of_another_end_is_damage),
        cmocka_unit_test(test_footer_of_an_earlier_life_of_the_file_is_no_damage),
        cmocka_unit_test(test_file_that_ends_inside_a_record_is_damage),
        cmocka_unit_test(test_file_that_ends_between_records_is_damage),
        cmocka_unit_test(test_durable_place_inside_a_record_is_damage),
        cmocka_unit_test(test_snapshot_shorter_than_its_entry_is_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
