/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include <stdio.h>
#include <string.h>

#include "tests/simulation/sim_net.h"

#define PORT 7U

/* A node that remembers what it heard and takes at most `appetite` bytes at a time. */
struct peer {
    struct aero_sim_net *net;
    struct aero_buffer heard;
    struct aero_sim_end end;
    uint32_t opened;
    uint32_t closed;
    uint32_t room;
    uint32_t pieces;
    size_t appetite;
};

static void peer_open(void *self, struct aero_sim_end end, const char *name, uint32_t port)
{
    struct peer *peer = self;
    assert_int_equal(port, PORT);
    assert_true(strcmp(name, "a") == 0 || strcmp(name, "b") == 0);
    peer->opened++;
    peer->end = end;
}

static size_t peer_bytes(void *self, struct aero_sim_end end, struct aero_slice bytes)
{
    struct peer *peer = self;
    (void)end;
    size_t taken = bytes.length < peer->appetite ? bytes.length : peer->appetite;
    aero_buffer_append(&peer->heard, bytes.data, taken);
    peer->pieces++;
    return taken;
}

static void peer_room(void *self, struct aero_sim_end end)
{
    struct peer *peer = self;
    (void)end;
    peer->room++;
}

static void peer_close(void *self, struct aero_sim_end end)
{
    struct peer *peer = self;
    (void)end;
    peer->closed++;
}

static const struct aero_sim_net_events peer_events = {
    .on_open = peer_open, .on_bytes = peer_bytes, .on_room = peer_room, .on_close = peer_close};

struct bench {
    struct aero_choice choice;
    struct aero_sim_trace trace;
    struct aero_sim_scheduler scheduler;
    struct aero_sim_net *net;
    struct peer a;
    struct peer b;
};

static void bench_init(struct bench *bench, uint64_t seed)
{
    memset(bench, 0, sizeof *bench);
    aero_choice_init_seed(&bench->choice, seed);
    aero_sim_trace_init(&bench->trace, NULL);
    bench->scheduler.trace = &bench->trace;
    struct aero_sim_net_options options = {
        .delay_min_ns = 1000, .delay_max_ns = 100000, .window_bytes = 1000, .piece_bytes = 300};
    bench->net = aero_sim_net_new(&options, &bench->scheduler, &bench->choice, &bench->trace);
    bench->a = (struct peer){.net = bench->net, .appetite = 10000};
    bench->b = (struct peer){.net = bench->net, .appetite = 10000};
    aero_sim_net_up(bench->net, "a", &peer_events, &bench->a);
    aero_sim_net_up(bench->net, "b", &peer_events, &bench->b);
}

static void bench_deinit(struct bench *bench)
{
    aero_sim_net_free(bench->net);
    aero_sim_scheduler_deinit(&bench->scheduler);
    aero_buffer_deinit(&bench->a.heard);
    aero_buffer_deinit(&bench->b.heard);
}

static void run_for(struct bench *bench, uint64_t duration_ns)
{
    uint64_t end = bench->scheduler.now_ns + duration_ns;
    while (aero_sim_next_at(&bench->scheduler) <= end) {
        aero_sim_step(&bench->scheduler);
    }
    bench->scheduler.now_ns = end;
}

static void connect(struct bench *bench)
{
    aero_sim_net_dial(bench->net, "a", "b", PORT);
    run_for(bench, 1000000);
    assert_int_equal(bench->a.opened, 1);
    assert_int_equal(bench->b.opened, 1);
}

static void fill_pattern(uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        bytes[i] = (uint8_t)(i * 31 + (i >> 8));
    }
}

static void test_bytes_arrive_in_order_in_other_pieces(void **state)
{
    (void)state;
    bool split = false;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct bench bench;
        bench_init(&bench, seed);
        connect(&bench);
        uint8_t bytes[600];
        fill_pattern(bytes, sizeof bytes);
        assert_int_equal(aero_sim_net_send(bench.net, bench.a.end, aero_slice_of(bytes, 600)), 600);
        run_for(&bench, 1000000);
        assert_int_equal(bench.b.heard.length, 600);
        assert_memory_equal(bench.b.heard.data, bytes, 600);
        split |= bench.b.pieces > 2;
        bench_deinit(&bench);
    }
    assert_true(split);
}

static void test_a_reader_that_takes_nothing_holds_the_writer(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 1);
    connect(&bench);
    uint8_t bytes[1500];
    fill_pattern(bytes, sizeof bytes);
    bench.b.appetite = 0;
    assert_int_equal(aero_sim_net_send(bench.net, bench.a.end, aero_slice_of(bytes, 1500)), 1000);
    run_for(&bench, 1000000);
    assert_int_equal(aero_sim_net_send(bench.net, bench.a.end, aero_slice_of(bytes, 1)), 0);
    assert_int_equal(bench.a.room, 0);
    bench.b.appetite = 100;
    aero_sim_net_poke(bench.net, bench.b.end);
    assert_int_equal(bench.b.heard.length, 1000);
    assert_int_equal(bench.a.room, 1);
    bench_deinit(&bench);
}

static void test_close_arrives_after_the_bytes(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 1);
    connect(&bench);
    uint8_t bytes[100] = {0};
    aero_sim_net_send(bench.net, bench.a.end, aero_slice_of(bytes, 100));
    aero_sim_net_close(bench.net, bench.a.end);
    run_for(&bench, 1000000);
    assert_int_equal(bench.b.heard.length, 100);
    assert_int_equal(bench.b.closed, 1);
    assert_int_equal(bench.a.closed, 0);
    bench_deinit(&bench);
}

/* A cut falls anywhere in the bytes; both ends hear of it, perhaps much later. */
static void test_cut_delivers_a_prefix(void **state)
{
    (void)state;
    bool cut_inside = false;
    bool late = false;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct bench bench;
        bench_init(&bench, seed);
        connect(&bench);
        uint8_t bytes[600];
        fill_pattern(bytes, sizeof bytes);
        aero_sim_net_send(bench.net, bench.a.end, aero_slice_of(bytes, 600));
        assert_true(aero_sim_net_cut(bench.net, "b", "a"));
        run_for(&bench, 1000000);
        late |= bench.a.closed != bench.b.closed;
        run_for(&bench, 30000000000ULL);
        assert_int_equal(bench.a.closed, 1);
        assert_int_equal(bench.b.closed, 1);
        assert_memory_equal(bench.b.heard.data == NULL ? bytes : bench.b.heard.data, bytes,
                            bench.b.heard.length);
        cut_inside |= bench.b.heard.length > 0 && bench.b.heard.length < 600;
        assert_false(aero_sim_net_cut(bench.net, "a", "b"));
        bench_deinit(&bench);
    }
    assert_true(cut_inside);
    assert_true(late);
}

static void test_node_that_goes_down_is_missed_by_its_peer(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 1);
    connect(&bench);
    aero_sim_net_down(bench.net, "b");
    run_for(&bench, 30000000000ULL);
    assert_int_equal(bench.a.closed, 1);
    assert_int_equal(bench.b.closed, 0);
    aero_sim_net_dial(bench.net, "a", "b", PORT);
    run_for(&bench, 1000000);
    assert_int_equal(bench.a.closed, 2);
    assert_int_equal(bench.a.opened, 1);
    bench_deinit(&bench);
}

static void test_partition_holds_one_way_until_healed(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, 1);
    connect(&bench);
    aero_sim_net_partition(bench.net, "a", "b");
    aero_sim_net_send(bench.net, bench.a.end, aero_slice_text("to b"));
    aero_sim_net_send(bench.net, bench.b.end, aero_slice_text("to a"));
    run_for(&bench, 1000000000);
    assert_int_equal(bench.a.heard.length, 4);
    assert_int_equal(bench.b.heard.length, 0);
    aero_sim_net_heal(bench.net);
    run_for(&bench, 1000000000);
    assert_int_equal(bench.b.heard.length, 4);
    aero_sim_net_clog(bench.net, "b", "a", 500000000);
    aero_sim_net_send(bench.net, bench.b.end, aero_slice_text("late"));
    run_for(&bench, 400000000);
    assert_int_equal(bench.a.heard.length, 4);
    run_for(&bench, 200000000);
    assert_int_equal(bench.a.heard.length, 8);
    bench_deinit(&bench);
}

static void append_number(void *self, uint64_t argument)
{
    aero_buffer_append(self, &argument, sizeof argument);
}

static void test_scheduler_orders_by_time_then_number(void **state)
{
    (void)state;
    struct aero_sim_scheduler scheduler = {0};
    struct aero_buffer order = {0};
    static const uint64_t delays[] = {50, 10, 50, 30, 10, 0, 50};
    for (uint64_t i = 0; i < 7; i++) {
        aero_sim_after(&scheduler, delays[i], append_number, &order, i);
    }
    while (aero_sim_step(&scheduler)) {
    }
    static const uint64_t expected[] = {5, 1, 4, 3, 0, 2, 6};
    assert_int_equal(order.length, sizeof expected);
    assert_memory_equal(order.data, expected, sizeof expected);
    assert_int_equal(scheduler.now_ns, 50);
    aero_buffer_deinit(&order);
    aero_sim_scheduler_deinit(&scheduler);
}

static uint64_t digest_of_a_busy_minute(uint64_t seed)
{
    struct bench bench;
    bench_init(&bench, seed);
    connect(&bench);
    for (int i = 0; i < 50; i++) {
        uint8_t bytes[100] = {0};
        aero_sim_net_send(bench.net, bench.a.end, aero_slice_of(bytes, 100));
        aero_sim_trace_event(&bench.trace, "a", "sent");
        run_for(&bench, aero_choice_below(&bench.choice, 200000));
        aero_sim_trace_event(&bench.trace, "b", "heard %zu", bench.b.heard.length);
    }
    uint64_t digest = bench.trace.digest;
    bench_deinit(&bench);
    return digest;
}

static void test_same_seed_same_digest(void **state)
{
    (void)state;
    assert_int_equal(digest_of_a_busy_minute(5), digest_of_a_busy_minute(5));
    assert_int_not_equal(digest_of_a_busy_minute(5), digest_of_a_busy_minute(6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_arrive_in_order_in_other_pieces),
        cmocka_unit_test(test_a_reader_that_takes_nothing_holds_the_writer),
        cmocka_unit_test(test_close_arrives_after_the_bytes),
        cmocka_unit_test(test_cut_delivers_a_prefix),
        cmocka_unit_test(test_node_that_goes_down_is_missed_by_its_peer),
        cmocka_unit_test(test_partition_holds_one_way_until_healed),
        cmocka_unit_test(test_scheduler_orders_by_time_then_number),
        cmocka_unit_test(test_same_seed_same_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
