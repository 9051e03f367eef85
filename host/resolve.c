/* SPDX-License-Identifier: Apache-2.0 */
/* Resolver and thread share `struct question`, which the last of the two frees. */
#include "host/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "base/slice.h"
#include "base/thread_posix.h"

#define HOST_BYTES 256

struct question {
    pthread_mutex_t mutex;
    unsigned owners;
    struct aero_host_wake *wake; /* NULL: nobody waits any more */
    enum aero_host_resolve_state state;
    unsigned turn; /* which of the addresses */
    char host[HOST_BYTES];
    char address[AERO_HOST_ADDRESS_BYTES];
    char text[AERO_HOST_RESOLVE_TEXT_BYTES];
};

struct aero_host_resolver {
    struct aero_host_wake *wake;
    struct question *question; /* NULL: IDLE */
    unsigned turn;
};

static void leave_question(struct question *question)
{
    pthread_mutex_lock(&question->mutex);
    bool last = --question->owners == 0;
    pthread_mutex_unlock(&question->mutex);
    if (last) {
        pthread_mutex_destroy(&question->mutex);
        free(question);
    }
}

/* Of at least one. */
static const struct addrinfo *choose(const struct addrinfo *found, unsigned turn)
{
    unsigned count = 0;
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        count++;
    }
    const struct addrinfo *chosen = found;
    for (unsigned skip = turn % count; skip > 0; skip--) {
        chosen = chosen->ai_next;
    }
    return chosen;
}

/* Into the question's own fields: only this thread touches them until the state is told. */
static enum aero_host_resolve_state look_up(struct question *question)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    int failed = getaddrinfo(question->host, NULL, &hints, &found);
    if (failed == 0) {
        const struct addrinfo *chosen = choose(found, question->turn);
        failed = getnameinfo(chosen->ai_addr, chosen->ai_addrlen, question->address,
                             sizeof question->address, NULL, 0, NI_NUMERICHOST);
    }
    if (found != NULL) {
        freeaddrinfo(found);
    }
    if (failed != 0) {
        snprintf(question->text, sizeof question->text, "no address for %.64s: %s", question->host,
                 gai_strerror(failed));
        return AERO_RESOLVE_FAILED;
    }
    return AERO_RESOLVE_FOUND;
}

static void *run_question(void *argument)
{
    struct question *question = argument;
    enum aero_host_resolve_state state = look_up(question);
    pthread_mutex_lock(&question->mutex);
    question->state = state;
    if (question->wake != NULL) {
        aero_host_wake_now(question->wake);
    }
    pthread_mutex_unlock(&question->mutex);
    leave_question(question);
    return NULL;
}

static int start_thread(struct question *question)
{
    pthread_t thread;
    int failed = aero_thread_start(&thread, run_question, question);
    if (failed == 0) {
        pthread_detach(thread);
    }
    return failed;
}

struct aero_host_resolver *aero_host_resolver_new(struct aero_host_wake *wake)
{
    struct aero_host_resolver *resolver = aero_calloc(1, sizeof *resolver);
    resolver->wake = wake;
    return resolver;
}

static void drop_question(struct aero_host_resolver *resolver)
{
    struct question *question = resolver->question;
    if (question != NULL) {
        pthread_mutex_lock(&question->mutex);
        question->wake = NULL;
        pthread_mutex_unlock(&question->mutex);
        leave_question(question);
    }
    resolver->question = NULL;
}

void aero_host_resolver_free(struct aero_host_resolver *resolver)
{
    if (resolver != NULL) {
        drop_question(resolver);
        free(resolver);
    }
}

static bool is_numeric(const char *host)
{
    struct in6_addr address;
    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

void aero_host_resolver_ask(struct aero_host_resolver *resolver, const char *host)
{
    AERO_ASSERT(resolver->question == NULL);
    AERO_ASSERT(strlen(host) < HOST_BYTES);
    struct question *question = aero_calloc(1, sizeof *question);
    pthread_mutex_init(&question->mutex, NULL);
    question->owners = 1;
    question->wake = resolver->wake;
    question->turn = resolver->turn++;
    question->state = AERO_RESOLVE_RUNNING;
    snprintf(question->host, sizeof question->host, "%s", host);
    resolver->question = question;
    if (is_numeric(host)) {
        snprintf(question->address, sizeof question->address, "%s", host);
        question->state = AERO_RESOLVE_FOUND;
        return;
    }
    question->owners = 2;
    int failed = start_thread(question);
    if (failed != 0) {
        question->owners = 1;
        question->state = AERO_RESOLVE_FAILED;
        snprintf(question->text, sizeof question->text, "no thread for the resolver: %s",
                 strerrordesc_np(failed));
    }
}

enum aero_host_resolve_state aero_host_resolver_take(struct aero_host_resolver *resolver,
                                                     char out_address[AERO_HOST_ADDRESS_BYTES],
                                                     char out_text[AERO_HOST_RESOLVE_TEXT_BYTES])
{
    struct question *question = resolver->question;
    if (question == NULL) {
        return AERO_RESOLVE_IDLE;
    }
    pthread_mutex_lock(&question->mutex);
    enum aero_host_resolve_state state = question->state;
    pthread_mutex_unlock(&question->mutex);
    if (state == AERO_RESOLVE_FOUND) {
        memcpy(out_address, question->address, AERO_HOST_ADDRESS_BYTES);
    } else if (state == AERO_RESOLVE_FAILED) {
        memcpy(out_text, question->text, AERO_HOST_RESOLVE_TEXT_BYTES);
    }
    if (state != AERO_RESOLVE_RUNNING) {
        drop_question(resolver);
    }
    return state;
}
