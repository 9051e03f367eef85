/* SPDX-License-Identifier: Apache-2.0 */
/* Two filters back to back, with certificates of their own, and the files that they are loaded from. */
#ifndef AERO_TESTS_SHIPPING_TLS_BENCH_H
#define AERO_TESTS_SHIPPING_TLS_BENCH_H

#include "shipping/tls.h"
#include "shipping/tls_priv.h"
#include "tests/unit/shipping/certs.h"

struct side {
    struct aero_tls *tls;
    struct aero_buffer plaintext;
};

struct nodes {
    struct authority authority;
    struct authority stranger;
    char primary_directory[CERTS_DIRECTORY_BYTES];
    char replica_directory[CERTS_DIRECTORY_BYTES];
    struct aero_tls_context *primary;
    struct aero_tls_context *replica;
    struct side server;
    struct side client;
};

static const struct node_wish sound = {.common_name = "unused", .begins_s = -60, .ends_s = 3000};

static inline struct node_wish named(const char *dns)
{
    struct node_wish wish = sound;
    wish.dns = dns;
    return wish;
}

static inline struct aero_tls_context *load(const char *directory)
{
    struct aero_tls_context *context = NULL;
    char text[AERO_TLS_TEXT_MAX];
    aero_status status = aero_tls_context_load(directory, &context, text);
    if (!aero_is_ok(status)) {
        fail_msg("%s", text);
    }
    return context;
}

static inline struct nodes *nodes_new(void)
{
    struct nodes *nodes = aero_calloc(1, sizeof *nodes);
    nodes->authority = certs_authority("authority");
    nodes->stranger = certs_authority("stranger");
    certs_make_directory(nodes->primary_directory);
    certs_make_directory(nodes->replica_directory);
    certs_write_node(nodes->primary_directory, &nodes->authority, &nodes->authority,
                     named("primary"));
    certs_write_node(nodes->replica_directory, &nodes->authority, &nodes->authority,
                     named("replica-1"));
    return nodes;
}

static inline void close_sides(struct nodes *nodes)
{
    aero_tls_free(nodes->server.tls);
    aero_tls_free(nodes->client.tls);
    aero_buffer_deinit(&nodes->server.plaintext);
    aero_buffer_deinit(&nodes->client.plaintext);
    nodes->server.tls = NULL;
    nodes->client.tls = NULL;
    aero_tls_context_release(nodes->primary);
    aero_tls_context_release(nodes->replica);
    nodes->primary = NULL;
    nodes->replica = NULL;
}

static inline void nodes_free(struct nodes *nodes)
{
    close_sides(nodes);
    certs_remove_directory(nodes->primary_directory);
    certs_remove_directory(nodes->replica_directory);
    certs_authority_free(&nodes->authority);
    certs_authority_free(&nodes->stranger);
    free(nodes);
}

static inline bool carry(struct side *from, struct side *to, size_t piece_bytes)
{
    struct aero_slice out = aero_tls_output(from->tls);
    if (out.length == 0) {
        return false;
    }
    size_t count = piece_bytes != 0 && piece_bytes < out.length ? piece_bytes : out.length;
    (void)aero_tls_receive(to->tls, aero_slice_of(out.data, count), &to->plaintext);
    aero_tls_sent(from->tls, count);
    return true;
}

static inline void talk(struct nodes *nodes, size_t piece_bytes)
{
    bool moves = true;
    while (moves) {
        moves = carry(&nodes->client, &nodes->server, piece_bytes);
        moves = carry(&nodes->server, &nodes->client, piece_bytes) || moves;
    }
}

static inline void meet(struct nodes *nodes, const struct aero_tls_allow *server_allows,
                        const struct aero_tls_allow *client_allows)
{
    nodes->primary = load(nodes->primary_directory);
    nodes->replica = load(nodes->replica_directory);
    nodes->server.tls = aero_tls_new(nodes->primary, AERO_TLS_SERVER, server_allows);
    nodes->client.tls = aero_tls_new(nodes->replica, AERO_TLS_CLIENT, client_allows);
    talk(nodes, 0);
}

static inline void assert_failed(const struct side *side, const char *words)
{
    assert_int_equal(aero_tls_state(side->tls), AERO_TLS_FAILED);
    assert_string_equal(aero_tls_peer_name(side->tls), "");
    if (strstr(aero_tls_text(side->tls), words) == NULL) {
        fail_msg("'%s' does not say '%s'", aero_tls_text(side->tls), words);
    }
}

static inline void assert_load_fails(const char *directory, const char *file, const char *words)
{
    struct aero_tls_context *context = (struct aero_tls_context *)(uintptr_t)1;
    char text[AERO_TLS_TEXT_MAX];
    aero_status status = aero_tls_context_load(directory, &context, text);
    assert_false(aero_is_ok(status));
    assert_ptr_equal(context, (void *)1); /* the caller keeps its old one */
    if (strstr(text, file) == NULL || strstr(text, words) == NULL) {
        fail_msg("'%s' does not name '%s' and say '%s'", text, file, words);
    }
}

#endif
