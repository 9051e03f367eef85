/* SPDX-License-Identifier: Apache-2.0 */
/* Two filters back to back: who may talk to whom, and what is said when they may not. */
#include "tests/unit/shipping/tls_bench.h"

static void test_nodes_of_one_authority_open_and_know_each_other(void **state)
{
    (void)state;
    struct nodes *nodes = nodes_new();
    static const char *const names[] = {"somebody", "replica-1"};
    struct aero_tls_allow allow = {.names = names, .count = 2};
    meet(nodes, &allow, NULL);
    assert_int_equal(aero_tls_state(nodes->server.tls), AERO_TLS_OPEN);
    assert_int_equal(aero_tls_state(nodes->client.tls), AERO_TLS_OPEN);
    assert_string_equal(aero_tls_peer_name(nodes->server.tls), "replica-1");
    assert_string_equal(aero_tls_peer_name(nodes->client.tls), "primary");
    assert_string_equal(aero_tls_context_name(nodes->primary), "primary");
    nodes_free(nodes);
}

static void test_bytes_come_out_as_they_went_in_whatever_the_pieces(void **state)
{
    (void)state;
    static const size_t pieces[] = {1, 7, 4096, 0};
    struct nodes *nodes = nodes_new();
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        meet(nodes, NULL, NULL);
        size_t length = pieces[i] == 1 ? 40000 : 3000000;
        uint8_t *bytes = aero_malloc(length);
        for (size_t at = 0; at < length; at++) {
            bytes[at] = (uint8_t)(at * 131 + at / 977);
        }
        assert_int_equal(aero_tls_send(nodes->server.tls, aero_slice_of(bytes, length)),
                         AERO_TLS_OPEN);
        assert_int_equal(aero_tls_send(nodes->client.tls, aero_slice_of(bytes, 100)),
                         AERO_TLS_OPEN);
        talk(nodes, pieces[i]);
        assert_int_equal(nodes->client.plaintext.length, length);
        assert_memory_equal(nodes->client.plaintext.data, bytes, length);
        assert_int_equal(nodes->server.plaintext.length, 100);
        free(bytes);
        close_sides(nodes);
    }
    nodes_free(nodes);
}

static void test_goodbye_closes_in_good_order(void **state)
{
    (void)state;
    struct nodes *nodes = nodes_new();
    meet(nodes, NULL, NULL);
    aero_tls_shutdown(nodes->server.tls);
    talk(nodes, 0);
    assert_int_equal(aero_tls_state(nodes->client.tls), AERO_TLS_CLOSED);
    nodes_free(nodes);
}

static void test_any_flipped_bit_of_ciphertext_fails(void **state)
{
    (void)state;
    struct nodes *nodes = nodes_new();
    for (size_t at = 0; at < 60; at++) {
        meet(nodes, NULL, NULL);
        (void)aero_tls_send(nodes->server.tls, aero_slice_text("the quick brown fox"));
        struct aero_slice out = aero_tls_output(nodes->server.tls);
        uint8_t copy[256];
        assert_in_range(out.length, 20, sizeof copy);
        memcpy(copy, out.data, out.length);
        if (at < out.length) {
            copy[at] ^= 0x04;
            (void)aero_tls_receive(nodes->client.tls, aero_slice_of(copy, out.length),
                                   &nodes->client.plaintext);
            /* A longer length in the record's header waits for bytes that never come; nothing is
             * taken from it. */
            assert_int_equal(nodes->client.plaintext.length, 0);
            assert_true(aero_tls_state(nodes->client.tls) == AERO_TLS_FAILED || at == 3 || at == 4);
        }
        close_sides(nodes);
    }
    nodes_free(nodes);
}

static void test_certificate_of_another_authority_is_refused_on_both_sides(void **state)
{
    (void)state;
    struct nodes *nodes = nodes_new();
    certs_write_node(nodes->replica_directory, &nodes->stranger, &nodes->stranger,
                     named("replica-1"));
    meet(nodes, NULL, NULL);
    /* The client sees the server's certificate first. */
    assert_failed(&nodes->client, "not signed by our ca.crt");
    assert_failed(&nodes->server, "does not know the authority");
    nodes_free(nodes);
}

/* Its ca.crt holds both authorities, as while one is replaced by the other; the server's only the
 * old one. */
static void test_client_of_another_authority_is_refused_by_the_server(void **state)
{
    (void)state;
    struct nodes *nodes = nodes_new();
    certs_write_node(nodes->replica_directory, &nodes->authority, &nodes->stranger,
                     named("replica-1"));
    certs_append_authority(nodes->replica_directory, &nodes->stranger);
    meet(nodes, NULL, NULL);
    assert_failed(&nodes->server, "not signed by our ca.crt");
    assert_failed(&nodes->client, "does not know the authority");
    close_sides(nodes);
    certs_append_authority(nodes->primary_directory, &nodes->stranger);
    meet(nodes, NULL, NULL);
    assert_int_equal(aero_tls_state(nodes->server.tls), AERO_TLS_OPEN);
    nodes_free(nodes);
}

static void test_name_outside_the_allow_list_is_refused(void **state)
{
    (void)state;
    struct nodes *nodes = nodes_new();
    static const char *const names[] = {"replica-10", "replica", "primary"};
    struct aero_tls_allow allow = {.names = names, .count = 3};
    meet(nodes, &allow, NULL);
    assert_failed(&nodes->server, "node 'replica-1' is not in the allow list");
    assert_failed(&nodes->client, "allow list may lack our name");
    close_sides(nodes);

    static const char *const others[] = {"other-primary"};
    struct aero_tls_allow primary_only = {.names = others, .count = 1};
    meet(nodes, NULL, &primary_only);
    assert_failed(&nodes->client, "node 'primary' is not in the allow list");
    nodes_free(nodes);
}

/* A node with an expired certificate starts and serves its clients; its peers refuse it, and both sides say why. */
static void test_expired_certificate_is_loaded_and_refused_by_peers(void **state)
{
    (void)state;
    struct nodes *nodes = nodes_new();
    struct node_wish expired = named("replica-1");
    char text[AERO_TLS_TEXT_MAX];
    nodes->primary = load(nodes->primary_directory);
    assert_true(aero_tls_context_was_valid(nodes->primary));
    expired.begins_s = -100;
    expired.ends_s = -50;
    certs_write_node(nodes->replica_directory, &nodes->authority, &nodes->authority, expired);
    aero_status status = aero_tls_context_load(nodes->replica_directory, &nodes->replica, text);
    assert_true(aero_is_ok(status));
    assert_false(aero_tls_context_was_valid(nodes->replica));
    assert_non_null(strstr(text, "node.crt: certificate has expired"));
    nodes->server.tls = aero_tls_new(nodes->primary, AERO_TLS_SERVER, NULL);
    nodes->client.tls = aero_tls_new(nodes->replica, AERO_TLS_CLIENT, NULL);
    talk(nodes, 0);
    assert_failed(&nodes->server, "the peer's certificate has expired: renew it on that node");
    assert_failed(&nodes->client, "our certificate has expired: renew node.crt");
    nodes_free(nodes);
}

static void test_peer_that_does_not_speak_tls_is_told_apart(void **state)
{
    (void)state;
    struct nodes *nodes = nodes_new();
    nodes->primary = load(nodes->primary_directory);
    nodes->server.tls = aero_tls_new(nodes->primary, AERO_TLS_SERVER, NULL);
    nodes->replica = load(nodes->replica_directory);
    (void)aero_tls_receive(nodes->server.tls,
                           aero_slice_text("*1\r\n$4\r\nPING\r\nand some more of that"),
                           &nodes->server.plaintext);
    assert_failed(&nodes->server, "does not speak TLS");
    nodes_free(nodes);
}

/* ---- Loading ---- */

static void test_bad_files_are_refused_with_what_is_wrong(void **state)
{
    (void)state;
    struct nodes *nodes = nodes_new();
    const char *directory = nodes->replica_directory;
    const struct authority *ours = &nodes->authority;

    assert_load_fails("/nonexistent", "ca.crt", "aeroctl certs init");
    certs_write_text(directory, "node.key", "-----BEGIN NONSENSE-----\n");
    assert_load_fails(directory, "node.key", "no private key");
    certs_write_text(directory, "node.crt", "hello");
    assert_load_fails(directory, "node.crt", "no certificate in PEM");

    certs_write_node(directory, &nodes->stranger, ours, named("replica-1"));
    assert_load_fails(directory, "node.crt", "signed by ca.crt");

    struct node_wish expired = named("replica-1");
    expired.begins_s = -100;
    expired.ends_s = -50;
    certs_write_node(directory, &nodes->stranger, ours, expired);
    assert_load_fails(directory, "node.crt", "signed by ca.crt");

    char other[CERTS_DIRECTORY_BYTES];
    certs_make_directory(other);
    certs_write_node(other, ours, ours, named("other"));
    certs_write_node(directory, ours, ours, named("replica-1"));
    char from[512];
    char to[512];
    snprintf(from, sizeof from, "%s/node.key", other);
    snprintf(to, sizeof to, "%s/node.key", directory);
    assert_int_equal(rename(from, to), 0);
    assert_load_fails(directory, "node.key", "does not belong to node.crt");
    certs_remove_directory(other);

    struct authority node = certs_authority("node as authority");
    certs_write_node(directory, ours, ours, named("replica-1"));
    char path[512];
    snprintf(path, sizeof path, "%s/node.crt", directory);
    snprintf(to, sizeof to, "%s/ca.crt", directory);
    assert_int_equal(rename(path, to), 0);
    assert_load_fails(directory, "ca.crt", "may not sign others");
    certs_authority_free(&node);
    nodes_free(nodes);
}

static void test_names_come_from_dns_first_then_common_name(void **state)
{
    (void)state;
    struct nodes *nodes = nodes_new();
    struct node_wish wish = {.common_name = "by-common-name", .begins_s = -60, .ends_s = 3000};
    certs_write_node(nodes->replica_directory, &nodes->authority, &nodes->authority, wish);
    nodes->replica = load(nodes->replica_directory);
    assert_string_equal(aero_tls_context_name(nodes->replica), "by-common-name");
    aero_tls_context_release(nodes->replica);
    wish.dns = "by-dns,DNS:second";
    certs_write_node(nodes->replica_directory, &nodes->authority, &nodes->authority, wish);
    nodes->replica = load(nodes->replica_directory);
    assert_string_equal(aero_tls_context_name(nodes->replica), "by-dns");
    wish.dns = "a-name-that-is-longer-than-any-node-name-that-the-manifest-can-hold.example";
    certs_write_node(nodes->replica_directory, &nodes->authority, &nodes->authority, wish);
    assert_load_fails(nodes->replica_directory, "node.crt", "names no node");
    nodes_free(nodes);
}

/* Whatever stood in the caller's buffer is not the name of a certificate that has none: the fuzzer's find. */
static void test_unusable_dns_name_is_no_name_whatever_was_there_before(void **state)
{
    (void)state;
    static const char *const unusable[] = {"a name", "caf\xc3\xa9", "tab\there"};
    for (size_t i = 0; i < sizeof unusable / sizeof unusable[0]; i++) {
        char name[AERO_TLS_NAME_MAX] = "replica-1";
        char wish[64];
        struct authority node = certs_authority("replica-2");
        snprintf(wish, sizeof wish, "DNS:%s", unusable[i]);
        certs_extend(node.certificate, NID_subject_alt_name, wish);
        assert_false(aero_tls_certificate_name(node.certificate, name));
        certs_authority_free(&node);
    }
}

/* A reload touches no connection that is open, and counts for the next. */
static void test_open_connections_keep_the_context_they_began_with(void **state)
{
    (void)state;
    struct nodes *nodes = nodes_new();
    meet(nodes, NULL, NULL);
    certs_write_node(nodes->primary_directory, &nodes->authority, &nodes->authority,
                     named("renamed"));
    aero_tls_context_release(nodes->primary);
    nodes->primary = load(nodes->primary_directory);
    assert_string_equal(aero_tls_context_name(nodes->primary), "renamed");
    (void)aero_tls_send(nodes->server.tls, aero_slice_text("still here"));
    talk(nodes, 0);
    assert_int_equal(nodes->client.plaintext.length, 10);
    assert_string_equal(aero_tls_peer_name(nodes->client.tls), "primary");
    nodes_free(nodes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nodes_of_one_authority_open_and_know_each_other),
        cmocka_unit_test(test_bytes_come_out_as_they_went_in_whatever_the_pieces),
        cmocka_unit_test(test_goodbye_closes_in_good_order),
        cmocka_unit_test(test_any_flipped_bit_of_ciphertext_fails),
        cmocka_unit_test(test_certificate_of_another_authority_is_refused_on_both_sides),
        cmocka_unit_test(test_client_of_another_authority_is_refused_by_the_server),
        cmocka_unit_test(test_name_outside_the_allow_list_is_refused),
        cmocka_unit_test(test_expired_certificate_is_loaded_and_refused_by_peers),
        cmocka_unit_test(test_peer_that_does_not_speak_tls_is_told_apart),
        cmocka_unit_test(test_bad_files_are_refused_with_what_is_wrong),
        cmocka_unit_test(test_names_come_from_dns_first_then_common_name),
        cmocka_unit_test(test_unusable_dns_name_is_no_name_whatever_was_there_before),
        cmocka_unit_test(test_open_connections_keep_the_context_they_began_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
