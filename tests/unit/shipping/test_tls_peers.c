/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that no node of ours would be: what each is told, and what our side says of it. */
#include "tests/unit/shipping/tls_bench.h"

#include <openssl/err.h>

#include <errno.h>

/* The replica as a program with OpenSSL and a certificate of its own choice, which shows that alone, without a chain. */
static void show_instead(struct nodes *nodes, X509 *take_certificate, EVP_PKEY *take_key)
{
    SSL_CTX *settings = nodes->replica->settings;
    SSL_CTX_set_mode(settings, SSL_MODE_NO_AUTO_CHAIN);
    assert_int_equal(SSL_CTX_use_certificate(settings, take_certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(settings, take_key), 1);
    X509_free(take_certificate);
    EVP_PKEY_free(take_key);
}

static void load_both(struct nodes *nodes)
{
    nodes->primary = load(nodes->primary_directory);
    nodes->replica = load(nodes->replica_directory);
}

static void begin(struct nodes *nodes)
{
    nodes->server.tls = aero_tls_new(nodes->primary, AERO_TLS_SERVER, NULL);
    nodes->client.tls = aero_tls_new(nodes->replica, AERO_TLS_CLIENT, NULL);
}

/* An authority below another, that signs nodes. */
static struct authority authority_below(const struct authority *root, const char *name)
{
    struct authority below = certs_authority(name);
    X509_set_issuer_name(below.certificate, X509_get_subject_name(root->certificate));
    assert_true(X509_sign(below.certificate, root->key, EVP_sha256()) > 0);
    return below;
}

/* ---- Certificates ---- */

enum signer {
    OURS,
    STRANGER,      /* nobody we know */
    IMPOSTOR,      /* by the name of our authority, with another key */
    BELOW_UNKNOWN, /* in our ca.crt, but the one above it is not */
    ITSELF,
};

static void test_each_unsound_certificate_is_refused_in_words(void **state)
{
    (void)state;
    static const struct {
        struct node_wish wish;
        enum signer signer;
        const char *server_says;
        const char *client_says;
    } cases[] = {
        {{.dns = "replica-1", .common_name = "x", .begins_s = 1000, .ends_s = 3000},
         OURS,
         "not valid yet: compare the clocks",
         "the peer refuses our certificate"},
        {{.dns = "replica-1", .common_name = "x", .begins_s = -60, .ends_s = 3000},
         STRANGER,
         "not signed by our ca.crt",
         "does not know the authority"},
        {{.dns = "replica-1", .common_name = "x", .begins_s = -60, .ends_s = 3000},
         BELOW_UNKNOWN,
         "not signed by our ca.crt",
         "does not know the authority"},
        {{.dns = "replica-1", .common_name = "x", .begins_s = -60, .ends_s = 3000},
         IMPOSTOR,
         "not signed by our ca.crt",
         "TLS: "},
        {{.dns = "replica-1", .common_name = "x", .begins_s = -60, .ends_s = 3000},
         ITSELF,
         "not signed by our ca.crt",
         "does not know the authority"},
        {{.dns = "replica-1",
          .usage = "serverAuth",
          .common_name = "x",
          .begins_s = -60,
          .ends_s = 3000},
         OURS,
         "the peer's certificate is refused: unsuitable certificate purpose",
         "the peer refuses our certificate"},
        {{.common_name = "no name", .begins_s = -60, .ends_s = 3000},
         OURS,
         "the peer's certificate names no node: give it a DNS name",
         "allow list may lack our name"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct nodes *nodes = nodes_new();
        struct authority impostor = certs_authority("authority");
        struct authority below = authority_below(&nodes->stranger, "below");
        const struct authority *signers[] = {
            [OURS] = &nodes->authority, [STRANGER] = &nodes->stranger, [IMPOSTOR] = &impostor,
            [BELOW_UNKNOWN] = &below,   [ITSELF] = &impostor,
        };
        certs_append_authority(nodes->primary_directory, &below);
        load_both(nodes);
        EVP_PKEY *key;
        X509 *certificate = certs_node(signers[cases[i].signer], &cases[i].wish, &key);
        if (cases[i].signer == ITSELF) {
            X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
            assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
        }
        show_instead(nodes, certificate, key);
        begin(nodes);
        talk(nodes, 0);
        assert_failed(&nodes->server, cases[i].server_says);
        assert_failed(&nodes->client, cases[i].client_says);
        certs_authority_free(&impostor);
        certs_authority_free(&below);
        nodes_free(nodes);
    }
}

static void test_a_client_without_a_certificate_is_told_that_it_needs_one(void **state)
{
    (void)state;
    struct nodes *nodes = nodes_new();
    load_both(nodes);
    SSL_CTX *with_certificate = nodes->replica->settings;
    nodes->replica->settings = SSL_CTX_new(TLS_method());
    SSL_CTX_set1_cert_store(nodes->replica->settings, SSL_CTX_get_cert_store(with_certificate));
    begin(nodes);
    talk(nodes, 0);
    assert_failed(&nodes->server, "peer did not return a certificate");
    assert_failed(&nodes->client, "the peer wants a certificate and got none");
    SSL_CTX_free(with_certificate);
    nodes_free(nodes);
}

/* What the peer's verifier finds, of which OpenSSL makes an alert. */
static int found_by_the_peer;

static int find_fault(int fine, X509_STORE_CTX *chain)
{
    (void)fine;
    X509_STORE_CTX_set_error(chain, found_by_the_peer);
    return 0;
}

static void test_each_alert_about_our_certificate_points_to_it(void **state)
{
    (void)state;
    static const struct {
        int found;
        const char *client_says;
    } cases[] = {
        {X509_V_ERR_CERT_REJECTED, "the peer refuses our certificate: see its log"},
        {X509_V_ERR_INVALID_PURPOSE, "the peer refuses our certificate: see its log"},
        {9999, "the peer refuses our certificate: see its log"}, /* something new */
        {X509_V_ERR_CERT_HAS_EXPIRED, "our certificate has expired: renew node.crt"},
        {X509_V_ERR_CERT_CHAIN_TOO_LONG, "does not know the authority"},
        {X509_V_ERR_APPLICATION_VERIFICATION, "allow list may lack our name"},
        {X509_V_ERR_CERT_REVOKED, "our certificate is revoked: this node needs a new one"},
        {X509_V_ERR_CRL_HAS_EXPIRED, "or its own crl.pem has: see its log"},
        {X509_V_ERR_OUT_OF_MEM, "TLS: "}, /* no word of ours: OpenSSL's */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct nodes *nodes = nodes_new();
        load_both(nodes);
        found_by_the_peer = cases[i].found;
        SSL_CTX_set_verify(nodes->primary->settings, SSL_VERIFY_PEER, find_fault);
        begin(nodes);
        talk(nodes, 0);
        assert_failed(&nodes->client, cases[i].client_says);
        nodes_free(nodes);
    }
}

/* ---- Protocols ---- */

static void test_a_peer_of_an_older_protocol_is_refused_and_told(void **state)
{
    (void)state;
    struct nodes *nodes = nodes_new();
    load_both(nodes);
    SSL_CTX_set_min_proto_version(nodes->replica->settings, TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(nodes->replica->settings, TLS1_2_VERSION);
    begin(nodes);
    talk(nodes, 0);
    assert_failed(&nodes->server, "share no protocol version: TLS 1.3 is needed");
    assert_failed(&nodes->client, "share no protocol version: TLS 1.3 is needed");
    nodes_free(nodes);
}

static void test_a_browser_is_told_apart(void **state)
{
    (void)state;
    struct nodes *nodes = nodes_new();
    load_both(nodes);
    begin(nodes);
    (void)aero_tls_receive(nodes->server.tls, aero_slice_text("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
                           &nodes->server.plaintext);
    assert_failed(&nodes->server, "does not speak TLS");
    nodes_free(nodes);
}

/* A key share of zeros would give both sides a secret that everybody knows: refused by the arithmetic, not by TLS. */
static void test_a_key_share_without_a_secret_is_refused(void **state)
{
    (void)state;
    static const uint8_t head[] = {0x00, 0x1d, 0x00, 0x20}; /* X25519, 32 bytes */
    struct nodes *nodes = nodes_new();
    load_both(nodes);
    assert_int_equal(SSL_CTX_set1_groups_list(nodes->replica->settings, "X25519"), 1);
    begin(nodes);
    struct aero_slice hello = aero_tls_output(nodes->client.tls);
    uint8_t *forged = aero_malloc(hello.length);
    memcpy(forged, hello.data, hello.length);
    uint8_t *share = memmem(forged, hello.length, head, sizeof head);
    assert_non_null(share);
    memset(share + sizeof head, 0, 32);
    (void)aero_tls_receive(nodes->server.tls, aero_slice_of(forged, hello.length),
                           &nodes->server.plaintext);
    assert_failed(&nodes->server, "TLS: ");
    assert_null(strstr(aero_tls_text(nodes->server.tls), "no reason given"));
    free(forged);
    nodes_free(nodes);
}

static void leave_an_error(const SSL *ssl, int where, int result)
{
    (void)ssl;
    (void)result;
    if (where == SSL_CB_HANDSHAKE_START) {
        ERR_raise(ERR_LIB_SYS, EIO);
    }
}

/* Whatever stands first in OpenSSL's queue, and has no words there: something is said. */
static void test_a_failure_without_a_reason_is_still_said(void **state)
{
    (void)state;
    struct nodes *nodes = nodes_new();
    load_both(nodes);
    begin(nodes);
    aero_tls_free(nodes->server.tls);
    SSL_CTX_set_info_callback(nodes->primary->settings, leave_an_error);
    nodes->server.tls = aero_tls_new(nodes->primary, AERO_TLS_SERVER, NULL);
    (void)aero_tls_receive(nodes->server.tls, aero_slice_text("not TLS at all, and long enough"),
                           &nodes->server.plaintext);
    assert_failed(&nodes->server, "TLS: no reason given");
    nodes_free(nodes);
}

/* ---- After the handshake ---- */

static void test_a_peer_has_no_name_before_it_is_proven(void **state)
{
    (void)state;
    struct nodes *nodes = nodes_new();
    load_both(nodes);
    begin(nodes);
    assert_string_equal(aero_tls_peer_name(nodes->server.tls), "");
    aero_tls_shutdown(nodes->server.tls); /* nobody there to say goodbye to */
    assert_int_equal(aero_tls_output(nodes->server.tls).length, 0);
    talk(nodes, 0);
    assert_string_equal(aero_tls_peer_name(nodes->server.tls), "replica-1");
    nodes_free(nodes);
}

static void test_nothing_is_sent_for_nothing(void **state)
{
    (void)state;
    struct nodes *nodes = nodes_new();
    meet(nodes, NULL, NULL);
    assert_int_equal(aero_tls_send(nodes->server.tls, aero_slice_of(NULL, 0)), AERO_TLS_OPEN);
    assert_int_equal(aero_tls_output(nodes->server.tls).length, 0);
    nodes_free(nodes);
}

static void test_goodbye_is_answered_and_nothing_can_be_sent_behind_it(void **state)
{
    (void)state;
    struct nodes *nodes = nodes_new();
    meet(nodes, NULL, NULL);
    aero_tls_shutdown(nodes->server.tls);
    assert_true(carry(&nodes->server, &nodes->client, 0));
    assert_int_equal(aero_tls_state(nodes->client.tls), AERO_TLS_CLOSED);
    assert_string_equal(aero_tls_peer_name(nodes->client.tls), "primary");
    aero_tls_shutdown(nodes->client.tls);
    assert_true(carry(&nodes->client, &nodes->server, 0));
    assert_int_equal(aero_tls_state(nodes->server.tls), AERO_TLS_CLOSED);
    close_sides(nodes);

    meet(nodes, NULL, NULL);
    aero_tls_shutdown(nodes->server.tls);
    assert_int_equal(aero_tls_send(nodes->server.tls, aero_slice_text("behind")), AERO_TLS_FAILED);
    assert_failed(&nodes->server, "TLS: protocol is shutdown");
    nodes_free(nodes);
}

static unsigned key_updates;

static void count_key_updates(int is_sent, int version, int kind, const void *message,
                              size_t length, SSL *ssl, void *self)
{
    (void)version;
    (void)ssl;
    (void)self;
    if (is_sent == 1 && kind == SSL3_RT_HANDSHAKE && length > 0 &&
        *(const uint8_t *)message == SSL3_MT_KEY_UPDATE) {
        key_updates++;
    }
}

/* Each time that as many bytes were sent under one key: the peer follows without a word of its own. */
static void test_keys_are_renewed_before_they_wear_out(void **state)
{
    (void)state;
    struct nodes *nodes = nodes_new();
    static const uint8_t piece[1000];
    load_both(nodes);
    assert_true(nodes->primary->rekey_bytes == (uint64_t)1 << 30);
    nodes->primary->rekey_bytes = 10 * sizeof piece;
    key_updates = 0;
    SSL_CTX_set_msg_callback(nodes->primary->settings, count_key_updates);
    begin(nodes);
    talk(nodes, 0);
    for (unsigned i = 0; i < 35; i++) {
        assert_int_equal(aero_tls_send(nodes->server.tls, aero_slice_of(piece, sizeof piece)),
                         AERO_TLS_OPEN);
        talk(nodes, 0);
    }
    assert_int_equal(key_updates, 3);
    assert_int_equal(nodes->client.plaintext.length, 35 * sizeof piece);
    assert_int_equal(aero_tls_state(nodes->client.tls), AERO_TLS_OPEN);
    nodes_free(nodes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_unsound_certificate_is_refused_in_words),
        cmocka_unit_test(test_a_client_without_a_certificate_is_told_that_it_needs_one),
        cmocka_unit_test(test_each_alert_about_our_certificate_points_to_it),
        cmocka_unit_test(test_a_peer_of_an_older_protocol_is_refused_and_told),
        cmocka_unit_test(test_a_browser_is_told_apart),
        cmocka_unit_test(test_a_key_share_without_a_secret_is_refused),
        cmocka_unit_test(test_a_failure_without_a_reason_is_still_said),
        cmocka_unit_test(test_a_peer_has_no_name_before_it_is_proven),
        cmocka_unit_test(test_nothing_is_sent_for_nothing),
        cmocka_unit_test(test_goodbye_is_answered_and_nothing_can_be_sent_behind_it),
        cmocka_unit_test(test_keys_are_renewed_before_they_wear_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
