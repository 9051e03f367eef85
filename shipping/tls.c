/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL between two memories: its read side takes from the ciphertext that was just fed, its
 * write side appends to the output. No copy but the one that encryption makes anyway.
 *
 *     HANDSHAKE --done, name allowed--> OPEN --goodbye of the peer--> CLOSED
 *         +------------ anything wrong ---+-----------------------------> FAILED
 *
 * OpenSSL's errors live in a queue of the thread: it is emptied before each call, and read right
 * after it. */
#include <openssl/err.h>
#include <openssl/x509.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "shipping/outbox_priv.h"
#include "shipping/tls_priv.h"

/* What one TLS record holds. */
#define RECORD_BYTES ((size_t)16 << 10)

struct aero_tls {
    struct aero_tls_context *context;
    SSL *ssl;
    enum aero_tls_state state;
    char **allow; /* NULL: any name */
    size_t allow_count;
    struct aero_slice input; /* while aero_tls_receive runs */
    struct aero_outbox output;
    uint64_t sent_since_rekey;
    char peer_name[AERO_TLS_NAME_MAX];
    char text[AERO_TLS_TEXT_MAX];
};

/* ---- Memory on both sides of OpenSSL ---- */

static int filter_read(BIO *bio, char *into, size_t length, size_t *out_read)
{
    struct aero_tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    size_t count = length < tls->input.length ? length : tls->input.length;
    if (count == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(into, tls->input.data, count);
    tls->input = aero_slice_of(tls->input.data + count, tls->input.length - count);
    *out_read = count;
    return 1;
}

static int filter_write(BIO *bio, const char *from, size_t length, size_t *out_written)
{
    struct aero_tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    aero_buffer_append(&tls->output.buffer, from, length);
    *out_written = length;
    return 1;
}

static long filter_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static int filter_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

BIO_METHOD *aero_tls_filter_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "aero_tls");
    AERO_ASSERT(method != NULL);
    BIO_meth_set_read_ex(method, filter_read);
    BIO_meth_set_write_ex(method, filter_write);
    BIO_meth_set_ctrl(method, filter_control);
    BIO_meth_set_create(method, filter_create);
    return method;
}

/* ---- Who is it? ---- */

static bool is_allowed(const struct aero_tls *tls, const char *name)
{
    for (size_t i = 0; i < tls->allow_count; i++) {
        if (strcmp(tls->allow[i], name) == 0) {
            return true;
        }
    }
    return tls->allow == NULL;
}

/* Called for each certificate of the chain, the node's own last. A refusal here reaches the peer as
 * an alert. */
int aero_tls_verify(int sound, X509_STORE_CTX *chain)
{
    if (!sound || X509_STORE_CTX_get_error_depth(chain) != 0) {
        return sound;
    }
    SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct aero_tls *tls = SSL_get_app_data(ssl);
    char name[AERO_TLS_NAME_MAX] = "";
    bool named = aero_tls_certificate_name(X509_STORE_CTX_get_current_cert(chain), name);
    if (named && is_allowed(tls, name)) {
        snprintf(tls->peer_name, sizeof tls->peer_name, "%s", name);
        return 1;
    }
    snprintf(tls->text, sizeof tls->text,
             named ? "node '%s' is not in the allow list: add it there if it may connect"
                   : "the peer's certificate names no node%s: give it a DNS name",
             name);
    X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

/* ---- What went wrong? ---- */

/* Alerts of the peer, in words: what it did not like about us. */
static const char *alert_text(int reason)
{
    switch (reason) {
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
        return "the peer does not know the authority that signed our certificate (its log says "
               "more): both nodes need the same ca.crt, and crl.pem, where there is one, a list of "
               "each authority";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
        return "the peer says that our certificate has expired: renew node.crt; or its own crl.pem "
               "has: see its log";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
        return "the peer says that our certificate is revoked: this node needs a new one";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
        return "the peer refuses our certificate: see its log";
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
        return "the peer refuses this node: see its log; its allow list may lack our name";
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        return "the peer wants a certificate and got none";
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_UNSUPPORTED_PROTOCOL:
        return "the two sides share no protocol version: TLS 1.3 is needed";
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
        return "the peer does not speak TLS: is this the replication port?";
    default:
        return NULL;
    }
}

const char *aero_tls_reason(unsigned long error)
{
    const char *reason = ERR_reason_error_string(error);
    return reason == NULL ? "no reason given" : reason;
}

static void explain(struct aero_tls *tls)
{
    long verification = SSL_get_verify_result(tls->ssl);
    unsigned long error = ERR_peek_error();
    const char *alert =
        ERR_GET_LIB(error) == ERR_LIB_SSL ? alert_text(ERR_GET_REASON(error)) : NULL;
    if (verification == X509_V_ERR_APPLICATION_VERIFICATION) {
        return; /* aero_tls_verify said it */
    }
    if (verification != X509_V_OK) {
        aero_tls_explain_verification((int)verification, tls->text);
    } else if (alert != NULL) {
        snprintf(tls->text, sizeof tls->text, "%s", alert);
    } else {
        snprintf(tls->text, sizeof tls->text, "TLS: %s", aero_tls_reason(error));
    }
}

/* After a call of OpenSSL that did not succeed. True: it only wants more bytes. */
static bool survives(struct aero_tls *tls, int result)
{
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return true;
    case SSL_ERROR_ZERO_RETURN:
        tls->state = AERO_TLS_CLOSED;
        return false;
    default:
        tls->state = AERO_TLS_FAILED;
        explain(tls);
        ERR_clear_error();
        return false;
    }
}

/* ---- The filter ---- */

static void shake_hands(struct aero_tls *tls)
{
    ERR_clear_error();
    int result = SSL_do_handshake(tls->ssl);
    if (result == 1) {
        tls->state = AERO_TLS_OPEN;
        return;
    }
    (void)survives(tls, result);
}

static void copy_allow(struct aero_tls *tls, const struct aero_tls_allow *allow)
{
    if (allow == NULL || allow->count == 0) {
        return;
    }
    tls->allow = aero_calloc(allow->count, sizeof *tls->allow);
    tls->allow_count = allow->count;
    for (size_t i = 0; i < allow->count; i++) {
        size_t length = strlen(allow->names[i]) + 1;
        tls->allow[i] = aero_malloc(length);
        memcpy(tls->allow[i], allow->names[i], length);
    }
}

struct aero_tls *aero_tls_new(struct aero_tls_context *context, enum aero_tls_side side,
                              const struct aero_tls_allow *allow)
{
    struct aero_tls *tls = aero_calloc(1, sizeof *tls);
    tls->context = aero_tls_context_retain(context);
    copy_allow(tls, allow);
    tls->ssl = SSL_new(context->settings);
    AERO_ASSERT(tls->ssl != NULL);
    BIO *filter = BIO_new(context->filter);
    AERO_ASSERT(filter != NULL);
    BIO_set_data(filter, tls);
    SSL_set_bio(tls->ssl, filter, filter);
    SSL_set_app_data(tls->ssl, tls);
    if (side == AERO_TLS_SERVER) {
        SSL_set_accept_state(tls->ssl);
    } else {
        SSL_set_connect_state(tls->ssl);
        shake_hands(tls); /* the first flight */
    }
    return tls;
}

void aero_tls_free(struct aero_tls *tls)
{
    if (tls == NULL) {
        return;
    }
    SSL_free(tls->ssl);
    aero_tls_context_release(tls->context);
    for (size_t i = 0; i < tls->allow_count; i++) {
        free(tls->allow[i]);
    }
    free(tls->allow);
    aero_buffer_deinit(&tls->output.buffer);
    free(tls);
}

enum aero_tls_state aero_tls_state(const struct aero_tls *tls)
{
    return tls->state;
}

const char *aero_tls_peer_name(const struct aero_tls *tls)
{
    return tls->state == AERO_TLS_HANDSHAKE || tls->state == AERO_TLS_FAILED ? "" : tls->peer_name;
}

const char *aero_tls_text(const struct aero_tls *tls)
{
    return tls->text;
}

bool aero_tls_is_trusted_by(const struct aero_tls *tls, const struct aero_tls_context *context,
                            char out_text[AERO_TLS_TEXT_MAX])
{
    X509 *certificate = SSL_get0_peer_certificate(tls->ssl);
    AERO_ASSERT(certificate != NULL);
    int result = aero_tls_verify_chain(context, certificate, SSL_get_peer_cert_chain(tls->ssl),
                                       X509_V_FLAG_NO_CHECK_TIME);
    if (result != X509_V_OK) {
        aero_tls_explain_verification(result, out_text);
    }
    return result == X509_V_OK;
}

enum aero_tls_state aero_tls_receive(struct aero_tls *tls, struct aero_slice ciphertext,
                                     struct aero_buffer *out_plaintext)
{
    tls->input = ciphertext;
    if (tls->state == AERO_TLS_HANDSHAKE) {
        shake_hands(tls);
    }
    while (tls->state == AERO_TLS_OPEN) {
        size_t count = 0;
        ERR_clear_error();
        int result = SSL_read_ex(tls->ssl, aero_buffer_reserve(out_plaintext, RECORD_BYTES),
                                 RECORD_BYTES, &count);
        if (result != 1) {
            (void)survives(tls, result);
            break;
        }
        out_plaintext->length += count;
    }
    tls->input = aero_slice_of(NULL, 0);
    return tls->state;
}

enum aero_tls_state aero_tls_send(struct aero_tls *tls, struct aero_slice plaintext)
{
    AERO_ASSERT(tls->state == AERO_TLS_OPEN);
    if (plaintext.length == 0) {
        return tls->state;
    }
    size_t count = 0;
    ERR_clear_error();
    int result = SSL_write_ex(tls->ssl, plaintext.data, plaintext.length, &count);
    if (result != 1) {
        AERO_ASSERT(!survives(tls, result)); /* the output takes everything: it never waits */
        return tls->state;
    }
    AERO_ASSERT(count == plaintext.length);
    tls->sent_since_rekey += count;
    if (tls->sent_since_rekey >= tls->context->rekey_bytes) {
        int asked = SSL_key_update(tls->ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
        AERO_ASSERT(asked == 1);
        tls->sent_since_rekey = 0;
    }
    return tls->state;
}

void aero_tls_shutdown(struct aero_tls *tls)
{
    if (tls->state == AERO_TLS_OPEN || tls->state == AERO_TLS_CLOSED) {
        ERR_clear_error();
        (void)SSL_shutdown(tls->ssl);
        ERR_clear_error();
    }
}

struct aero_slice aero_tls_output(const struct aero_tls *tls)
{
    return aero_outbox_slice(&tls->output);
}

void aero_tls_sent(struct aero_tls *tls, size_t count)
{
    aero_outbox_take(&tls->output, count);
}
