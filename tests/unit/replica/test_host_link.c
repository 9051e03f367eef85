/* SPDX-License-Identifier: Apache-2.0 */
/* The link of a replica turn by turn, to a primary that the test plays over real TLS. Which addresses a name has, and when that
 * is known, is the test's to say: this program brings a getaddrinfo of its own. */
#include "tests/unit/replica/played_primary.h"
#include "tests/unit/set_key.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>

#include "replica/host_link.h"
#include "server/config_keys.h"
#include "shipping/transport.h"
#include "tests/unit/shipping/certs.h"

#define NS_PER_S UINT64_C(1000000000)

/* ---- Names ---- */

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool holds; /* nobody gets an answer */
} names = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void hold_names(bool holds)
{
    pthread_mutex_lock(&names.mutex);
    names.holds = holds;
    pthread_cond_broadcast(&names.changed);
    pthread_mutex_unlock(&names.mutex);
}

/* "primary.test" is this machine; "nowhere.test" is nobody; addresses are what they are. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **out_found)
{
    struct place {
        struct addrinfo info;
        struct sockaddr_in address;
    } * place;
    (void)hints;
    if (strstr(name, ".test") != NULL) {
        pthread_mutex_lock(&names.mutex);
        while (names.holds) {
            pthread_cond_wait(&names.changed, &names.mutex);
        }
        pthread_mutex_unlock(&names.mutex);
    }
    if (strcmp(name, "nowhere.test") == 0) {
        return EAI_NONAME;
    }
    place = aero_calloc(1, sizeof *place);
    place->address.sin_family = AF_INET;
    place->address.sin_port = htons((uint16_t)(service == NULL ? 0 : strtoul(service, NULL, 10)));
    inet_pton(AF_INET, strcmp(name, "primary.test") == 0 ? "127.0.0.1" : name,
              &place->address.sin_addr);
    place->info = (struct addrinfo){.ai_family = AF_INET,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_addr = (struct sockaddr *)&place->address,
                                    .ai_addrlen = sizeof place->address};
    *out_found = &place->info;
    return 0;
}

void freeaddrinfo(struct addrinfo *found)
{
    free(found); /* the first member of what was allocated */
}

/* ---- Both ends ---- */

struct ends {
    struct bench *bench; /* the replica's core, and the primary's log */
    struct event_base *base;
    struct aero_config *config;
    struct aero_logger logger;
    struct aero_host_wake wake;
    struct authority authority;
    char replica_certs[CERTS_DIRECTORY_BYTES];
    char primary_certs[CERTS_DIRECTORY_BYTES];
    uint64_t clock_ns; /* the replica link's */
    struct aero_replica_link *link;
    struct aero_host_link port;

    struct aero_tls_context *context;
    struct aero_listener *listener;
    struct aero_connection *connection; /* the primary's end; NULL: none */
    struct aero_buffer got;
    unsigned opened;
    unsigned closed;
    enum aero_close_reason reason;
    char replica_name[AERO_TLS_NAME_MAX];
};

static struct ends *ends;

static void on_open_here(void *self, struct aero_connection *connection)
{
    (void)self;
    ends->connection = connection;
    ends->opened++;
    snprintf(ends->replica_name, sizeof ends->replica_name, "%s",
             aero_connection_peer_name(connection));
}

static void on_bytes_here(void *self, struct aero_connection *connection,
                          struct aero_slice plaintext)
{
    struct aero_frame frame;
    size_t frame_bytes;
    size_t needed;
    (void)self;
    (void)connection;
    aero_buffer_append_slice(&ends->got, plaintext);
    while (aero_is_ok(
        aero_frame_decode(aero_buffer_slice(&ends->got), &frame, &frame_bytes, &needed))) {
        hear_frame(&ends->bench->heard, &frame);
        aero_buffer_consume(&ends->got, frame_bytes);
    }
}

static void on_room_here(void *self, struct aero_connection *connection)
{
    (void)self;
    (void)connection;
}

static void on_close_here(void *self, struct aero_connection *connection,
                          enum aero_close_reason reason, const char *text)
{
    (void)self;
    (void)connection;
    (void)text;
    ends->connection = NULL;
    ends->reason = reason;
    ends->closed++;
}

static void write_certs(const char *directory, const char *name)
{
    certs_write_named(directory, &ends->authority, name);
}

static aero_mono_ns mono_of(void *self)
{
    (void)self;
    return (aero_mono_ns){ends->clock_ns};
}

static aero_status new_link(void)
{
    const struct aero_replica_link_options options = {
        .config = ends->config,
        .logger = &ends->logger,
        .disk = power_disk_port(ends->bench->disk),
        .replica = ends->bench->replica,
        .base = ends->base,
        .wake = &ends->wake,
        .clock = {.mono = mono_of},
    };
    return aero_replica_link_new(&options, &ends->link);
}

static void set_primary(const char *host)
{
    char place[96];
    snprintf(place, sizeof place, "%s:%u", host, aero_listener_port(ends->listener));
    set_key(ends->config, "primary", place);
}

static void start_link(void)
{
    assert_true(aero_is_ok(new_link()));
    ends->port = aero_replica_link_port(ends->link);
}

static int set_up(void **state)
{
    const struct aero_transport_options options = {.output_bytes = (size_t)8 << 20};
    const struct aero_tls_allow any = {.count = 0};
    const struct aero_transport_events events = {.on_open = on_open_here,
                                                 .on_bytes = on_bytes_here,
                                                 .on_room = on_room_here,
                                                 .on_close = on_close_here};
    char text[AERO_TLS_TEXT_MAX];
    (void)state;
    ends = aero_calloc(1, sizeof *ends);
    ends->bench = bench_new();
    ends->base = event_base_new();
    ends->config = aero_config_new(aero_config_keys_replica());
    ends->clock_ns = NS_PER_S;
    ends->authority = certs_authority("authority");
    aero_logger_init(&ends->logger, kept_log_sink(&ends->bench->log), aero_clock_posix(),
                     AERO_LOG_KEY_VALUE, AERO_LOG_ERROR);
    aero_host_wake_init(&ends->wake);
    certs_make_directory(ends->replica_certs);
    certs_make_directory(ends->primary_certs);
    write_certs(ends->replica_certs, "beta");
    write_certs(ends->primary_certs, "alpha");
    assert_true(aero_is_ok(aero_tls_context_load(ends->primary_certs, &ends->context, text)));
    assert_true(aero_is_ok(aero_listener_new(ends->base, "127.0.0.1", 0, &options, ends->context,
                                             &any, &events, &ends->listener)));
    set_key(ends->config, "certs_dir", ends->replica_certs);
    set_primary("127.0.0.1");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hold_names(false);
    aero_replica_link_free(ends->link);
    aero_listener_free(ends->listener);
    aero_tls_context_release(ends->context);
    bench_free(ends->bench);
    aero_buffer_deinit(&ends->got);
    certs_remove_directory(ends->replica_certs);
    certs_remove_directory(ends->primary_certs);
    certs_authority_free(&ends->authority);
    aero_host_wake_deinit(&ends->wake);
    aero_config_free(ends->config);
    event_base_free(ends->base);
    free(ends);
    return 0;
}

static void look(void)
{
    event_base_loop(ends->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void deliver(void)
{
    tick(ends->bench);
    ends->port.ops->deliver(ends->port.self);
}

/* A turn of the host's loop. */
static void host_turn(bool disk_works)
{
    struct aero_core_request request;
    struct aero_replica *replica = ends->bench->replica;
    look();
    deliver();
    while (aero_replica_wants_entropy(replica)) {
        aero_replica_give_entropy(replica, world_id(++ends->bench->entropy));
    }
    aero_replica_end_turn(replica);
    while (disk_works && next_request(ends->bench, &request)) {
        finish(ends->bench, &request);
    }
    ends->port.ops->publish(ends->port.self);
    look();
}

/* What has not come about after so many turns never will: they are some ten seconds. */
#define TURNS_MAX 5000000

#define AWAIT(condition)                                           \
    for (unsigned turns = 0; !(condition); turns++) {              \
        if (turns == TURNS_MAX) {                                  \
            fail_msg("%s: not after %u turns", #condition, turns); \
        }                                                          \
        host_turn(true);                                           \
    }

/* The backoff is over. */
static void pass_backoff(void)
{
    ends->bench->mono.value += 60 * NS_PER_S;
    tick(ends->bench);
}

static void say(struct aero_buffer *frames)
{
    assert_int_equal(aero_connection_write(ends->connection, aero_buffer_slice(frames)),
                     frames->length);
    aero_buffer_deinit(frames);
}

/* "Go on where you are": in the open segment, or from its beginning on. How far that is. */
static uint64_t say_resume(void)
{
    const struct aero_message_hello *hello = &ends->bench->heard.hello;
    bool inside = hello->end_sequence == ends->bench->primary.segment.sequence;
    const struct aero_manifest *manifest = &ends->bench->primary.manifest;
    struct aero_buffer history = {0};
    struct aero_buffer frames = {0};
    struct aero_message message = {.type = AERO_FRAME_VERDICT};
    aero_handshake_encode_history(&manifest->history, &history);
    message.as.verdict = (struct aero_message_verdict){
        .kind = AERO_HANDSHAKE_RESUME,
        .cluster_id = manifest->cluster_id,
        .node_id = manifest->node_id,
        .epoch = manifest->epoch,
        .history = aero_buffer_slice(&history),
        .durable = ends->bench->primary.position.lsn,
        .resume_sequence = ends->bench->primary.segment.sequence,
        .resume_offset = inside ? hello->end_offset : 0,
    };
    snprintf(message.as.verdict.node_name, sizeof message.as.verdict.node_name, "%s",
             manifest->node_name);
    aero_message_append(&frames, &message);
    say(&frames);
    aero_buffer_deinit(&history);
    return message.as.verdict.resume_offset;
}

/* The open segment up to `end`, from its header or from `*at` on. */
static void ship_from(uint64_t *at, uint64_t end)
{
    const struct world *primary = &ends->bench->primary;
    struct aero_buffer frames = {0};
    if (*at == 0) {
        aero_frame_append(&frames, AERO_FRAME_SEGMENT,
                          aero_slice_of(primary->bytes.data, AERO_SEGMENT_HEADER_BYTES));
        *at = AERO_SEGMENT_HEADER_BYTES;
    }
    aero_frame_append_chunk(&frames, AERO_FRAME_CHUNK, primary->segment.sequence, *at,
                            aero_slice_of(primary->bytes.data + *at, (size_t)(end - *at)));
    *at = end;
    say(&frames);
}

static void open_link(void)
{
    unsigned hellos = ends->bench->heard.count[AERO_FRAME_HELLO];
    AWAIT(ends->bench->heard.count[AERO_FRAME_HELLO] > hellos);
    assert_string_equal(ends->replica_name, "beta");
}

/* A link that came to nothing: what the operator reads of it begins with this. */
static void expect_no_link(const char *reason)
{
    char line[128];
    snprintf(line, sizeof line, "link_reason:%s", reason);
    expect_status(ends->bench, line);
    assert_null(ends->connection);
}

static bool is_waiting_to_dial(void)
{
    return strstr(ask(ends->bench, "AERO.STATUS"), "\nlink_reason:\r\n") == NULL &&
           !aero_replica_wants_link(ends->bench->replica);
}

/* ---- Dialling ---- */

static void test_link_carries_the_log_from_primary_to_replica(void **state)
{
    (void)state;
    set_many(ends->bench, 3);
    start_link();
    open_link();
    uint64_t at = say_resume();
    ship_from(&at, ends->bench->primary.bytes.length);
    AWAIT(aero_replica_applied_lsn(ends->bench->replica).value == 3);
    expect_primary_state(ends->bench);
    expect(ends->bench, "GET k3", "$4\r\nat 3\r\n");
}

/* An empty list would mean everybody to TLS: here it is nobody. */
static void test_only_an_allowed_primary_is_followed(void **state)
{
    static const struct {
        const char *allowed;
        bool is_followed;
    } cases[] = {
        {"alpha", true}, {"gamma alpha", true}, {"*", true}, {"gamma", false}, {"", false}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        set_key(ends->config, "allowed_nodes", cases[i].allowed);
        start_link();
        if (cases[i].is_followed) {
            open_link();
        } else {
            AWAIT(is_waiting_to_dial());
            assert_non_null(strstr(ask(ends->bench, "AERO.STATUS"), "'alpha' is not in"));
        }
        aero_replica_link_free(ends->link);
        ends->link = NULL;
        while (ends->connection != NULL) {
            event_base_loop(ends->base, EVLOOP_ONCE);
        }
        if (cases[i].is_followed) { /* the core believes in its link */
            aero_replica_on_link_closed(ends->bench->replica, "the test hung up");
        }
        pass_backoff();
    }
}

static void test_loop_goes_on_while_a_name_is_looked_up(void **state)
{
    (void)state;
    hold_names(true);
    set_primary("primary.test");
    start_link();
    for (unsigned i = 0; i < 10; i++) {
        host_turn(true);
    }
    assert_int_equal(ends->opened, 0);
    hold_names(false);
    open_link();
}

static void test_name_without_an_address_is_told_and_tried_again(void **state)
{
    (void)state;
    set_primary("nowhere.test");
    start_link();
    AWAIT(is_waiting_to_dial());
    expect_no_link("no address for nowhere.test");
    pass_backoff();
    assert_true(aero_replica_wants_link(ends->bench->replica));
    host_turn(true); /* asks */
    AWAIT(is_waiting_to_dial());
    expect_no_link("no address for nowhere.test");
}

static void test_new_without_certificates_is_refused(void **state)
{
    (void)state;
    set_key(ends->config, "certs_dir", "/nowhere");
    assert_false(aero_is_ok(new_link()));
    assert_null(ends->link);
}

/* ---- Room ---- */

static bool has_room(void)
{
    return aero_replica_on_link_bytes(ends->bench->replica, aero_slice_of(NULL, 0));
}

/* DET-3: a gulp for which the core has no room waits, nothing more is read meanwhile, and nothing is lost. Here it has none
 * until the primary's history is durable. */
static void test_bytes_without_room_wait_for_the_disk(void **state)
{
    (void)state;
    set_many(ends->bench, 9);
    start_link();
    open_link();
    uint64_t at = say_resume();
    ship_from(&at, end_of(ends->bench, 3));
    while (has_room()) {
        host_turn(false);
    }
    for (uint64_t lsn = 4; lsn <= 9; lsn++) {
        ship_from(&at, end_of(ends->bench, lsn));
        for (unsigned i = 0; i < 20; i++) {
            host_turn(false);
        }
    }
    expect_at(ends->bench, AERO_REPLICA_EMPTY, 0);
    AWAIT(aero_replica_applied_lsn(ends->bench->replica).value == 9);
    expect_primary_state(ends->bench);
    assert_int_equal(ends->closed, 0);
}

/* A link that goes takes along what waited on it. */
static void test_bytes_that_wait_go_with_their_link(void **state)
{
    (void)state;
    set_many(ends->bench, 3);
    start_link();
    open_link();
    uint64_t at = say_resume();
    ship_from(&at, end_of(ends->bench, 1));
    while (has_room()) {
        host_turn(false);
    }
    ship_from(&at, end_of(ends->bench, 3));
    for (unsigned i = 0; i < 20; i++) {
        host_turn(false);
    }
    const char *text = NULL;
    set_key(ends->config, "allowed_nodes", "gamma");
    assert_true(ends->port.ops->reload(ends->port.self, ends->config, &text));
    while (ends->closed == 0) {
        host_turn(false);
    }
    set_key(ends->config, "allowed_nodes", "alpha");
    assert_true(ends->port.ops->reload(ends->port.self, ends->config, &text));
    AWAIT(is_waiting_to_dial());
    pass_backoff();
    open_link();
    at = say_resume();
    ship_from(&at, end_of(ends->bench, 3));
    AWAIT(aero_replica_applied_lsn(ends->bench->replica).value == 3);
    expect_primary_state(ends->bench);
}

/* ---- Reloads and certificates ---- */

static bool reload(const char **out_text)
{
    return ends->port.ops->reload(ends->port.self, ends->config, out_text);
}

static void test_reload_drops_a_primary_that_is_not_allowed_any_more(void **state)
{
    const char *text = NULL;
    (void)state;
    start_link();
    assert_true(reload(&text)); /* before there is a link */
    open_link();
    set_key(ends->config, "allowed_nodes", "gamma alpha");
    assert_true(reload(&text));
    for (unsigned i = 0; i < 10; i++) {
        host_turn(true);
    }
    assert_int_equal(ends->closed, 0);
    set_key(ends->config, "allowed_nodes", "gamma");
    assert_true(reload(&text));
    assert_true(aero_replica_wants_close(ends->bench->replica));
    deliver();
    deliver(); /* again, before the goodbye has left */
    AWAIT(ends->closed == 1);
    assert_int_equal(ends->reason, AERO_CLOSE_PEER);
    AWAIT(is_waiting_to_dial());
    expect_no_link("the primary is not in the allow list any more (allowed_nodes)");
}

static void test_reload_of_too_many_names_changes_nothing_and_says_why(void **state)
{
    const char *text = NULL;
    char names_list[AERO_ALLOWED_MAX * 4 + 8] = "";
    (void)state;
    for (unsigned i = 0; i <= AERO_ALLOWED_MAX; i++) {
        snprintf(names_list + strlen(names_list), sizeof names_list - strlen(names_list), "n%u ",
                 i);
    }
    start_link();
    open_link();
    set_key(ends->config, "allowed_nodes", names_list);
    assert_false(reload(&text));
    assert_string_equal(text, "allowed_nodes has more than 64 names");
    for (unsigned i = 0; i < 10; i++) {
        host_turn(true);
    }
    assert_int_equal(ends->closed, 0);
}

/* Of which kind the trouble is does not matter: an authority that counts no more is as good as a list. */
static void test_primary_whose_certificate_is_revoked_loses_the_link(void **state)
{
    const char *text = NULL;
    (void)state;
    start_link();
    open_link();
    certs_write_list(ends->replica_certs, &ends->authority, 2);
    assert_true(reload(&text));
    for (unsigned i = 0; i < 10; i++) {
        host_turn(true);
    }
    assert_int_equal(ends->closed, 0);
    struct node_wish wish = {
        .dns = "beta", .common_name = "beta", .begins_s = -60, .ends_s = 3000, .serial = 2};
    certs_write_node(ends->replica_certs, &ends->authority, &ends->authority, wish);
    certs_write_list(ends->replica_certs, &ends->authority, 1);
    ends->clock_ns += 10 * NS_PER_S;
    deliver();
    AWAIT(ends->closed == 1);
    assert_int_equal(ends->reason, AERO_CLOSE_PEER);
    AWAIT(is_waiting_to_dial());
    expect_no_link("the peer's certificate is revoked (crl.pem): that node needs a new one");
}

/* A dial whose handshake has not ended began with the old ones. */
static void test_new_certificates_begin_a_dial_anew(void **state)
{
    const char *text = NULL;
    (void)state;
    start_link();
    for (unsigned turns = 0; turns < TURNS_MAX && !is_waiting_to_dial(); turns++) {
        deliver(); /* dials, once there is an address */
        assert_true(reload(&text));
        event_base_loop(ends->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    }
    expect_no_link("closed before it was open");
    pass_backoff();
    AWAIT(ends->opened == 1);
}

/* Files are looked at every ten seconds, and what changed is used from the next dial on. */
static void test_new_certificates_are_used_from_the_next_dial_on(void **state)
{
    (void)state;
    start_link();
    open_link();
    write_certs(ends->replica_certs, "gamma");
    ends->clock_ns += 10 * NS_PER_S - 1;
    deliver();
    aero_connection_close(ends->connection);
    AWAIT(ends->connection == NULL && is_waiting_to_dial());
    pass_backoff();
    AWAIT(ends->opened == 2);
    assert_string_equal(ends->replica_name, "beta");
    ends->clock_ns += 1;
    deliver();
    aero_connection_close(ends->connection);
    AWAIT(ends->connection == NULL && is_waiting_to_dial());
    pass_backoff();
    AWAIT(ends->opened == 3);
    assert_string_equal(ends->replica_name, "gamma");
    ends->clock_ns += 10 * NS_PER_S;
    deliver(); /* nothing has changed since: nothing is loaded anew */
    host_turn(true);
    assert_int_equal(ends->closed, 2);
}

/* ---- The end ---- */

static void test_free_says_goodbye_and_tells_the_core_nothing(void **state)
{
    (void)state;
    start_link();
    open_link();
    aero_replica_link_free(ends->link);
    ends->link = NULL;
    while (ends->closed == 0) {
        event_base_loop(ends->base, EVLOOP_ONCE);
    }
    assert_int_equal(ends->reason, AERO_CLOSE_PEER);
    assert_false(aero_replica_wants_link(ends->bench->replica)); /* it believes in its link */
}

static void test_free_leaves_a_name_that_is_looked_up_alone(void **state)
{
    (void)state;
    hold_names(true);
    set_primary("primary.test");
    start_link();
    host_turn(true);
    aero_replica_link_free(ends->link);
    ends->link = NULL;
    hold_names(false);
    assert_int_equal(ends->opened, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_link_carries_the_log_from_primary_to_replica),
        TEST(test_only_an_allowed_primary_is_followed),
        TEST(test_loop_goes_on_while_a_name_is_looked_up),
        TEST(test_name_without_an_address_is_told_and_tried_again),
        TEST(test_new_without_certificates_is_refused),
        TEST(test_bytes_without_room_wait_for_the_disk),
        TEST(test_bytes_that_wait_go_with_their_link),
        TEST(test_reload_drops_a_primary_that_is_not_allowed_any_more),
        TEST(test_primary_whose_certificate_is_revoked_loses_the_link),
        TEST(test_new_certificates_begin_a_dial_anew),
        TEST(test_reload_of_too_many_names_changes_nothing_and_says_why),
        TEST(test_new_certificates_are_used_from_the_next_dial_on),
        TEST(test_free_says_goodbye_and_tells_the_core_nothing),
        TEST(test_free_leaves_a_name_that_is_looked_up_alone),
    };
    return cmocka_run_group_tests_name("replica.host_link", tests, NULL, NULL);
}
