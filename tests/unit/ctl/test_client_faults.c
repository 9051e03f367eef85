/* SPDX-License-Identifier: Apache-2.0 */
/* aeroctl against nodes that are not there, hang, go away, answer with half of it or with something else: the exit status
 * is that of no answer, or of a refusal, and the message says which. */
#include "tests/unit/ctl/node_bench.h"

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>

#include "tests/unit/limits.h"

/* ---- Its address ----------------------------------------------------------------------------------------------- */

static void test_an_address_that_is_none_is_a_usage_error(void **state)
{
    struct ctl_bench *bench = *state;
    char long_host[300];
    memset(long_host, 'h', sizeof long_host - 1);
    long_host[sizeof long_host - 1] = '\0';
    const struct {
        const char *option;
        const char *value;
        const char *complaint;
    } cases[] = {
        {"--port", "fnord", "--port must be 1 to 65535"},
        {"--port", "0", "--port must be 1 to 65535"},
        {"--port", "65536", "--port must be 1 to 65535"},
        {"--host", "", "--host must be 1 to 255 bytes"},
        {"--host", long_host, "--host must be 1 to 255 bytes"},
        {"--timeout", "10", "--timeout must be a duration"},
        {"--timeout", "999us", "--timeout must be a duration"},
        {"--timeout", "25h", "--timeout must be a duration"},
    };
    const char *const commands[] = {"status", "replicas", "reconnect"};
    for (size_t c = 0; c < sizeof commands / sizeof commands[0]; c++) {
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            assert_int_equal(CTL_RUN(bench, commands[c], cases[i].option, cases[i].value),
                             AERO_EXIT_USAGE);
            EXPECT_ERR(bench, cases[i].complaint);
        }
    }
    assert_int_equal(CTL_RUN(bench, "status", "--host", "h", "--socket", "s"), AERO_EXIT_USAGE);
    EXPECT_ERR(bench, "--socket stands instead of --host and --port");
}

/* HOST:PORT as `compare` takes it: what is none is not dialled. */
static void test_an_operand_that_is_no_address_is_a_usage_error(void **state)
{
    struct ctl_bench *bench = *state;
    char long_host[300];
    memset(long_host, 'h', sizeof long_host - 3);
    memcpy(long_host + sizeof long_host - 3, ":1", 3);
    const char *const operands[] = {
        "nothing", "no/path:1", ":1", "h:0", "h:", "h:65536", long_host, "[]:1", "[h:0", "[h]:0"};
    for (size_t i = 0; i < sizeof operands / sizeof operands[0]; i++) {
        assert_int_equal(CTL_RUN(bench, "compare", operands[i], operands[i]), AERO_EXIT_USAGE);
        EXPECT_ERR(bench,
                   "there is no such directory, and it is no HOST:PORT. Give the data directory");
    }
    /* The name of a file, and one that is too long to be one. */
    assert_int_equal(CTL_RUN(bench, "compare", "/dev/null", "h:1"), AERO_EXIT_USAGE);
    char long_name[1100];
    memset(long_name, 'n', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_int_equal(CTL_RUN(bench, "compare", long_name, "h:1"), AERO_EXIT_USAGE);
}

/* A bad option is said once, not taken for a bad operand as well. */
static void test_a_bad_time_limit_is_not_called_a_bad_address(void **state)
{
    struct ctl_bench *bench = *state;
    assert_int_equal(CTL_RUN(bench, "compare", "--timeout", "soon", "127.0.0.1:1", "127.0.0.1:1"),
                     AERO_EXIT_USAGE);
    EXPECT_ERR(bench, "--timeout must be a duration");
    assert_null(strstr(bench->err, "HOST:PORT"));
}

/* Brackets keep the colons of an address of version 6 apart from that of the port. */
static void test_an_address_in_brackets_is_dialled_without_them(void **state)
{
    struct ctl_bench *bench = *state;
    struct fake_node *node = node_bind(); /* deaf */
    char operand[32];
    snprintf(operand, sizeof operand, "[127.0.0.1]:%s", node->port);
    assert_int_equal(CTL_RUN(bench, "compare", operand, operand), AERO_CTL_EXIT_UNREACHABLE);
    EXPECT_ERR(bench, node->address);
    assert_int_equal(CTL_RUN(bench, "compare", "::1%nowhere:1", operand),
                     AERO_CTL_EXIT_UNREACHABLE);
    EXPECT_ERR(bench, "::1%nowhere:1 cannot be found");
    node_free(node);
}

/* ---- The connection -------------------------------------------------------------------------------------------- */

static void test_a_host_that_nobody_knows_is_unreachable(void **state)
{
    struct ctl_bench *bench = *state;
    assert_int_equal(CTL_RUN(bench, "status", "--host", "::1%nowhere"), AERO_CTL_EXIT_UNREACHABLE);
    EXPECT_ERR(bench, "cannot be found");
}

static void test_a_named_host_is_dialled(void **state)
{
    struct ctl_bench *bench = *state;
    struct fake_node *node = node_start(NODE_HEALTHY, NULL);
    assert_int_equal(CTL_RUN(bench, "status", "--host", "localhost", "--port", node->port),
                     AERO_EXIT_OK);
    node_stop(node);
}

static void test_a_unix_socket_is_dialled(void **state)
{
    struct ctl_bench *bench = *state;
    struct fake_node *node = node_bind_unix(bench, "socket");
    node->answers[0] = NODE_HEALTHY;
    node_run(node, node_serve);
    assert_int_equal(CTL_RUN(bench, "status", "--socket", "@socket"), AERO_EXIT_OK);
    assert_string_equal(node->heard, "*1\r\n$11\r\nAERO.STATUS\r\n");
    node_stop(node);
}

static void test_a_path_too_long_for_a_socket_is_unreachable(void **state)
{
    struct ctl_bench *bench = *state;
    char path[200];
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(CTL_RUN(bench, "status", "--socket", path), AERO_CTL_EXIT_UNREACHABLE);
    EXPECT_ERR(bench, "the path is too long");
}

/* Its queue of connections is full, and it accepts none. */
static void test_a_node_that_accepts_nobody_is_unreachable_after_the_timeout(void **state)
{
    struct ctl_bench *bench = *state;
    struct fake_node *node = node_bind();
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    int waiting[8];
    assert_int_equal(listen(node->listener, 0), 0);
    assert_int_equal(getsockname(node->listener, (struct sockaddr *)&address, &length), 0);
    for (size_t i = 0; i < 8; i++) {
        waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)!connect(waiting[i], (struct sockaddr *)&address, length);
    }
    assert_int_equal(CTL_RUN(bench, "status", "--port", node->port, "--timeout", "20ms"),
                     AERO_CTL_EXIT_UNREACHABLE);
    EXPECT_ERR(bench, "does not answer: Connection timed out");
    for (size_t i = 0; i < 8; i++) {
        close(waiting[i]);
    }
    node_free(node);
}

/* Without a descriptor there is no socket. */
static void test_no_descriptor_left_is_said(void **state)
{
    struct ctl_bench *bench = *state;
    struct limit limit = limit_files_to_those_open();
    int exit_code = CTL_RUN(bench, "status");
    limit_lift(&limit);
    assert_int_equal(exit_code, AERO_CTL_EXIT_UNREACHABLE);
    EXPECT_ERR(bench, "Too many open files");
}

/* ---- The request: one that does not fit into the socket's buffers ------------------------------------------------ */

/* More than any buffer of a Unix socket takes. */
static char *long_password(void)
{
    size_t length = (size_t)8 << 20;
    char *password = aero_malloc(length + 1);
    memset(password, 'p', length);
    password[length] = '\0';
    return password;
}

static void *accept_and_hold(void *self)
{
    struct fake_node *node = self;
    int fd = accept(node->listener, NULL, NULL);
    int other = accept(node->listener, NULL, NULL); /* until the test ends */
    AERO_ASSERT(other < 0);
    close(fd);
    return NULL;
}

static void *accept_and_leave(void *self)
{
    struct fake_node *node = self;
    char first;
    int fd = accept(node->listener, NULL, NULL);
    AERO_ASSERT(recv(fd, &first, 1, 0) == 1); /* it is sending */
    close(fd);
    return NULL;
}

static void *accept_and_take_all(void *self)
{
    struct fake_node *node = self;
    static const char sent[] = "-WRONGPASS that was long\r\n";
    char *piece = aero_malloc(1 << 20);
    int fd = accept(node->listener, NULL, NULL);
    size_t left = strlen("*2\r\n$4\r\nAUTH\r\n$8388608\r\n\r\n") + ((size_t)8 << 20);
    while (left > 0) {
        ssize_t got = recv(fd, piece, 1 << 20, 0);
        AERO_ASSERT(got > 0);
        left -= (size_t)got;
    }
    (void)!send(fd, sent, strlen(sent), MSG_NOSIGNAL);
    close(fd);
    free(piece);
    return NULL;
}

static void test_a_long_request_is_sent_piece_by_piece(void **state)
{
    struct ctl_bench *bench = *state;
    const struct {
        void *(*serve)(void *node);
        int exit_code;
        const char *complaint;
    } cases[] = {
        {accept_and_hold, AERO_CTL_EXIT_UNREACHABLE, "went away: Connection timed out"},
        {accept_and_leave, AERO_CTL_EXIT_UNREACHABLE, "went away: "},
        {accept_and_take_all, AERO_EXIT_FAILURE, "WRONGPASS that was long"},
    };
    char *password = long_password();
    bench->password = password;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[16];
        char path[24];
        snprintf(name, sizeof name, "socket%zu", i);
        snprintf(path, sizeof path, "@%s", name);
        struct fake_node *node = node_run(node_bind_unix(bench, name), cases[i].serve);
        const char *timeout = cases[i].serve == accept_and_hold ? "20ms" : "1h";
        assert_int_equal(CTL_RUN(bench, "status", "--socket", path, "--timeout", timeout),
                         cases[i].exit_code);
        EXPECT_ERR(bench, cases[i].complaint);
        node_stop(node);
    }
    free(password);
}

/* ---- The reply -------------------------------------------------------------------------------------------------- */

static void test_a_node_that_goes_away_before_its_reply_ends_is_unreachable(void **state)
{
    struct ctl_bench *bench = *state;
    const char *const beginnings[] = {"", "$", "$48\r\n", "$48\r\nrole:primary\r\n", "+OK\r"};
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
        struct fake_node *node = node_bind();
        node->answers[0] = beginnings[i];
        node->hangs_up = true;
        node_run(node, node_serve);
        assert_int_equal(CTL_RUN(bench, "status", "--port", node->port), AERO_CTL_EXIT_UNREACHABLE);
        EXPECT_ERR(bench, "closed the connection: its log says why");
        assert_string_equal(bench->out, "");
        node_stop(node);
    }
}

/* With the request unread, the kernel resets the connection. */
static void *leave_unread(void *self)
{
    struct fake_node *node = self;
    char request[64];
    int fd = accept(node->listener, NULL, NULL);
    AERO_ASSERT(recv(fd, request, sizeof request, MSG_PEEK) > 0);
    close(fd);
    return NULL;
}

static void test_a_node_that_drops_the_request_is_unreachable(void **state)
{
    struct ctl_bench *bench = *state;
    struct fake_node *node = node_run(node_bind(), leave_unread);
    assert_int_equal(CTL_RUN(bench, "status", "--port", node->port), AERO_CTL_EXIT_UNREACHABLE);
    EXPECT_ERR(bench, "does not answer: Connection reset by peer");
    node_stop(node);
}

static void test_a_node_that_goes_away_before_the_password_is_taken_is_unreachable(void **state)
{
    struct ctl_bench *bench = *state;
    struct fake_node *node = node_start(NULL, NULL);
    bench->password = "s3cret";
    assert_int_equal(CTL_RUN(bench, "status", "--port", node->port), AERO_CTL_EXIT_UNREACHABLE);
    EXPECT_ERR(bench, "closed the connection");
    assert_null(strstr(node->heard, "AERO.STATUS"));
    node_stop(node);
}

static void test_what_is_no_reply_is_not_waited_for(void **state)
{
    struct ctl_bench *bench = *state;
    const char *const answers[] = {"HTTP/1.1 400 Bad Request\r\n\r\n",
                                   "$fnord\r\n",
                                   "$1\r\nabc\r\n",
                                   "+OK\n",
                                   "\n",
                                   "*1\r\n+OK\r\n",
                                   "$99999999999\r\n",
                                   "$-2\r\n"};
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct fake_node *node = node_start(answers[i], NULL);
        assert_int_equal(CTL_RUN(bench, "status", "--port", node->port), AERO_CTL_EXIT_UNREACHABLE);
        EXPECT_ERR(bench, "answers in a way that AeroDB does not");
        node_stop(node);
    }
}

static void test_nothing_and_errors_are_failures(void **state)
{
    struct ctl_bench *bench = *state;
    const struct {
        const char *answer;
        const char *complaint;
    } cases[] = {
        {"$-1\r\n", "the node answers AERO.STATUS with nothing"},
        {"-\r\n", "the node refused: \n"},
        {"-ERR\r\n", "the node refused: ERR\n"},
        {"-NOAUTH Authentication required.\r\n", "required. Set AEROCTL_PASSWORD."},
        {"-LOADING it is not ready, and says so at length\r\n", "so at length\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake_node *node = node_start(cases[i].answer, NULL);
        assert_int_equal(CTL_RUN(bench, "status", "--port", node->port), AERO_EXIT_FAILURE);
        EXPECT_ERR(bench, cases[i].complaint);
        node_stop(node);
    }
}

/* The command is of the other role, or the node none of ours: a second question tells. */
static void test_an_unknown_command_is_explained_by_who_the_node_is(void **state)
{
    struct ctl_bench *bench = *state;
    const struct {
        const char *answer;
        const char *complaint;
    } cases[] = {
        {"$14\r\nrole:replica\r\n\r\n", "this is a replica: ask its primary"},
        {"$14\r\nrole:primary\r\n\r\n", "this is a primary: ask one of its replicas"},
        {"$6\r\na:b\r\nc\r\n", "this is no AeroDB node"},
        {"-ERR unknown command 'AERO.STATUS'\r\n", "this is no AeroDB node"},
        {NULL, "this is no AeroDB node"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake_node *node =
            node_start("-ERR unknown command 'AERO.REPLICAS'\r\n", cases[i].answer);
        assert_int_equal(CTL_RUN(bench, "replicas", "--port", node->port), AERO_EXIT_FAILURE);
        EXPECT_ERR(bench, cases[i].complaint);
        node_stop(node);
    }
}

/* ---- A signal while it waits -------------------------------------------------------------------------------------- */

static pthread_t waiting_thread;
static pid_t waiting_id;
static volatile sig_atomic_t signals_seen;

static void count_signal(int number)
{
    (void)number;
    signals_seen++;
}

/* Asleep: of what it calls, poll alone sleeps. */
static bool is_asleep(pid_t thread)
{
    char path[64];
    char text[256] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)thread);
    FILE *file = fopen(path, "re");
    AERO_ASSERT(file != NULL && fgets(text, sizeof text, file) != NULL);
    fclose(file);
    return strstr(text, ") S ") != NULL;
}

static void *signal_then_answer(void *self)
{
    struct fake_node *node = self;
    char request[64];
    int fd = accept(node->listener, NULL, NULL);
    AERO_ASSERT(recv(fd, request, sizeof request, 0) > 0);
    while (!is_asleep(waiting_id)) {
        sched_yield();
    }
    AERO_ASSERT(pthread_kill(waiting_thread, SIGUSR1) == 0);
    while (signals_seen == 0) {
        sched_yield();
    }
    node_send(node, fd, NODE_HEALTHY);
    close(fd);
    return NULL;
}

static void test_a_signal_does_not_end_the_wait(void **state)
{
    struct ctl_bench *bench = *state;
    struct sigaction action = {.sa_handler = count_signal};
    struct sigaction before;
    waiting_thread = pthread_self();
    waiting_id = (pid_t)syscall(SYS_gettid);
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    struct fake_node *node = node_run(node_bind(), signal_then_answer);
    assert_int_equal(CTL_RUN(bench, "status", "--port", node->port, "--timeout", "1h"),
                     AERO_EXIT_OK);
    assert_int_equal(signals_seen, 1);
    node_stop(node);
    assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CTL_TEST(test_an_address_that_is_none_is_a_usage_error),
        CTL_TEST(test_an_operand_that_is_no_address_is_a_usage_error),
        CTL_TEST(test_a_bad_time_limit_is_not_called_a_bad_address),
        CTL_TEST(test_an_address_in_brackets_is_dialled_without_them),
        CTL_TEST(test_a_host_that_nobody_knows_is_unreachable),
        CTL_TEST(test_a_named_host_is_dialled),
        CTL_TEST(test_a_unix_socket_is_dialled),
        CTL_TEST(test_a_path_too_long_for_a_socket_is_unreachable),
        CTL_TEST(test_a_node_that_accepts_nobody_is_unreachable_after_the_timeout),
        CTL_TEST(test_no_descriptor_left_is_said),
        CTL_TEST(test_a_long_request_is_sent_piece_by_piece),
        CTL_TEST(test_a_node_that_goes_away_before_its_reply_ends_is_unreachable),
        CTL_TEST(test_a_node_that_drops_the_request_is_unreachable),
        CTL_TEST(test_a_node_that_goes_away_before_the_password_is_taken_is_unreachable),
        CTL_TEST(test_what_is_no_reply_is_not_waited_for),
        CTL_TEST(test_nothing_and_errors_are_failures),
        CTL_TEST(test_an_unknown_command_is_explained_by_who_the_node_is),
        CTL_TEST(test_a_signal_does_not_end_the_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
