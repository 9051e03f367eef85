/* SPDX-License-Identifier: Apache-2.0 */
/* The mailbox between loop and link thread, from one thread: what is told, in which order, and
 * what is not lost. */
#include "tests/unit/cmocka_setup.h"

#include <stdlib.h>
#include <string.h>

#include "primary/host_mailbox.h"

static struct aero_mailbox *new_mailbox(void)
{
    struct aero_mailbox *mailbox = calloc(1, sizeof *mailbox);
    aero_mailbox_init(mailbox);
    return mailbox;
}

static void free_mailbox(struct aero_mailbox *mailbox)
{
    aero_mailbox_deinit(mailbox);
    free(mailbox);
}

static bool post(struct aero_mailbox *mailbox, uint64_t connection)
{
    struct aero_fleet_event event = {.connection = connection, .kind = AERO_SENDER_PROGRESS};
    return aero_mailbox_post(mailbox, &event);
}

static void test_events_come_in_order(void **state)
{
    (void)state;
    struct aero_mailbox *mailbox = new_mailbox();
    struct aero_fleet_event event;
    bool wake;
    assert_false(aero_mailbox_has_mail(mailbox));
    for (uint64_t i = 1; i <= 3; i++) {
        assert_true(post(mailbox, i));
    }
    assert_true(aero_mailbox_has_mail(mailbox));
    for (uint64_t i = 1; i <= 3; i++) {
        assert_true(aero_mailbox_take_event(mailbox, &event, &wake));
        assert_int_equal(event.connection, i);
        assert_false(wake);
    }
    assert_false(aero_mailbox_take_event(mailbox, &event, &wake));
    free_mailbox(mailbox);
}

/* DET-3: a loop that stands still costs bounded memory; the link hears when there is room. */
static void test_full_mailbox_refuses_and_tells_when_there_is_room(void **state)
{
    (void)state;
    struct aero_mailbox *mailbox = new_mailbox();
    struct aero_fleet_event event;
    struct aero_mailbox_news news;
    bool wake = false;
    for (unsigned i = 0; i < AERO_MAILBOX_EVENTS_MAX; i++) {
        assert_true(post(mailbox, 1));
    }
    assert_false(post(mailbox, 2));
    for (unsigned i = 0; i < AERO_MAILBOX_EVENTS_MAX; i++) {
        assert_false(wake);
        assert_true(aero_mailbox_take_event(mailbox, &event, &wake));
    }
    assert_true(wake);
    assert_true(aero_mailbox_take_news(mailbox, &news));
    assert_true(news.room);
    assert_true(post(mailbox, 2));
    assert_false(aero_mailbox_take_news(mailbox, &news));
    free_mailbox(mailbox);
}

static void test_questions_are_answered_once(void **state)
{
    (void)state;
    struct aero_mailbox *mailbox = new_mailbox();
    unsigned slot;
    uint64_t connection;
    char name[AERO_NODE_NAME_MAX];
    aero_lsn acknowledged = {0};
    aero_mailbox_ask(mailbox, 3, 7, "replica1");
    assert_false(aero_mailbox_take_answer(mailbox, 3, 7, &acknowledged));
    assert_true(aero_mailbox_take_question(mailbox, &slot, &connection, name));
    assert_int_equal(slot, 3);
    assert_int_equal(connection, 7);
    assert_string_equal(name, "replica1");
    assert_false(aero_mailbox_take_question(mailbox, &slot, &connection, name));
    aero_mailbox_answer(mailbox, 3, 7, aero_lsn_of(42));
    assert_true(aero_mailbox_has_news(mailbox));
    assert_true(aero_mailbox_take_answer(mailbox, 3, 7, &acknowledged));
    assert_int_equal(acknowledged.value, 42);
    assert_false(aero_mailbox_take_answer(mailbox, 3, 7, &acknowledged));
    free_mailbox(mailbox);
}

/* The connection went and another took its slot before the loop answered: it must not get the old
 * one's LSN, which would make an honest replica look regressed (decision 5). */
static void test_answer_to_a_connection_that_went_is_void(void **state)
{
    (void)state;
    struct aero_mailbox *mailbox = new_mailbox();
    unsigned slot;
    uint64_t connection;
    char name[AERO_NODE_NAME_MAX];
    aero_lsn acknowledged = {0};
    aero_mailbox_ask(mailbox, 0, 1, "replica1");
    assert_true(aero_mailbox_take_question(mailbox, &slot, &connection, name));
    aero_mailbox_ask(mailbox, 0, 2, "replica2");
    aero_mailbox_answer(mailbox, 0, 1, aero_lsn_of(42));
    assert_false(aero_mailbox_take_answer(mailbox, 0, 2, &acknowledged));
    assert_true(aero_mailbox_take_question(mailbox, &slot, &connection, name));
    assert_int_equal(connection, 2);
    assert_string_equal(name, "replica2");
    aero_mailbox_answer(mailbox, 0, 2, aero_lsn_of(5));
    assert_true(aero_mailbox_take_answer(mailbox, 0, 2, &acknowledged));
    assert_int_equal(acknowledged.value, 5);
    free_mailbox(mailbox);
}

/* Two replicas come at the same time: each is answered, and with its own LSN. */
static void test_questions_of_two_slots_are_both_told(void **state)
{
    (void)state;
    struct aero_mailbox *mailbox = new_mailbox();
    unsigned slot;
    uint64_t connection;
    char name[AERO_NODE_NAME_MAX];
    aero_lsn acknowledged = {0};
    aero_mailbox_ask(mailbox, 5, 8, "replica2");
    aero_mailbox_ask(mailbox, 3, 7, "replica1");
    assert_true(aero_mailbox_has_mail(mailbox));
    assert_true(aero_mailbox_take_question(mailbox, &slot, &connection, name));
    aero_mailbox_answer(mailbox, slot, connection, aero_lsn_of(connection));
    assert_true(aero_mailbox_has_mail(mailbox));
    assert_true(aero_mailbox_take_question(mailbox, &slot, &connection, name));
    aero_mailbox_answer(mailbox, slot, connection, aero_lsn_of(connection));
    assert_false(aero_mailbox_has_mail(mailbox));
    assert_false(aero_mailbox_take_answer(mailbox, 3, 8, &acknowledged));
    assert_true(aero_mailbox_take_answer(mailbox, 3, 7, &acknowledged));
    assert_int_equal(acknowledged.value, 7);
    assert_true(aero_mailbox_take_answer(mailbox, 5, 8, &acknowledged));
    assert_int_equal(acknowledged.value, 8);
    free_mailbox(mailbox);
}

static void test_answer_that_nobody_waits_for_is_void(void **state)
{
    (void)state;
    struct aero_mailbox *mailbox = new_mailbox();
    unsigned slot;
    uint64_t connection;
    char name[AERO_NODE_NAME_MAX];
    aero_lsn acknowledged = {0};
    aero_mailbox_ask(mailbox, 0, 1, "replica1");
    aero_mailbox_answer(mailbox, 0, 1, aero_lsn_of(41)); /* before the question was taken */
    assert_false(aero_mailbox_take_answer(mailbox, 0, 1, &acknowledged));
    assert_true(aero_mailbox_take_question(mailbox, &slot, &connection, name));
    aero_mailbox_answer(mailbox, 0, 1, aero_lsn_of(42));
    aero_mailbox_answer(mailbox, 0, 1, aero_lsn_of(43)); /* the second time */
    assert_true(aero_mailbox_take_answer(mailbox, 0, 1, &acknowledged));
    assert_int_equal(acknowledged.value, 42);
    free_mailbox(mailbox);
}

/* A slot that changes hands before the loop looked has one question, the newer one's. */
static void test_question_that_is_asked_anew_is_told_once(void **state)
{
    (void)state;
    struct aero_mailbox *mailbox = new_mailbox();
    unsigned slot;
    uint64_t connection;
    char name[AERO_NODE_NAME_MAX];
    aero_mailbox_ask(mailbox, 0, 1, "replica1");
    aero_mailbox_ask(mailbox, 0, 2, "replica2");
    assert_true(aero_mailbox_take_question(mailbox, &slot, &connection, name));
    assert_int_equal(connection, 2);
    assert_false(aero_mailbox_take_question(mailbox, &slot, &connection, name));
    assert_false(aero_mailbox_has_mail(mailbox));
    free_mailbox(mailbox);
}

/* Groups that became durable while the link was busy are one piece of news, the newest. */
static void test_newest_place_is_told_once(void **state)
{
    (void)state;
    struct aero_mailbox *mailbox = new_mailbox();
    struct aero_mailbox_news news;
    struct aero_history history = {0};
    struct aero_shipping_source source = {.node_name = "primary", .history = &history};
    struct aero_shipping_view *view = aero_shipping_view_new(&source);
    aero_mailbox_set_audience(mailbox, true);
    assert_true(
        aero_mailbox_publish(mailbox, view, (struct aero_wal_place){.sequence = 1, .offset = 100}));
    assert_true(
        aero_mailbox_publish(mailbox, view, (struct aero_wal_place){.sequence = 1, .offset = 200}));
    aero_shipping_view_release(view);
    assert_true(aero_mailbox_take_news(mailbox, &news));
    assert_true(news.shipping);
    assert_int_equal(news.durable.offset, 200);
    assert_ptr_equal(news.view, view);
    aero_shipping_view_release(news.view);
    assert_false(aero_mailbox_take_news(mailbox, &news));
    free_mailbox(mailbox);
}

/* A primary without replicas wakes nobody; whoever comes finds the newest place. */
static void test_places_are_no_news_until_somebody_listens(void **state)
{
    (void)state;
    struct aero_mailbox *mailbox = new_mailbox();
    struct aero_mailbox_news news;
    struct aero_history history = {0};
    struct aero_shipping_source source = {.node_name = "primary", .history = &history};
    struct aero_shipping_view *view = aero_shipping_view_new(&source);
    assert_false(
        aero_mailbox_publish(mailbox, view, (struct aero_wal_place){.sequence = 1, .offset = 100}));
    aero_shipping_view_release(view);
    assert_false(aero_mailbox_has_news(mailbox));
    assert_false(aero_mailbox_take_news(mailbox, &news));
    aero_mailbox_set_audience(mailbox, true);
    assert_true(aero_mailbox_has_news(mailbox));
    assert_true(aero_mailbox_take_news(mailbox, &news));
    assert_true(news.shipping);
    assert_int_equal(news.durable.offset, 100);
    aero_shipping_view_release(news.view);
    free_mailbox(mailbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_come_in_order),
        cmocka_unit_test(test_full_mailbox_refuses_and_tells_when_there_is_room),
        cmocka_unit_test(test_questions_are_answered_once),
        cmocka_unit_test(test_answer_to_a_connection_that_went_is_void),
        cmocka_unit_test(test_questions_of_two_slots_are_both_told),
        cmocka_unit_test(test_answer_that_nobody_waits_for_is_void),
        cmocka_unit_test(test_question_that_is_asked_anew_is_told_once),
        cmocka_unit_test(test_newest_place_is_told_once),
        cmocka_unit_test(test_places_are_no_news_until_somebody_listens),
    };
    return cmocka_run_group_tests_name("primary.host_mailbox", tests, NULL, NULL);
}
