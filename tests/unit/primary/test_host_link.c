/* SPDX-License-Identifier: Apache-2.0 */
/* The link of a primary turn by turn: who is let in, what is told when, and what becomes of links that are cut in each phase. */
#include "tests/unit/broken_thread.h"
#include "tests/unit/primary/link_bench.h"

#include <time.h>

#define EARLY_MAX ((size_t)4 << 20)

static struct bench *bench;

static int set_up(void **state)
{
    (void)state;
    bench = bench_start();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bench_free(bench);
    return 0;
}

static const struct aero_link_replica *slot(unsigned index)
{
    return &bench->link->replicas[index];
}

/* ---- From connection to shipping ---- */

static void test_replica_is_answered_and_gets_what_is_durable(void **state)
{
    (void)state;
    write_bytes(bench, "a", 100);
    struct peer *peer = follow(bench, 0);
    AWAIT(bench, peer->count[AERO_FRAME_CHUNK] == 1);
    write_bytes(bench, "b", 100);
    AWAIT(bench, peer->count[AERO_FRAME_CHUNK] == 2);
    assert_string_equal(peer->primary_name, "primary");
    assert_true(kept_log_has(&bench->log, "event=replica_greeted replica=replica1"));
}

/* The loop may answer before it ever published: the link waits for a view, and asks nobody twice. */
static void test_answer_before_the_first_view_waits_for_it(void **state)
{
    (void)state;
    struct peer *peer = dial(bench, 0);
    say_hello(bench, peer);
    hear_link(bench);
    for (unsigned i = 0; i < 10; i++) {
        link_turn(bench);
    }
    assert_null(bench->link->view);
    assert_null(slot(0)->sender);
    AWAIT(bench, peer->count[AERO_FRAME_VERDICT] == 1);
    assert_int_equal(peer->verdict, AERO_HANDSHAKE_RESUME);
}

static void test_hello_after_the_answer_is_heard_as_well(void **state)
{
    (void)state;
    struct peer *peer = dial(bench, 0);
    AWAIT(bench, slot(0)->sender != NULL);
    assert_int_equal(peer->got_bytes, 0);
    say_hello(bench, peer);
    AWAIT(bench, peer->count[AERO_FRAME_VERDICT] == 1);
    assert_int_equal(peer->verdict, AERO_HANDSHAKE_RESUME);
}

/* DET-3: what comes before the loop answers is bounded. */
static void test_peer_that_floods_before_its_answer_is_closed(void **state)
{
    (void)state;
    struct peer *peer = dial(bench, 0);
    uint8_t *bytes = aero_calloc(1, EARLY_MAX + 1);
    assert_int_equal(aero_connection_write(peer->connection, aero_slice_of(bytes, EARLY_MAX + 1)),
                     EARLY_MAX + 1);
    while (peer->connection != NULL) {
        link_turn(bench);
        assert_in_range(slot(0)->early.length, 0, EARLY_MAX);
    }
    assert_int_equal(slots_taken(bench), 0);
    assert_int_equal(peer->got_bytes, 0);
    free(bytes);
}

static void test_connection_that_goes_before_its_answer_leaves_nothing(void **state)
{
    (void)state;
    struct peer *peer = dial(bench, 0);
    hang_up(bench, peer);
    while (slots_taken(bench) > 0) {
        link_turn(bench);
    }
    loop_turn(bench); /* answers a question whose asker is gone */
    assert_false(kept_log_has(&bench->log, "replica_gone"));
    follow(bench, 0);
    assert_int_equal(slots_taken(bench), 1);
}

static void test_more_replicas_than_may_be_are_turned_away(void **state)
{
    (void)state;
    bench->link->replicas_max = 1;
    struct peer *first = follow(bench, 0);
    struct peer *second = &bench->peers[1];
    dial_as(bench, second, second);
    AWAIT(bench, second->closed == 1);
    assert_int_equal(second->opened, 1);
    assert_true(kept_log_has(&bench->log, "event=replica_rejected node=replica2"));
    assert_true(kept_log_has(&bench->log, "event=replica_refused"));
    assert_non_null(first->connection);
    hang_up(bench, first);
    AWAIT(bench, slots_taken(bench) == 0);
    follow(bench, 1);
}

/* ---- The same node once more ---- */

static void test_newer_connection_of_a_node_replaces_the_older(void **state)
{
    (void)state;
    struct peer *older = follow(bench, 0);
    struct peer *other = follow(bench, 1);
    struct peer *newer = &bench->peers[2];
    dial_as(bench, newer, older);
    AWAIT(bench, older->closed == 1);
    assert_int_equal(older->bye.code, AERO_BYE_REPLACED);
    AWAIT(bench, slots_taken(bench) == 2);
    assert_non_null(newer->connection);
    assert_non_null(other->connection);
}

static void test_newer_connection_replaces_one_that_was_not_answered(void **state)
{
    (void)state;
    struct peer *older = dial(bench, 0);
    struct peer *newer = &bench->peers[2];
    dial_as(bench, newer, older);
    while (older->closed == 0) {
        link_turn(bench);
    }
    assert_int_equal(older->got_bytes, 0);
    AWAIT(bench, newer->opened == 1 && slots_taken(bench) == 1);
}

/* ---- A mailbox that is full ---- */

/* The loop stands still, and 64 things are told already. */
static void fill_mailbox(void)
{
    struct aero_fleet_event event = {
        .connection = 1000, .kind = AERO_SENDER_CLOSED, .name = "filler", .text = "the test"};
    while (aero_mailbox_post(&bench->link->mailbox, &event)) {
    }
}

/* What found no room is told when there is some, in order; a slot is not given away before that. */
static void test_events_that_found_no_room_are_told_when_there_is_some(void **state)
{
    (void)state;
    struct peer *other = follow(bench, 1);
    struct peer *peer = dial(bench, 0);
    AWAIT(bench, slot(1)->sender != NULL);
    fill_mailbox();
    say_hello(bench, peer);
    while (peer->count[AERO_FRAME_VERDICT] == 0) {
        link_turn(bench);
    }
    assert_true(slot(1)->must_tell);
    hang_up(bench, peer);
    while (slot(1)->connection != NULL) {
        link_turn(bench);
    }
    assert_int_equal(slots_taken(bench), 2);
    assert_false(kept_log_has(&bench->log, "replica_greeted replica=replica1"));
    aero_host_wake_arm(&bench->link->wake);
    hear_link(bench);
    assert_false(atomic_load(&bench->link->wake.armed)); /* the link was woken, to tell the rest */
    dial_as(bench, &bench->peers[2], peer); /* the same name: nobody is there to be replaced */
    AWAIT(bench, slots_taken(bench) == 2 && bench->peers[2].opened == 1);
    assert_true(kept_log_has(&bench->log, "event=replica_greeted replica=replica1"));
    assert_true(kept_log_has(&bench->log, "event=replica_gone replica=replica1"));
    assert_non_null(other->connection);
}

/* The replica is told at once, also while the loop is not. */
static void test_goodbye_is_said_while_the_mailbox_is_full(void **state)
{
    (void)state;
    struct peer *gone = follow(bench, 0);
    struct peer *peer = follow(bench, 1);
    fill_mailbox();
    hang_up(bench, gone);
    while (slot(0)->connection != NULL) {
        link_turn(bench);
    }
    for (unsigned i = 0; i < 2; i++) {
        aero_link_say_bye(&bench->link->replicas[i], AERO_BYE_SHUTDOWN, "the test ends");
    }
    while (peer->closed == 0) {
        link_turn(bench);
    }
    assert_int_equal(peer->bye.code, AERO_BYE_SHUTDOWN);
    assert_int_equal(slots_taken(bench), 2);
    AWAIT(bench, slots_taken(bench) == 0);
    assert_true(kept_log_has(&bench->log, "event=replica_gone replica=replica2"));
}

/* ---- Replicas that do not read, disks that do not either ---- */

static void write_megabytes(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char key[16];
        snprintf(key, sizeof key, "big%u", i);
        write_bytes(bench, key, 1000000);
    }
}

/* For longer than the kernel's own timers: an acknowledgement that it holds back may let some more through. */
static void turn_for_a_while(void)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    for (unsigned i = 0; i < 40; i++) {
        nanosleep(&pause, NULL);
        link_turn(bench);
    }
}

/* A replica that is behind by more than fits on the way, and reads nothing. */
static struct peer *follow_without_reading(void)
{
    write_megabytes(16);
    struct peer *peer = dial(bench, 0);
    aero_connection_set_reading(peer->connection, false);
    say_hello(bench, peer);
    AWAIT(bench, slot(0)->sender != NULL);
    struct aero_sender_status status = {.queued_bytes = 0};
    uint64_t shipped_bytes;
    do { /* until nothing moves any more */
        shipped_bytes = status.shipped_bytes;
        turn_for_a_while();
        aero_sender_status(slot(0)->sender, &status);
    } while (status.queued_bytes == 0 || status.shipped_bytes != shipped_bytes);
    return peer;
}

/* What was promised to it still leaves, and behind it the reason; what it says meanwhile is not heard. */
static void test_goodbye_waits_behind_what_a_slow_replica_has_not_read(void **state)
{
    (void)state;
    struct peer *peer = follow_without_reading();
    aero_link_say_bye(&bench->link->replicas[0], AERO_BYE_SHUTDOWN, "the test ends");
    assert_true(slot(0)->said_closed);
    assert_non_null(slot(0)->connection);
    say_hello(bench, peer);
    for (unsigned i = 0; i < 10; i++) {
        link_turn(bench);
    }
    assert_int_equal(peer->got_bytes, 0);
    aero_connection_set_reading(peer->connection, true);
    AWAIT(bench, peer->closed == 1);
    assert_int_equal(peer->bye.code, AERO_BYE_SHUTDOWN);
    assert_int_equal(peer->count[AERO_FRAME_VERDICT], 1);
    assert_true(peer->got_bytes > 1000000);
    AWAIT(bench, slots_taken(bench) == 0);
}

/* History: who was revoked kept its connection, and a slot, for as long as it did not read. */
static void test_goodbye_that_is_not_read_is_not_waited_for_forever(void **state)
{
    (void)state;
    struct peer *peer = follow_without_reading();
    struct aero_link_replica *replica = &bench->link->replicas[0];
    aero_link_say_bye(replica, AERO_BYE_SHUTDOWN, "the test ends");
    replica->closing_ticks = AERO_LINK_CLOSING_TICKS_MAX - 1;
    while (replica->closing_ticks < AERO_LINK_CLOSING_TICKS_MAX) {
        link_turn(bench);
    }
    aero_connection_set_reading(peer->connection, true);
    AWAIT(bench, peer->closed == 1);
    assert_int_equal(peer->count[AERO_FRAME_BYE], 0);
    AWAIT(bench, slots_taken(bench) == 0);
}

static void test_large_backlog_is_shipped_whole(void **state)
{
    (void)state;
    write_megabytes(12);
    struct peer *peer = follow(bench, 0);
    AWAIT(bench, peer->got_bytes > 12000000);
    assert_non_null(peer->connection);
}

/* The disk fails for one read: the link ends with the reason, and the file is opened anew by the next one. */
static void test_segment_that_cannot_be_read_ends_the_link_and_not_the_next_one(void **state)
{
    (void)state;
    write_bytes(bench, "a", 100);
    for (unsigned i = 0; i < 2; i++) {
        if (i == 0) {
            bench->disk.fault =
                (struct memory_fault){.call = "open", .name = ".seg", .sys_errno = EIO};
        } else {
            bench->disk.bad_to = UINT64_MAX;
            bench->disk.bad_reads = 1;
        }
        struct peer *peer = dial(bench, i);
        say_hello(bench, peer);
        AWAIT(bench, peer->closed == 1);
        assert_int_equal(peer->bye.code, AERO_BYE_DAMAGED);
        assert_int_equal(peer->count[AERO_FRAME_CHUNK], 0);
        assert_true(kept_log_has(&bench->log, "event=wal_damaged"));
        AWAIT(bench, slots_taken(bench) == 0);
        aero_buffer_clear(&bench->log);
    }
    struct peer *peer = follow(bench, 2);
    AWAIT(bench, peer->count[AERO_FRAME_CHUNK] == 1);
}

/* ---- Reloads ---- */

static bool reload(const char **out_text)
{
    return bench->port.ops->reload(bench->port.self, bench->config, out_text);
}

static void test_reload_tells_a_replica_that_is_not_allowed_any_more(void **state)
{
    (void)state;
    const char *text = NULL;
    struct peer *out = follow(bench, 0);
    struct peer *in = follow(bench, 1);
    set_key(bench->config, "allowed_nodes", "replica2");
    assert_true(reload(&text));
    AWAIT(bench, out->closed == 1);
    assert_non_null(strstr(out->bye.text, "allowed_nodes"));
    assert_non_null(in->connection);
    struct peer *again = dial(bench, 0);
    say_hello(bench, again);
    AWAIT(bench, again->closed == 2);
    assert_int_equal(again->verdict, AERO_HANDSHAKE_NAME_NOT_ALLOWED);
}

static void test_reload_of_too_many_names_changes_nothing_and_says_why(void **state)
{
    (void)state;
    const char *text = NULL;
    char names[AERO_ALLOWED_MAX * 4 + 8] = "";
    for (unsigned i = 0; i <= AERO_ALLOWED_MAX; i++) {
        snprintf(names + strlen(names), sizeof names - strlen(names), "n%u ", i);
    }
    struct peer *peer = follow(bench, 0);
    set_key(bench->config, "allowed_nodes", names);
    assert_false(reload(&text));
    assert_string_equal(text, "allowed_nodes has more than 64 names; the old list stays in use");
    for (unsigned i = 0; i < 10; i++) {
        link_turn(bench);
        loop_turn(bench);
    }
    assert_non_null(peer->connection);
}

static void test_new_certificates_are_used_for_connections_from_then_on(void **state)
{
    (void)state;
    const char *text = NULL;
    struct peer *peer = follow(bench, 0);
    write_certs(bench, bench->certs, "primary-too");
    assert_true(reload(&text));
    AWAIT(bench, strcmp(aero_tls_context_name(bench->link->certs.context), "primary-too") == 0);
    assert_non_null(peer->connection);
    assert_string_equal(follow(bench, 1)->primary_name, "primary-too");
    /* Without a reload they are found at a tick now and then. */
    write_certs(bench, bench->certs, "primary-three");
    bench->link->ticks = 98;
    while (bench->link->ticks < 100) {
        assert_string_equal(aero_tls_context_name(bench->link->certs.context), "primary-too");
        aero_link_turn(bench->link); /* ends with a tick at the latest */
    }
    assert_string_equal(follow(bench, 2)->primary_name, "primary-three");
    bench->link->ticks = 198;
    while (bench->link->ticks < 200) {
        aero_link_turn(bench->link);
    }
    assert_string_equal(aero_tls_context_name(bench->link->certs.context), "primary-three");
}

/* The one that follows hears why; so does the one that was not answered yet, at its next attempt. */
static void test_replica_whose_certificate_is_revoked_goes_at_the_reload(void **state)
{
    (void)state;
    const char *text = NULL;
    struct peer *out = follow(bench, 0);
    struct peer *in = follow(bench, 1);
    certs_write_list(bench->certs, &bench->authority, serial_of(0));
    assert_true(reload(&text));
    AWAIT(bench, out->closed == 1);
    assert_int_equal(out->bye.code, AERO_BYE_SHUTDOWN);
    assert_non_null(strstr(out->bye.text, "certificate is revoked (crl.pem)"));
    assert_non_null(in->connection);
    struct peer *asked = dial(bench, 2);
    certs_write_list(bench->certs, &bench->authority, serial_of(2));
    bench->link->ticks = 99; /* found without a reload, too */
    for (unsigned turns = 0; turns < TURNS_MAX && asked->closed == 0; turns++) {
        link_turn(bench);
    }
    assert_int_equal(asked->closed, 1);
    assert_int_equal(asked->got_bytes, 0);
    assert_non_null(in->connection);
    AWAIT(bench, slots_taken(bench) == 1);
}

/* ---- The end ---- */

static void test_link_that_gets_no_thread_says_so_and_can_be_freed(void **state)
{
    (void)state;
    bench->link->primary = NULL;
    broken_pthread_create = (struct broken_call){.times = 1};
    assert_false(aero_primary_link_start(bench->link, bench->primary));
    assert_true(kept_log_has(&bench->log, "event=thread_not_started purpose=replication"));
    aero_primary_link_free(bench->link);
    bench->link = NULL;
}

static void test_stop_says_goodbye_to_all_answered_or_not(void **state)
{
    (void)state;
    bench->link->primary = NULL;
    assert_true(aero_primary_link_start(bench->link, bench->primary));
    struct peer *shipping = &bench->peers[0];
    struct peer *asked = &bench->peers[1];
    dial_as(bench, shipping, shipping);
    while (shipping->opened == 0) {
        look(bench);
    }
    say_hello(bench, shipping);
    while (shipping->count[AERO_FRAME_VERDICT] == 0) {
        look(bench);
        loop_turn(bench);
    }
    dial_as(bench, asked, asked);
    unsigned slot;
    uint64_t id;
    char name[AERO_NODE_NAME_MAX];
    while (!aero_mailbox_take_question(&bench->link->mailbox, &slot, &id, name)) {
        look(bench); /* never answered */
    }
    aero_primary_link_free(bench->link);
    bench->link = NULL;
    while (shipping->connection != NULL || asked->connection != NULL) {
        event_base_loop(bench->base, EVLOOP_ONCE);
    }
    assert_int_equal(shipping->bye.code, AERO_BYE_SHUTDOWN);
    assert_int_equal(shipping->reason, AERO_CLOSE_PEER);
    assert_int_equal(asked->got_bytes, 0);
    assert_int_equal(asked->reason, AERO_CLOSE_PEER);
}

static void test_replica_that_comes_while_the_link_stops_is_turned_away(void **state)
{
    (void)state;
    struct peer *peer = &bench->peers[0];
    dial_as(bench, peer, peer);
    while (peer->closed == 0) {
        bench->link->stopping = true;
        event_base_loop(bench->link->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
        look(bench);
    }
    assert_int_equal(peer->opened, 1);
    assert_int_equal(slots_taken(bench), 0);
    assert_true(kept_log_has(&bench->log, "event=replica_rejected"));
}

/* Peers that do not fit are for an operator to look at, those that come and go are not. */
static void test_end_of_a_connection_is_a_warning_when_tls_did_not_come_about(void **state)
{
    (void)state;
    static const struct {
        enum aero_close_reason reason;
        bool warns;
    } cases[] = {{AERO_CLOSE_TLS, true},
                 {AERO_CLOSE_TIMEOUT, true},
                 {AERO_CLOSE_PEER, false},
                 {AERO_CLOSE_LOST, false}};
    const struct aero_transport_events events = aero_link_transport_events(bench->link);
    struct peer *peer = &bench->peers[0];
    dial_as(bench, peer, peer);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        aero_buffer_clear(&bench->log);
        events.on_close(events.self, peer->connection, cases[i].reason, "the test says so");
        assert_true(kept_log_has(&bench->log, "event=replica_refused"));
        assert_int_equal(kept_log_has(&bench->log, "level=warn"), cases[i].warns);
    }
}

/* ---- Links that cannot be ---- */

static void test_new_refuses_what_it_cannot_listen_on_or_prove(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        const char *value;
        const char *logged;
    } cases[] = {
        {"certs_dir", "/nowhere", "event=certificates_refused"},
        {"replication_bind", "192.0.2.1 127.0.0.1", "address=192.0.2.1"},
        {"replication_bind", "127.0.0.1 192.0.2.1", "address=192.0.2.1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench *refused = bench_new();
        set_key(refused->config, cases[i].key, cases[i].value);
        assert_false(aero_is_ok(new_link(refused)));
        assert_null(refused->link);
        assert_true(kept_log_has(&refused->log, cases[i].logged));
        bench_free(refused);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_replica_is_answered_and_gets_what_is_durable),
        TEST(test_answer_before_the_first_view_waits_for_it),
        TEST(test_hello_after_the_answer_is_heard_as_well),
        TEST(test_peer_that_floods_before_its_answer_is_closed),
        TEST(test_connection_that_goes_before_its_answer_leaves_nothing),
        TEST(test_more_replicas_than_may_be_are_turned_away),
        TEST(test_newer_connection_of_a_node_replaces_the_older),
        TEST(test_newer_connection_replaces_one_that_was_not_answered),
        TEST(test_events_that_found_no_room_are_told_when_there_is_some),
        TEST(test_goodbye_is_said_while_the_mailbox_is_full),
        TEST(test_goodbye_waits_behind_what_a_slow_replica_has_not_read),
        TEST(test_goodbye_that_is_not_read_is_not_waited_for_forever),
        TEST(test_large_backlog_is_shipped_whole),
        TEST(test_segment_that_cannot_be_read_ends_the_link_and_not_the_next_one),
        TEST(test_reload_tells_a_replica_that_is_not_allowed_any_more),
        TEST(test_reload_of_too_many_names_changes_nothing_and_says_why),
        TEST(test_new_certificates_are_used_for_connections_from_then_on),
        TEST(test_replica_whose_certificate_is_revoked_goes_at_the_reload),
        TEST(test_link_that_gets_no_thread_says_so_and_can_be_freed),
        TEST(test_stop_says_goodbye_to_all_answered_or_not),
        TEST(test_replica_that_comes_while_the_link_stops_is_turned_away),
        TEST(test_end_of_a_connection_is_a_warning_when_tls_did_not_come_about),
        cmocka_unit_test(test_new_refuses_what_it_cannot_listen_on_or_prove),
    };
    return cmocka_run_group_tests_name("primary.host_link", tests, NULL, NULL);
}
