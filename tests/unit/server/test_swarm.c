/* SPDX-License-Identifier: Apache-2.0 */
/* Many clients, random commands, random durability and cuts in the input: each client receives, byte for byte and in order,
 * what it receives from a server whose every commit is durable at once. (When it receives it is test_holds.c's matter.) */
#include "tests/unit/server/conversation.c"
#include "tests/unit/server/fake_node.c"

#include "base/prng.h"

#define CLIENTS 6
#define STEPS 4000

struct client {
    struct aero_session *tested;
    struct aero_session *reference;
    struct aero_buffer received;
    struct aero_buffer expected;
};

static void take_output(struct aero_session *session, struct aero_buffer *received)
{
    struct aero_slice output = aero_session_output(session);
    aero_buffer_append_slice(received, output);
    aero_session_sent(session, output.length);
}

static void random_command(struct aero_prng *prng, char *out_line, size_t capacity)
{
    static const char *const forms[] = {
        "GET k%u\r\n",      "SET k%u %u\r\n",    "INCR k%u\r\n",         "DEL k%u\r\n",
        "APPEND k%u x\r\n", "SET k%u %u NX\r\n", "EXISTS k%u\r\n",       "DBSIZE\r\n",
        "PING\r\n",         "RENAME k%u k1\r\n", "SET k%u %u PX 20\r\n", "TTL none%u\r\n",
        "KEYS k%u*\r\n",    "GETDEL k%u\r\n",    "MSET k%u 1 k2 %u\r\n", "ECHO %u\r\n",
        "FLUSHDB\r\n",      "SELECT 0\r\n",      "STRLEN k%u\r\n",       "GETEX k%u PERSIST\r\n",
    };
    unsigned key = (unsigned)aero_prng_below(prng, 8);
    unsigned value = (unsigned)aero_prng_below(prng, 100);
    const char *form = forms[aero_prng_below(prng, sizeof forms / sizeof forms[0])];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(out_line, capacity, form, key, value);
#pragma GCC diagnostic pop
}

/* One order of commands on both servers. */
static void run_seed(uint64_t seed)
{
    struct conversation tested;
    struct conversation reference;
    struct client clients[CLIENTS] = {0};
    struct aero_prng prng;
    aero_prng_init(&prng, seed);
    conversation_init(&tested);
    conversation_init(&reference);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i].tested = conversation_open(&tested);
        clients[i].reference = conversation_open(&reference);
    }
    for (int step = 0; step < STEPS; step++) {
        struct client *client = &clients[aero_prng_below(&prng, CLIENTS)];
        char line[64];
        random_command(&prng, line, sizeof line);
        size_t cut = aero_prng_below(&prng, strlen(line) + 1);
        /* Whole commands in one order on both sides; the tested one gets each in two pieces. */
        aero_session_on_input(client->tested, aero_slice_of(line, cut));
        aero_session_on_input(client->tested, aero_slice_of(line + cut, strlen(line) - cut));
        conversation_send_raw(client->reference, line);
        conversation_sync(&reference);
        take_output(client->reference, &client->expected);
        uint64_t in_flight = tested.node.evaluated - tested.node.durable;
        if (aero_prng_below(&prng, 3) == 0 && in_flight != 0) {
            uint64_t lsn = tested.node.durable + 1 + aero_prng_below(&prng, in_flight);
            conversation_sync_to(&tested, lsn);
            struct aero_session *ready;
            while ((ready = aero_server_next_ready(tested.server)) != NULL) {
                for (int i = 0; i < CLIENTS; i++) {
                    if (clients[i].tested == ready) {
                        take_output(ready, &clients[i].received);
                    }
                }
            }
        }
        if (aero_prng_below(&prng, 20) == 0) {
            conversation_tick_ms(&tested, 7);
            conversation_tick_ms(&reference, 7);
        }
        for (int i = 0; i < CLIENTS; i++) {
            /* Never ahead of the reference, never different from it. */
            assert_true(clients[i].received.length <= clients[i].expected.length);
        }
    }
    conversation_sync(&tested);
    for (int i = 0; i < CLIENTS; i++) {
        take_output(clients[i].tested, &clients[i].received);
        if (!aero_slice_equal(aero_buffer_slice(&clients[i].received),
                              aero_buffer_slice(&clients[i].expected))) {
            fail_msg("seed %llu: client %d received something else", (unsigned long long)seed, i);
        }
        aero_buffer_deinit(&clients[i].received);
        aero_buffer_deinit(&clients[i].expected);
    }
    struct aero_summary a = aero_tree_summary(tested.node.tree);
    struct aero_summary b = aero_tree_summary(reference.node.tree);
    assert_int_equal(a.count, b.count);
    assert_true(aero_u128_equal(a.digest, b.digest));
    conversation_deinit(&tested);
    conversation_deinit(&reference);
}

static void test_clients_receive_what_an_instantly_durable_server_says(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        run_seed(seed);
    }
}

/* Whatever comes in, the session answers, waits or closes. */
static void test_random_bytes_never_harm(void **state)
{
    (void)state;
    static const char alphabet[] = "*$0123456789\r\n\"'\\x abcGETSETPINGMULTIEXEC-:";
    struct conversation talk;
    struct aero_prng prng;
    aero_prng_init(&prng, 7);
    conversation_init(&talk);
    for (int round = 0; round < 3000; round++) {
        struct aero_session *session = conversation_open(&talk);
        for (int chunk = 0; chunk < 5 && !aero_session_should_close(session); chunk++) {
            size_t length = aero_prng_below(&prng, 60);
            uint8_t *bytes = malloc(length + 1);
            assert_non_null(bytes);
            for (size_t i = 0; i < length; i++) {
                bytes[i] = (uint8_t)alphabet[aero_prng_below(&prng, sizeof alphabet - 1)];
            }
            aero_session_on_input(session, aero_slice_of(bytes, length));
            free(bytes);
            conversation_sync(&talk);
            struct aero_slice output = aero_session_output(session);
            aero_session_sent(session, output.length);
        }
        aero_session_close(session);
    }
    conversation_deinit(&talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clients_receive_what_an_instantly_durable_server_says),
        cmocka_unit_test(test_random_bytes_never_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
