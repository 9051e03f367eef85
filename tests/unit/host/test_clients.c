/* SPDX-License-Identifier: Apache-2.0 */
/* Connections between real sockets and a server over a fake node, turn by turn. The sockets are Unix sockets: what one end
 * did, the other end sees at once, so that nothing here waits. */
#include "tests/unit/server/fake_node.c"

#include "tests/unit/cmocka_setup.h"

#include <event2/event.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/clients.h"
#include "server/config_keys.h"
#include "tests/unit/broken_call.h"
#include "tests/unit/kept_log.h"
#include "tests/unit/limits.h"
#include "tests/unit/set_key.h"
#include "tests/unit/under_valgrind.h"

BREAKABLE_CALL(ssize_t, -1, recv, (int fd, void *data, size_t length, int flags),
               (fd, data, length, flags))
BREAKABLE_CALL(ssize_t, -1, send, (int fd, const void *data, size_t length, int flags),
               (fd, data, length, flags))

/* Of this process; tests lower the soft one. */
#define DESCRIPTORS_MAX 1024
#define ACCEPTED_IN_A_TURN 64
#define BIG_BYTES ((size_t)1000000) /* more than a socket takes */

struct bench {
    struct fake_node node;
    struct aero_server *server;
    struct aero_config *config;
    struct aero_logger logger;
    struct aero_buffer log;
    struct event_base *base;
    struct aero_host_listeners listeners;
    struct aero_host_clients *clients;
    char path[64];
};

/* ---- The host ---- */

static void open_clients(struct bench *bench)
{
    bench->clients = aero_host_clients_new(&(struct aero_host_clients_options){
        .base = bench->base,
        .server = bench->server,
        .listeners = &bench->listeners,
        .config = bench->config,
        .logger = &bench->logger,
    });
}

static int set_up(void **state)
{
    struct bench *bench = aero_calloc(1, sizeof *bench);
    struct aero_server_options options;
    char directory[] = "/tmp/aero-clients-XXXXXX";
    assert_non_null(mkdtemp(directory));
    snprintf(bench->path, sizeof bench->path, "%s/s", directory);
    aero_server_options_default(&options);
    options.held_count_max = 1;
    bench->server = aero_server_new(&options, fake_node_init(&bench->node),
                                    (struct aero_server_config){.self = NULL});
    aero_server_tick(bench->server, (aero_mono_ns){1000000000}, (aero_wall_ms){1000000});
    aero_logger_init(&bench->logger, kept_log_sink(&bench->log), aero_clock_posix(),
                     AERO_LOG_KEY_VALUE, AERO_LOG_INFO);
    bench->config = aero_config_new(aero_config_keys_primary());
    bench->base = event_base_new();
    set_key(bench->config, "maxclients", "10");
    assert_true(aero_is_ok(aero_host_listen_unix(&bench->listeners, bench->path, 0600, 128)));
    open_clients(bench);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    char *slash = strrchr(bench->path, '/');
    aero_host_clients_free(bench->clients);
    aero_host_clients_free(NULL);
    aero_host_listeners_close(&bench->listeners);
    event_base_free(bench->base);
    aero_server_free(bench->server);
    fake_node_deinit(&bench->node);
    aero_config_free(bench->config);
    aero_buffer_deinit(&bench->log);
    unlink(bench->path);
    *slash = '\0';
    rmdir(bench->path);
    free(bench);
    return 0;
}

/* What is ready by now is noted. */
static void look(struct bench *bench)
{
    event_base_loop(bench->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void turn(struct bench *bench)
{
    look(bench);
    aero_host_clients_read(bench->clients);
    aero_host_clients_flush(bench->clients);
}

static uint64_t client_count(const struct bench *bench)
{
    struct aero_server_stats stats;
    aero_server_stats(bench->server, &stats);
    return stats.clients;
}

/* All that was written becomes durable, and the server hears of it. */
static void sync_all(struct bench *bench)
{
    fake_node_sync(&bench->node, bench->node.evaluated);
    aero_server_on_durable(bench->server, aero_lsn_of(bench->node.evaluated));
}

/* ---- The peers ---- */

static int dial(struct bench *bench)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", bench->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* Accepted, and *out_served is the host's end. */
static int dial_served(struct bench *bench, int *out_served)
{
    int fd = dial(bench);
    uint64_t before = client_count(bench);
    *out_served = lowest_free_descriptor(); /* accept's next */
    turn(bench);
    assert_int_equal(client_count(bench), before + 1);
    return fd;
}

static int dial_accepted(struct bench *bench)
{
    int served;
    return dial_served(bench, &served);
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
}

/* Exactly this has arrived. */
static void expect(int fd, const char *reply)
{
    char got[256] = "";
    ssize_t length = recv(fd, got, sizeof got - 1, MSG_DONTWAIT);
    if (length < 0) {
        assert_int_equal(errno, EAGAIN);
    }
    assert_string_equal(got, reply);
}

static void expect_end(int fd)
{
    char byte;
    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
}

/* A key whose value no socket takes at once. */
static void fill_big(struct bench *bench)
{
    char *value = aero_malloc(BIG_BYTES);
    memset(value, 'x', BIG_BYTES);
    int fd = dial_accepted(bench);
    say(fd, "*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$1000000\r\n");
    for (size_t sent = 0; sent < BIG_BYTES;) {
        ssize_t taken = send(fd, value + sent, BIG_BYTES - sent, MSG_DONTWAIT);
        sent += taken > 0 ? (size_t)taken : 0;
        turn(bench);
    }
    say(fd, "\r\n");
    turn(bench);
    sync_all(bench);
    turn(bench);
    expect(fd, "+OK\r\n");
    close(fd);
    free(value);
    turn(bench);
}

/* Reads until `length` bytes came, with turns of the host meanwhile. */
static void drain(struct bench *bench, int fd, size_t length)
{
    static char got[65536];
    while (length > 0) {
        size_t room = length < sizeof got ? length : sizeof got;
        ssize_t more = recv(fd, got, room, MSG_DONTWAIT);
        length -= more > 0 ? (size_t)more : 0;
        turn(bench);
    }
}

static size_t big_reply_bytes(void)
{
    return strlen("$1000000\r\n") + BIG_BYTES + 2;
}

/* ---- Accepting ---- */

/* A storm of connections does not keep those that are there from being served. */
static void test_accept_takes_so_many_in_a_turn_and_the_rest_in_the_next(void **state)
{
    struct bench *bench = *state;
    int fds[ACCEPTED_IN_A_TURN + 2];
    for (size_t i = 0; i < ACCEPTED_IN_A_TURN + 2; i++) {
        fds[i] = dial(bench);
    }
    turn(bench);
    assert_int_equal(client_count(bench), ACCEPTED_IN_A_TURN);
    turn(bench);
    assert_int_equal(client_count(bench), ACCEPTED_IN_A_TURN + 2);
    for (size_t i = 0; i < ACCEPTED_IN_A_TURN + 2; i++) {
        say(fds[i], "PING\r\n");
        turn(bench);
        expect(fds[i], "+PONG\r\n");
        close(fds[i]);
    }
    turn(bench);
    assert_int_equal(client_count(bench), 0);
}

/* Out of descriptors is said once and not spun on: those who wait are accepted at the next look. */
static void test_accept_without_descriptors_pauses_and_then_goes_on(void **state)
{
    skip_under_valgrind();
    struct bench *bench = *state;
    int served = dial_accepted(bench);
    int waiting = dial(bench);
    struct limit limit = limit_files_to_those_open();
    turn(bench);
    limit_lift(&limit);
    assert_true(kept_log_has(&bench->log, "accept_failed"));
    assert_true(kept_log_has(&bench->log, "Too many open files"));
    assert_int_equal(client_count(bench), 1);
    aero_buffer_clear(&bench->log);
    turn(bench);
    assert_int_equal(client_count(bench), 1); /* nobody listens yet */
    say(served, "PING\r\n");
    turn(bench);
    expect(served, "+PONG\r\n");
    while (client_count(bench) < 2) {
        event_base_loop(bench->base, EVLOOP_ONCE); /* ends with the pause, whatever it takes */
        aero_host_clients_read(bench->clients);
        aero_host_clients_flush(bench->clients);
    }
    assert_false(kept_log_has(&bench->log, "accept_failed"));
    say(waiting, "PING\r\n");
    turn(bench);
    expect(waiting, "+PONG\r\n");
    close(served);
    close(waiting);
}

static void test_stop_accepting_leaves_newcomers_waiting_and_serves_the_others(void **state)
{
    struct bench *bench = *state;
    int served = dial_accepted(bench);
    int late = dial(bench);
    look(bench); /* ready, and not accepted yet */
    aero_host_clients_stop_accepting(bench->clients);
    turn(bench);
    say(served, "PING\r\n");
    turn(bench);
    expect(served, "+PONG\r\n");
    assert_int_equal(client_count(bench), 1);
    close(served);
    close(late);
}

static rlim_t descriptor_limit(void)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    return limit.rlim_cur;
}

static void test_new_raises_the_limit_of_descriptors_and_says_when_it_cannot(void **state)
{
    skip_under_valgrind();
    struct bench *bench = *state;
    static const struct {
        const char *maxclients;
        rlim_t before;
        rlim_t after;
        bool warns;
    } cases[] = {
        {"10", 300, 300, false}, /* enough already */
        {"100", 300, 2 * 100 + 256, false},
        {"10000", 300, DESCRIPTORS_MAX, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct rlimit limit = {.rlim_cur = cases[i].before, .rlim_max = DESCRIPTORS_MAX};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        aero_host_clients_free(bench->clients);
        set_key(bench->config, "maxclients", cases[i].maxclients);
        open_clients(bench);
        assert_int_equal(descriptor_limit(), cases[i].after);
        assert_int_equal(kept_log_has(&bench->log, "descriptor_limit_low"), cases[i].warns);
    }
}

/* ---- Reading ---- */

/* The kernel may say that there is something to read where there is nothing any more (select(2)). */
static void test_readiness_for_nothing_harms_nobody(void **state)
{
    struct bench *bench = *state;
    char stolen[16];
    int served;
    int fd = dial_served(bench, &served);
    say(fd, "PING\r\n");
    look(bench);
    assert_int_equal(recv(served, stolen, sizeof stolen, 0), 6);
    turn(bench);
    assert_int_equal(client_count(bench), 1);
    say(fd, "PING\r\n");
    turn(bench);
    expect(fd, "+PONG\r\n");
    close(fd);
}

/* Linux does not say so where nothing blocks; POSIX would let it. */
static void test_interrupted_calls_lose_no_byte(void **state)
{
    struct bench *bench = *state;
    int fd = dial_accepted(bench);
    say(fd, "PING\r\n");
    broken_recv = (struct broken_call){.times = 1, .sys_errno = EINTR};
    turn(bench);
    assert_int_equal(broken_recv.times, 0);
    expect(fd, "");
    broken_send = (struct broken_call){.times = 2, .sys_errno = EINTR};
    turn(bench);
    assert_int_equal(broken_send.times, 0);
    expect(fd, "+PONG\r\n");
    close(fd);
}

static void test_reset_by_the_peer_closes_the_client(void **state)
{
    struct bench *bench = *state;
    int fd = dial_accepted(bench);
    say(fd, "PING\r\n");
    turn(bench);
    close(fd); /* with a reply that it never read: a reset */
    turn(bench);
    assert_int_equal(client_count(bench), 0);
}

/* What it sent in the same moment is left in the socket, so that its end is a reset (unix(7)). */
static void test_client_that_is_killed_is_read_no_more(void **state)
{
    struct bench *bench = *state;
    char got[16];
    int killer = dial_accepted(bench);
    int victim = dial_accepted(bench);
    say(killer, "CLIENT KILL ID 2\r\n");
    say(victim, "SET a 1\r\n");
    turn(bench);
    expect(killer, ":1\r\n");
    assert_int_equal(recv(victim, got, sizeof got, MSG_DONTWAIT), -1);
    assert_int_equal(errno, ECONNRESET);
    assert_int_equal(bench->node.commits, 0);
    assert_int_equal(client_count(bench), 1);
    assert_true(kept_log_has(&bench->log, "client_closed"));
    close(killer);
    close(victim);
}

/* ---- Writing ---- */

static void test_output_that_the_socket_does_not_take_goes_on_when_there_is_room(void **state)
{
    struct bench *bench = *state;
    fill_big(bench);
    int fd = dial_accepted(bench);
    say(fd, "GET big\r\nPING\r\n");
    turn(bench);
    drain(bench, fd, big_reply_bytes());
    expect(fd, "+PONG\r\n");
    close(fd);
}

static void test_output_to_a_socket_that_is_full_waits(void **state)
{
    struct bench *bench = *state;
    static const char filler[4096];
    size_t filled = 0;
    int served;
    int fd = dial_served(bench, &served);
    for (ssize_t taken; (taken = send(served, filler, sizeof filler, MSG_DONTWAIT)) > 0;) {
        filled += (size_t)taken;
    }
    say(fd, "PING\r\n");
    turn(bench);
    assert_int_equal(client_count(bench), 1);
    drain(bench, fd, filled);
    turn(bench);
    expect(fd, "+PONG\r\n");
    close(fd);
}

static void test_output_to_a_peer_that_went_closes_the_client(void **state)
{
    struct bench *bench = *state;
    int fd = dial_accepted(bench);
    say(fd, "PING\r\n");
    look(bench);
    aero_host_clients_read(bench->clients);
    close(fd);
    assert_int_equal(client_count(bench), 1);
    aero_host_clients_flush(bench->clients);
    assert_int_equal(client_count(bench), 0);
}

/* Readable and writable in one look: it is served once, and gone. */
static void test_peer_that_goes_amid_output_closes_the_client(void **state)
{
    struct bench *bench = *state;
    fill_big(bench);
    int fd = dial_accepted(bench);
    int other = dial_accepted(bench);
    say(fd, "GET big\r\n");
    turn(bench);
    say(fd, "PING\r\n");
    close(fd);
    say(other, "PING\r\n");
    turn(bench);
    assert_int_equal(client_count(bench), 1);
    expect(other, "+PONG\r\n");
    close(other);
}

/* ---- Sessions that block ---- */

static void test_blocked_client_goes_when_its_peer_hangs_up(void **state)
{
    struct bench *bench = *state;
    int fd = dial_accepted(bench);
    say(fd, "SET a 1\r\n");
    turn(bench);
    sync_all(bench);
    say(fd, "WAIT 9 0\r\n");
    turn(bench);
    expect(fd, "+OK\r\n");
    turn(bench);
    assert_int_equal(client_count(bench), 1);
    close(fd);
    turn(bench);
    assert_int_equal(client_count(bench), 0);
}

/* Bytes that nobody reads yet are no hang-up. */
static void test_blocked_client_stays_when_its_peer_sends_more(void **state)
{
    struct bench *bench = *state;
    int fd = dial_accepted(bench);
    say(fd, "SET a 1\r\n");
    turn(bench);
    sync_all(bench);
    say(fd, "WAIT 1 0\r\n");
    turn(bench);
    expect(fd, "+OK\r\n");
    say(fd, "PING\r\n");
    turn(bench);
    expect(fd, "");
    bench->node.applied_replicas = 1;
    bench->node.replicas_at = bench->node.evaluated;
    aero_server_on_progress(bench->server);
    turn(bench);
    turn(bench);
    expect(fd, ":1\r\n+PONG\r\n");
    close(fd);
}

/* It is not watched then, and meets its end when it no longer blocks. */
static void test_blocked_client_that_cannot_be_watched_ends_later(void **state)
{
    struct bench *bench = *state;
    int fd = dial_accepted(bench);
    say(fd, "SET a 1\r\n");
    turn(bench);
    sync_all(bench);
    struct limit limit = limit_files_to_those_open();
    say(fd, "WAIT 1 0\r\n");
    turn(bench);
    limit_lift(&limit);
    expect(fd, "+OK\r\n");
    shutdown(fd, SHUT_WR);
    turn(bench);
    assert_int_equal(client_count(bench), 1);
    bench->node.applied_replicas = 1;
    bench->node.replicas_at = bench->node.evaluated;
    aero_server_on_progress(bench->server);
    turn(bench);
    turn(bench);
    expect(fd, ":1\r\n");
    expect_end(fd);
    assert_int_equal(client_count(bench), 0);
    close(fd);
}

/* It waits for its own commits first, which is no reason to let it go; what is behind them would block for ever. */
static void test_client_whose_peer_hung_up_goes_as_soon_as_it_blocks(void **state)
{
    struct bench *bench = *state;
    int fd = dial_accepted(bench);
    say(fd, "SET a 1\r\nSET b 1\r\nWAIT 9 0\r\n");
    turn(bench);
    shutdown(fd, SHUT_WR);
    turn(bench);
    assert_int_equal(client_count(bench), 1);
    assert_int_equal(bench->node.commits, 2);
    sync_all(bench);
    turn(bench);
    expect(fd, "+OK\r\n+OK\r\n");
    expect_end(fd);
    assert_int_equal(client_count(bench), 0);
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct rlimit limit = {.rlim_cur = DESCRIPTORS_MAX, .rlim_max = DESCRIPTORS_MAX};
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    const struct CMUnitTest tests[] = {
        TEST(test_accept_takes_so_many_in_a_turn_and_the_rest_in_the_next),
        TEST(test_accept_without_descriptors_pauses_and_then_goes_on),
        TEST(test_stop_accepting_leaves_newcomers_waiting_and_serves_the_others),
        TEST(test_new_raises_the_limit_of_descriptors_and_says_when_it_cannot),
        TEST(test_readiness_for_nothing_harms_nobody),
        TEST(test_interrupted_calls_lose_no_byte),
        TEST(test_reset_by_the_peer_closes_the_client),
        TEST(test_client_that_is_killed_is_read_no_more),
        TEST(test_output_that_the_socket_does_not_take_goes_on_when_there_is_room),
        TEST(test_output_to_a_socket_that_is_full_waits),
        TEST(test_output_to_a_peer_that_went_closes_the_client),
        TEST(test_peer_that_goes_amid_output_closes_the_client),
        TEST(test_blocked_client_goes_when_its_peer_hangs_up),
        TEST(test_blocked_client_stays_when_its_peer_sends_more),
        TEST(test_blocked_client_that_cannot_be_watched_ends_later),
        TEST(test_client_whose_peer_hung_up_goes_as_soon_as_it_blocks),
    };
    return cmocka_run_group_tests_name("host.clients", tests, NULL, NULL);
}
