/* SPDX-License-Identifier: Apache-2.0 */
/* The replica's end alone: what it makes of each verdict and of messages out of turn, and what it says when. */
#include "tests/unit/shipping/receiver_bench.h"

/* ---- The verdict ---- */

static void test_each_verdict_has_its_own_consequence(void **state)
{
    (void)state;
    static const struct {
        enum aero_handshake_kind kind;
        enum aero_halt_reason halt;
    } cases[] = {
        {AERO_HANDSHAKE_DIVERGED, AERO_HALT_DIVERGED},
        {AERO_HANDSHAKE_SUPERSEDED, AERO_HALT_AUTHORITY},
        {AERO_HANDSHAKE_EPOCH_CLASH, AERO_HALT_AUTHORITY},
        {AERO_HANDSHAKE_UNPROVABLE, AERO_HALT_UNPROVABLE},
        {AERO_HANDSHAKE_WRONG_CLUSTER, AERO_HALT_WRONG_CLUSTER},
        {AERO_HANDSHAKE_UNAVAILABLE, 0},
        {AERO_HANDSHAKE_NAME_NOT_ALLOWED, 0},
        {AERO_HANDSHAKE_VERSION, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct aero_message_hello hello;
        struct link *link = greeting(&hello);
        struct aero_message message = resume(link);
        message.as.verdict.kind = cases[i].kind;
        link_tell(link, &message);
        assert_int_equal(link->verdict, cases[i].kind);
        assert_ends(link, cases[i].halt);
        assert_string_equal(cases[i].halt != 0 ? link->halt_text : link->reconnect_text, "because");
        link_free(link);
    }
}

static void test_primary_of_another_cluster_halts(void **state)
{
    (void)state;
    static const enum aero_handshake_kind kinds[] = {AERO_HANDSHAKE_RESUME,
                                                     AERO_HANDSHAKE_NEED_SNAPSHOT};
    for (size_t i = 0; i < 2; i++) {
        struct aero_message_hello hello;
        struct link *link = greeting(&hello);
        struct aero_message message = resume(link);
        message.as.verdict.kind = kinds[i];
        message.as.verdict.snapshot.id = fake_id(300);
        message.as.verdict.cluster_id = fake_id(2);
        link_tell(link, &message);
        assert_ends(link, AERO_HALT_WRONG_CLUSTER);
        assert_int_equal(link->actions[AERO_RECEIVER_SNAPSHOT_BEGIN], 0);
        link_free(link);
    }
}

/* Where the log ends, or at the header of the segment behind it; nowhere else. */
static void test_resume_is_taken_where_the_log_ends_only(void **state)
{
    (void)state;
    struct link *whole = streaming();
    uint64_t end = whole->end.offset;
    link_free(whole);
    const struct {
        uint64_t sequence;
        uint64_t offset;
        bool taken;
    } cases[] = {{3, end, true}, {4, 0, true},    {2, 0, false}, {3, 0, false},
                 {4, 8, false},  {2, end, false}, {0, 0, false}, {4, end, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct aero_message_hello hello;
        struct link *link = greeting(&hello);
        struct aero_message message = resume(link);
        message.as.verdict.resume_sequence = cases[i].sequence;
        message.as.verdict.resume_offset = cases[i].offset;
        link_tell(link, &message);
        if (cases[i].taken) {
            assert_string_equal(state_of(link), "streaming");
        } else {
            assert_ends(link, 0);
            assert_non_null(strstr(link->reconnect_text, "not named"));
        }
        link_free(link);
    }
}

static void test_history_that_does_not_decode_is_a_fault(void **state)
{
    (void)state;
    struct aero_message_hello hello;
    struct link *link = greeting(&hello);
    struct aero_message message = resume(link);
    message.as.verdict.history = aero_slice_text("no history");
    link_tell(link, &message);
    assert_ends(link, 0);
    assert_int_equal(link->actions[AERO_RECEIVER_HISTORY], 0);
    link_free(link);
}

/* A primary that does not know who wrote my last segment cannot have proven that I am on its history. */
static void test_history_without_my_last_incarnation_halts(void **state)
{
    (void)state;
    struct aero_message_hello hello;
    struct link *link = greeting(&hello);
    struct aero_history first = link->primary.history;
    first.incarnation_count = 1;
    struct aero_buffer bytes = {0};
    aero_handshake_encode_history(&first, &bytes);
    struct aero_message message = resume(link);
    message.as.verdict.history = aero_buffer_slice(&bytes);
    link_tell(link, &message);
    assert_ends(link, AERO_HALT_UNPROVABLE);
    aero_buffer_deinit(&bytes);
    link_free(link);
}

/* From its beginning, or where the transfer of the very same snapshot broke. */
static void test_snapshot_is_taken_from_a_named_place_only(void **state)
{
    (void)state;
    static const struct {
        unsigned id;
        uint64_t offset;
        bool taken;
    } cases[] = {{300, 500, true},  {300, 0, true},    {301, 0, true},
                 {300, 499, false}, {301, 500, false}, {0, 0, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct link *link = link_new();
        struct aero_message_hello hello = link_hello(link);
        hello.snapshot_id = fake_id(300);
        hello.snapshot_verified = 500;
        link_say_hello(link, &hello);
        struct aero_message message = resume(link);
        message.as.verdict.kind = AERO_HANDSHAKE_NEED_SNAPSHOT;
        message.as.verdict.snapshot.id = cases[i].id != 0 ? fake_id(cases[i].id) : (aero_id){{0}};
        message.as.verdict.snapshot.size_bytes = 1000;
        message.as.verdict.snapshot_offset = cases[i].offset;
        link_tell(link, &message);
        assert_int_equal(link->actions[AERO_RECEIVER_SNAPSHOT_BEGIN], cases[i].taken);
        if (!cases[i].taken) {
            assert_ends(link, 0);
        }
        link_free(link);
    }
}

/* ---- Messages out of turn ---- */

static void test_message_out_of_turn_is_a_fault(void **state)
{
    (void)state;
    static const enum aero_frame_type types[] = {AERO_FRAME_FETCH_RECORD, AERO_FRAME_HISTORY,
                                                 AERO_FRAME_ACK};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct aero_message_hello hello;
        struct link *link = greeting(&hello);
        struct aero_message message = {.type = types[i]};
        if (types[i] == AERO_FRAME_HISTORY) {
            message.as.history.history = hello.history;
        }
        link_tell(link, &message);
        assert_ends(link, 0);
        link_free(link);
    }
    struct link *link = streaming();
    aero_handshake_encode_history(&link->history, &link->hello_history);
    struct aero_message message = resume(link); /* a second verdict */
    link_tell(link, &message);
    assert_ends(link, 0);
    link_free(link);
}

/* What the owner learns late is for nobody once the connection is another one, or gone. */
static void test_owner_that_comes_late_says_nothing(void **state)
{
    (void)state;
    struct aero_message message;
    const struct aero_message_digest_mismatch mismatch = {.lsn = {.value = 3}};
    struct link *link = streaming();
    aero_receiver_give_record(link->receiver, aero_slice_of(NULL, 0), aero_slice_of(NULL, 0));
    assert_int_equal(take_output(link, &message), 0);
    aero_receiver_report_mismatch(link->receiver, &mismatch);
    assert_int_equal(take_output(link, &message), AERO_FRAME_DIGEST_MISMATCH);
    assert_int_equal(message.as.digest_mismatch.lsn.value, 3);
    link_lose(link);
    aero_receiver_report_mismatch(link->receiver, &mismatch);
    aero_receiver_close(link->receiver, AERO_BYE_SHUTDOWN, "going down");
    link->now.value += 60000000000ULL;
    aero_receiver_tick(link->receiver, link->now);
    tell_frame(link, AERO_FRAME_SNAPSHOT_END, aero_slice_of(NULL, 0));
    assert_int_equal(take_output(link, &message), 0);
    assert_string_equal(state_of(link), "offline");
    link_free(link);
    aero_receiver_free(NULL);
}

/* Gulps that arrive before the owner looks: nothing of the first is forgotten with the second. */
static void test_actions_wait_for_an_owner_that_is_late(void **state)
{
    (void)state;
    struct link *link = streaming();
    uint64_t start = link->primary.end.offset;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t offset = link->primary.end.offset;
        struct aero_slice record = next_record(link);
        struct aero_buffer frames = {0};
        aero_frame_append_chunk(&frames, AERO_FRAME_CHUNK, 3, offset, record);
        aero_receiver_on_bytes(link->receiver, aero_buffer_slice(&frames), link->now);
        aero_buffer_deinit(&frames);
    }
    assert_int_equal(link->end.offset, start);
    link_take_actions(link);
    link_assert_equal(link);
    assert_int_equal(link->end.position.lsn.value, 16);
    link_free(link);
}

static void test_close_says_bye_once(void **state)
{
    (void)state;
    struct aero_message message;
    struct link *link = streaming();
    aero_receiver_close(link->receiver, AERO_BYE_SHUTDOWN, "going down");
    aero_receiver_close(link->receiver, AERO_BYE_SHUTDOWN, "going down");
    assert_int_equal(take_output(link, &message), AERO_FRAME_BYE);
    assert_string_equal(message.as.bye.text, "going down");
    assert_int_equal(take_output(link, &message), 0);
    link_free(link);
}

/* ---- Acknowledgements ---- */

static void assert_acknowledges(struct link *link, uint64_t received, uint64_t durable,
                                uint64_t durable_sequence, uint64_t applied)
{
    struct aero_message message;
    assert_int_equal(take_output(link, &message), AERO_FRAME_ACK);
    assert_int_equal(message.as.ack.received.value, received);
    assert_int_equal(message.as.ack.durable.value, durable);
    assert_int_equal(message.as.ack.durable_sequence, durable_sequence);
    assert_int_equal(message.as.ack.applied.value, applied);
    assert_int_equal(take_output(link, &message), 0);
}

static struct aero_wal_place durable_at(uint64_t sequence, uint64_t lsn)
{
    return (struct aero_wal_place){.sequence = sequence, .position.lsn = {.value = lsn}};
}

/* One change at a time: what is told at once, and what waits for company. */
static void test_each_progress_is_acknowledged_by_itself(void **state)
{
    (void)state;
    struct aero_message message;
    struct link *link = link_new();
    struct aero_receiver_options options = {.window_bytes = 8000};
    aero_receiver_free(link->receiver);
    link->receiver = aero_receiver_new(&options);
    link->keeps = true;
    fake_log_grow(&link->primary);
    link_connect(link);
    link_run(link);
    struct aero_slice record = next_record(link);
    tell_chunk(link, AERO_FRAME_CHUNK, 3, link->end.offset, record);
    assert_int_equal(take_output(link, &message), 0); /* received: nothing that hurries */
    link->now.value += 1000000000U;
    aero_receiver_tick(link->receiver, link->now);
    assert_int_equal(take_output(link, &message), AERO_FRAME_HEARTBEAT);
    assert_acknowledges(link, 15, 0, 0, 0);
    aero_receiver_on_durable(link->receiver, durable_at(0, 13));
    assert_acknowledges(link, 15, 13, 0, 0);
    aero_receiver_on_durable(link->receiver, durable_at(3, 13));
    assert_acknowledges(link, 15, 13, 3, 0);
    aero_receiver_on_applied(link->receiver, aero_lsn_of(12));
    assert_acknowledges(link, 15, 13, 3, 12);
    aero_receiver_release(link->receiver, 999);
    assert_int_equal(take_output(link, &message), 0);
    aero_receiver_release(link->receiver, 1); /* an eighth of the window has come back */
    assert_acknowledges(link, 15, 13, 3, 12);
    link_free(link);
}

/* Durable is said of what this connection's log has: a state may be ahead of it. */
static void test_durable_beyond_what_was_received_is_not_acknowledged(void **state)
{
    (void)state;
    struct link *link = streaming();
    aero_receiver_on_durable(link->receiver, durable_at(9, 99));
    aero_receiver_on_applied(link->receiver, aero_lsn_of(99));
    assert_acknowledges(link, 14, 14, 0, 99);
    link_free(link);
}

/* ---- Options and status ---- */

static void test_window_of_a_few_bytes_lets_everything_through(void **state)
{
    (void)state;
    struct link *link = link_new();
    struct aero_receiver_options options = {.window_bytes = 4};
    aero_receiver_free(link->receiver);
    link->receiver = aero_receiver_new(&options);
    fake_log_grow(&link->primary);
    link_connect(link);
    link_run(link);
    link_assert_equal(link);
    link_free(link);
}

static void test_times_of_the_owner_hold(void **state)
{
    (void)state;
    struct aero_message message;
    struct link *link = link_new();
    struct aero_receiver_options options = {.heartbeat_interval_ns = 100, .timeout_ns = 300};
    aero_receiver_free(link->receiver);
    link->receiver = aero_receiver_new(&options);
    struct aero_message_hello hello = link_hello(link);
    link_say_hello(link, &hello);
    assert_int_equal(take_output(link, &message), AERO_FRAME_HELLO);
    link->now.value += 99;
    aero_receiver_tick(link->receiver, link->now);
    assert_int_equal(take_output(link, &message), 0);
    link->now.value += 1;
    aero_receiver_tick(link->receiver, link->now);
    assert_int_equal(take_output(link, &message), AERO_FRAME_HEARTBEAT);
    link->now.value += 199;
    aero_receiver_tick(link->receiver, link->now);
    assert_int_equal(take_output(link, &message), AERO_FRAME_HEARTBEAT);
    link->now.value += 1;
    aero_receiver_tick(link->receiver, link->now);
    assert_int_equal(take_output(link, &message), AERO_FRAME_BYE);
    link_take_actions(link);
    assert_non_null(strstr(link->reconnect_text, "nothing was heard"));
    link_free(link);
}

static void test_each_reason_to_halt_has_a_name(void **state)
{
    (void)state;
    for (int a = AERO_HALT_GAP; a <= AERO_HALT_PRIMARY_LOST; a++) {
        assert_string_not_equal(aero_halt_text((enum aero_halt_reason)a), "?");
        for (int b = AERO_HALT_GAP; b < a; b++) {
            assert_string_not_equal(aero_halt_text((enum aero_halt_reason)a),
                                    aero_halt_text((enum aero_halt_reason)b));
        }
    }
    assert_string_equal(aero_halt_text((enum aero_halt_reason)0), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_verdict_has_its_own_consequence),
        cmocka_unit_test(test_primary_of_another_cluster_halts),
        cmocka_unit_test(test_resume_is_taken_where_the_log_ends_only),
        cmocka_unit_test(test_history_that_does_not_decode_is_a_fault),
        cmocka_unit_test(test_history_without_my_last_incarnation_halts),
        cmocka_unit_test(test_snapshot_is_taken_from_a_named_place_only),
        cmocka_unit_test(test_message_out_of_turn_is_a_fault),
        cmocka_unit_test(test_owner_that_comes_late_says_nothing),
        cmocka_unit_test(test_actions_wait_for_an_owner_that_is_late),
        cmocka_unit_test(test_close_says_bye_once),
        cmocka_unit_test(test_each_progress_is_acknowledged_by_itself),
        cmocka_unit_test(test_durable_beyond_what_was_received_is_not_acknowledged),
        cmocka_unit_test(test_window_of_a_few_bytes_lets_everything_through),
        cmocka_unit_test(test_times_of_the_owner_hold),
        cmocka_unit_test(test_each_reason_to_halt_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
