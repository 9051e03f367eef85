/* SPDX-License-Identifier: Apache-2.0 */
/* A node that is a thread: it takes what comes and answers with what the test says, or with silence. */
#ifndef AERO_TESTS_NODE_BENCH_H
#define AERO_TESTS_NODE_BENCH_H

#include "tests/unit/cmocka_setup.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/unit/ctl/ctl_bench.h"

#define NODE_ANSWERS_MAX 8
#define NODE_HEALTHY "$42\r\nrole:primary\r\nstate:serving\r\nwrites:open\r\n\r\n"

struct fake_node {
    int listener;
    char port[8];
    char address[24]; /* 127.0.0.1:PORT */
    /* One a request, on whatever connection; "" is silence, NULL ends the connection. Set before the first request. */
    const char *answers[NODE_ANSWERS_MAX];
    size_t next;
    size_t piece;  /* bytes a send; 0: all */
    bool hangs_up; /* behind each answer */
    bool repeats;  /* the last answer, for every request behind it */
    unsigned accepted;
    char heard[1024];
    size_t heard_length;
    pthread_t thread;
};

static inline void node_send(const struct fake_node *node, int fd, const char *text)
{
    size_t length = strlen(text);
    size_t piece = node->piece == 0 ? length : node->piece;
    for (size_t at = 0; at < length; at += piece) {
        size_t count = length - at < piece ? length - at : piece;
        (void)!send(fd, text + at, count, MSG_NOSIGNAL);
    }
}

static inline const char *node_next_answer(struct fake_node *node)
{
    AERO_ASSERT(node->next + 1 < NODE_ANSWERS_MAX);
    const char *text = node->answers[node->next];
    node->next += !node->repeats || node->answers[node->next + 1] != NULL;
    return text;
}

static inline void node_converse(struct fake_node *node, int fd)
{
    const char *text = "";
    while (text != NULL) {
        ssize_t got = recv(fd, node->heard + node->heard_length,
                           sizeof node->heard - 1 - node->heard_length, 0);
        if (got <= 0) {
            return;
        }
        node->heard_length += node->repeats ? 0 : (size_t)got;
        text = node_next_answer(node);
        if (text != NULL) {
            node_send(node, fd, text);
        }
        if (node->hangs_up) {
            return;
        }
    }
}

static inline void *node_serve(void *self)
{
    struct fake_node *node = self;
    for (;;) {
        int fd = accept(node->listener, NULL, NULL);
        if (fd < 0) {
            return NULL;
        }
        node->accepted++;
        node_converse(node, fd);
        close(fd);
    }
}

/* Bound to a port of the loopback that nobody has, not listening. */
static inline struct fake_node *node_bind(void)
{
    struct fake_node *node = aero_calloc(1, sizeof *node);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    node->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(node->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(node->listener, (struct sockaddr *)&address, &length), 0);
    snprintf(node->port, sizeof node->port, "%u", ntohs(address.sin_port));
    snprintf(node->address, sizeof node->address, "127.0.0.1:%s", node->port);
    return node;
}

/* At a Unix socket in the bench's directory, not listening. */
static inline struct fake_node *node_bind_unix(struct ctl_bench *bench, const char *name)
{
    struct fake_node *node = aero_calloc(1, sizeof *node);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[AERO_CTL_PATH_MAX];
    snprintf(address.sun_path, sizeof address.sun_path, "%s", ctl_bench_path(bench, name, path));
    node->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(node->listener, (struct sockaddr *)&address, sizeof address), 0);
    return node;
}

static inline struct fake_node *node_run(struct fake_node *node, void *(*serve)(void *node))
{
    assert_int_equal(listen(node->listener, 1), 0);
    assert_int_equal(pthread_create(&node->thread, NULL, serve, node), 0);
    return node;
}

static inline struct fake_node *node_start(const char *first, const char *second)
{
    struct fake_node *node = node_bind();
    node->answers[0] = first;
    node->answers[1] = second;
    return node_run(node, node_serve);
}

/* Of one that was only bound: whoever dialled it was refused. */
static inline void node_free(struct fake_node *node)
{
    close(node->listener);
    free(node);
}

static inline void node_stop(struct fake_node *node)
{
    shutdown(node->listener, SHUT_RDWR);
    pthread_join(node->thread, NULL);
    node_free(node);
}

/* The reply that holds `lines`, in a buffer of the caller's. */
static inline const char *node_bulk(char *out_reply, size_t size, const char *lines)
{
    int length = snprintf(out_reply, size, "$%zu\r\n%s\r\n", strlen(lines), lines);
    AERO_ASSERT(length > 0 && (size_t)length < size);
    return out_reply;
}

#endif
