/* SPDX-License-Identifier: Apache-2.0 */
/* A primary that meets a higher epoch (decision 15, REP-5): no history of the swarm has one, since nobody promotes yet. What its
 * sender would learn from the other side's history is told to the core here. */
#include "tests/simulation/story.h"

#include "primary/fleet_event.h"
#include "shipping/view.h"
#include "tests/simulation/sim_worker.h"

static void tell_core(struct story *story, enum aero_sender_event_kind kind, const char *text)
{
    struct aero_fleet_event event = {.kind = kind, .connection = 1000};
    snprintf(event.name, sizeof event.name, "replica9");
    snprintf(event.text, sizeof event.text, "%s", text);
    aero_primary_on_fleet_event(node_of(story, 0)->primary, &event);
    aero_sim_node_wake(node_of(story, 0));
}

/* Then an audit, behind which senders get a new view at once, whatever of the manifest is durable. */
static void meet_higher_epoch(struct story *story, enum aero_sender_event_kind kind)
{
    tell_core(story, kind, "another primary of epoch 2 forks at LSN 1");
    tell_core(story, AERO_SENDER_DIGEST_MISMATCH, "");
}

static bool may_say_so(struct story *story)
{
    struct aero_shipping_view *view = aero_primary_shipping_view(node_of(story, 0)->primary);
    return aero_shipping_view_source(view)->fenced;
}

static void expect_superseded(struct story *story)
{
    assert_int_equal(aero_primary_manifest(node_of(story, 0)->primary)->gate, AERO_GATE_SUPERSEDED);
    const char *said = ask(story, 0, 3, (const char *const[]){"SET", "key", "x"});
    assert_memory_equal(said, "-MISCONF writes are closed: ", 28);
    assert_non_null(strstr(said, "replica9: another primary of epoch 2"));
    assert_string_equal(ask(story, 0, 2, (const char *const[]){"GET", "key"}), "$1\r\n1\r\n");
}

/* The fence is in both slots before anybody hears of it: from the first moment at which it may be said, no loss of power takes it
 * back, and no restart, nor an operator's word that is about other doubts. */
static void superseded_for_good(struct story *story, enum aero_sender_event_kind kind)
{
    set(story, "key");
    meet_higher_epoch(story, kind);
    assert_false(may_say_so(story));
    const char *said = ask(story, 0, 3, (const char *const[]){"SET", "key", "x"});
    assert_memory_equal(said, "-MISCONF writes are closed: ", 28);
    assert_true(may_say_so(story));
    static const enum aero_sim_crash ends[] = {AERO_SIM_POWER_LOSE, AERO_SIM_KILL, AERO_SIM_POWER};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        restart(story, 0, ends[i]);
        expect_superseded(story);
        ask_word(story, 0, "AERO.OPENWRITES");
        expect_superseded(story);
    }
}

static void test_primary_that_is_superseded_stays_so(void **state)
{
    superseded_for_good(*state, AERO_SENDER_SUPERSEDED);
}

static void test_primary_that_meets_its_own_epoch_elsewhere_stays_closed(void **state)
{
    superseded_for_good(*state, AERO_SENDER_EPOCH_CLASH);
}

/* Step by step: at the very first moment at which a peer might be told, everything un-synced is lost. */
static void test_fence_is_durable_before_it_may_be_said(void **state)
{
    struct story *story = *state;
    set(story, "key");
    meet_higher_epoch(story, AERO_SENDER_SUPERSEDED);
    int steps = 0;
    while (!may_say_so(story)) {
        assert_true(++steps < 10000 && aero_sim_step(&story->world->scheduler));
    }
    restart(story, 0, AERO_SIM_POWER_LOSE);
    expect_superseded(story);
}

/* What has been handed to the disk may or may not be there afterwards, and is told so (decision 11). */
static void test_replies_in_flight_are_unknown(void **state)
{
    struct story *story = *state;
    set(story, "key");
    struct aero_buffer request = {0};
    aero_sim_resp_append_command(&request, 3, (const char *const[]){"SET", "key", "2"});
    story->link = aero_sim_net_dial(story->world->net, CLIENT, node_of(story, 0)->name,
                                    AERO_SIM_PORT_CLIENTS);
    pass(story, SECOND_NS);
    aero_sim_net_send(story->world->net, story->link, aero_buffer_slice(&request));
    aero_buffer_deinit(&request);
    while (aero_sim_worker_pending(node_of(story, 0)->worker) == 0) {
        assert_true(aero_sim_step(&story->world->scheduler));
    }
    meet_higher_epoch(story, AERO_SENDER_SUPERSEDED);
    pass(story, SECOND_NS);
    assert_true(aero_sim_resp_is_error(aero_buffer_slice(&story->heard), "UNKNOWN"));
    aero_sim_net_close(story->world->net, story->link);
    aero_buffer_clear(&story->heard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(test_primary_that_is_superseded_stays_so),
        STORY(test_primary_that_meets_its_own_epoch_elsewhere_stays_closed),
        STORY(test_fence_is_durable_before_it_may_be_said),
        STORY(test_replies_in_flight_are_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
