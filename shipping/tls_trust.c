/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a node believes: whoever an authority of ca.crt vouches for, unless crl.pem revokes the certificate. Our own is
 * judged as a peer with the same files would. */
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdio.h>

#include "base/assert.h"
#include "shipping/tls_priv.h"

#define AUTHORITIES_MAX 16

/* Everything in a file of PEM. A block that is damaged is not the end of it. */
static aero_status read_items(struct aero_tls_load *load, const char *file, const char *advice,
                              STACK_OF(X509_INFO) * *out_items)
{
    FILE *opened = NULL;
    AERO_TRY(aero_tls_open_file(load, file, advice, &opened));
    STACK_OF(X509_INFO) *items = PEM_X509_INFO_read(opened, NULL, NULL, NULL);
    fclose(opened);
    if (items == NULL) {
        return aero_tls_complain(load, file, "it is damaged: a part of it is no PEM",
                                 "write it anew, as a whole");
    }
    *out_items = items;
    return aero_ok();
}

static void free_items(STACK_OF(X509_INFO) * items)
{
    sk_X509_INFO_pop_free(items, X509_INFO_free);
}

/* ---- Authorities ---- */

static bool add_authority(struct aero_tls_context *context, X509 *authority)
{
    if (X509_check_ca(authority) == 0) {
        return false;
    }
    X509_STORE *store = SSL_CTX_get_cert_store(context->settings);
    AERO_ASSERT(X509_STORE_add_cert(store, authority) == 1); /* here and below: no memory */
    AERO_ASSERT(SSL_CTX_add_client_CA(context->settings, authority) == 1);
    return true;
}

/* One after the other, so that an authority can be replaced while both count. */
aero_status aero_tls_use_authorities(struct aero_tls_load *load, struct aero_tls_context *context)
{
    STACK_OF(X509_INFO) *items = NULL;
    AERO_TRY(read_items(load, "ca.crt", AERO_TLS_ADVICE_NEEDED, &items));
    size_t count = 0;
    bool sound = true;
    for (int i = 0; i < sk_X509_INFO_num(items) && sound; i++) {
        X509 *authority = sk_X509_INFO_value(items, i)->x509;
        if (authority != NULL) {
            sound = ++count <= AUTHORITIES_MAX && add_authority(context, authority);
        }
    }
    free_items(items);
    if (count == 0) {
        return aero_tls_complain(load, "ca.crt", "this is no certificate in PEM",
                                 "it begins with -----BEGIN CERTIFICATE-----");
    }
    return sound ? aero_ok()
                 : aero_tls_complain(load, "ca.crt",
                                     "a certificate in it may not sign others, or is one too many",
                                     "it has to hold authorities only, at most 16");
}

/* ---- Revocation lists ---- */

static bool is_signed_by_ours(const X509_STORE *store, X509_CRL *list)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        const X509 *authority = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        if (authority != NULL && X509_CRL_verify(list, X509_get0_pubkey(authority)) == 1) {
            return true;
        }
    }
    return false;
}

/* The end of the list that ends first is the one to know. */
static void note_end(struct aero_tls_context *context, const X509_CRL *list)
{
    const ASN1_TIME *when = X509_CRL_get0_nextUpdate(list);
    int64_t end = when == NULL ? INT64_MAX : aero_tls_seconds_of(when);
    if (context->crl_expires == 0 || end < context->crl_expires) {
        context->crl_expires = end;
    }
}

/* OpenSSL takes a delta, which is younger than its base, for all that is revoked. */
static aero_status add_lists(struct aero_tls_load *load, struct aero_tls_context *context,
                             STACK_OF(X509_INFO) * items)
{
    X509_STORE *store = SSL_CTX_get_cert_store(context->settings);
    size_t count = 0;
    for (int i = 0; i < sk_X509_INFO_num(items); i++) {
        X509_CRL *list = sk_X509_INFO_value(items, i)->crl;
        if (list == NULL) {
            continue;
        }
        if (X509_CRL_get_ext_by_NID(list, NID_delta_crl, -1) >= 0) {
            return aero_tls_complain(load, "crl.pem",
                                     "a list in it is a delta, which names only what is new",
                                     "put the complete list of that authority there instead");
        }
        if (++count > AUTHORITIES_MAX || !is_signed_by_ours(store, list)) {
            return aero_tls_complain(
                load, "crl.pem",
                "a list in it is signed by no authority of ca.crt, or is one too many",
                "it has to hold lists of those authorities only, at most 16");
        }
        AERO_ASSERT(X509_STORE_add_crl(store, list) == 1); /* no memory */
        note_end(context, list);
    }
    return count > 0 ? aero_ok()
                     : aero_tls_complain(load, "crl.pem", "this is no revocation list",
                                         "it begins with -----BEGIN X509 CRL-----; where nothing "
                                         "is revoked, remove the file");
}

/* Authorities are not looked for in lists: one that counts no more is taken off ca.crt. */
aero_status aero_tls_use_revocations(struct aero_tls_load *load, struct aero_tls_context *context)
{
    STACK_OF(X509_INFO) *items = NULL;
    aero_status status = read_items(load, "crl.pem",
                                    "it has to lead to a file that this user can read; where "
                                    "nothing is revoked, remove it",
                                    &items);
    if (status.code == AERO_NOT_FOUND) {
        load->text[0] = '\0';
        return aero_ok();
    }
    AERO_TRY(status);
    status = add_lists(load, context, items);
    free_items(items);
    X509_STORE *store = SSL_CTX_get_cert_store(context->settings);
    AERO_ASSERT(X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK) == 1);
    return status;
}

/* ---- Verdicts ---- */

int aero_tls_verify_chain(const struct aero_tls_context *context, X509 *certificate,
                          STACK_OF(X509) * between, unsigned long flags)
{
    X509_STORE_CTX *check = X509_STORE_CTX_new();
    AERO_ASSERT(check != NULL); /* here and below: no memory */
    X509_STORE *store = SSL_CTX_get_cert_store(context->settings);
    AERO_ASSERT(X509_STORE_CTX_init(check, store, certificate, between) == 1);
    X509_STORE_CTX_set_flags(check, flags);
    int result = X509_verify_cert(check) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(check);
    X509_STORE_CTX_free(check);
    return result;
}

/* It is our crl.pem that is in the way, whatever the certificate. */
static bool is_about_lists(int result)
{
    switch (result) {
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
    case X509_V_ERR_DIFFERENT_CRL_SCOPE:
    case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
        return true;
    default:
        return false;
    }
}

/* Of our own certificate: which file it is, and what is to be done. `is_sound`: only dates are wrong, or it is revoked. */
static aero_status complain_of_own(struct aero_tls_load *load, int result, bool is_sound)
{
    const char *file = "node.crt";
    const char *advice = "it has to be signed by ca.crt of the same directory";
    if (result == X509_V_ERR_CERT_REVOKED) {
        advice = "crl.pem lists it, and peers that have that list refuse it: put a new one in its "
                 "place";
    } else if (is_about_lists(result)) {
        file = "crl.pem";
        advice = is_sound ? "every peer is refused: put a newer one in its place, or set the clock "
                            "right"
                          : "it has to hold a list of each authority whose certificates are to "
                            "count, signed by it, and for all of them";
    } else if (is_sound) {
        advice = "no peer accepts it: put a new one in its place, or set the clock right";
    }
    return aero_tls_complain(load, file, X509_verify_cert_error_string(result), advice);
}

/* Dates, and being revoked, are no reason to refuse work that needs no peer. */
aero_status aero_tls_judge_own(struct aero_tls_load *load, struct aero_tls_context *context,
                               X509 *certificate)
{
    int now = aero_tls_verify_chain(context, certificate, NULL, 0);
    context->was_valid = now == X509_V_OK;
    if (context->was_valid) {
        return aero_ok();
    }
    int ever = aero_tls_verify_chain(context, certificate, NULL, X509_V_FLAG_NO_CHECK_TIME);
    bool is_sound = ever == X509_V_OK || ever == X509_V_ERR_CERT_REVOKED;
    aero_status refusal = complain_of_own(load, is_sound ? now : ever, is_sound);
    return is_sound ? aero_ok() : refusal;
}

bool aero_tls_context_revokes(const struct aero_tls_context *context,
                              const struct aero_tls_context *other)
{
    X509 *certificate = SSL_CTX_get0_certificate(other->settings);
    return aero_tls_verify_chain(context, certificate, NULL, 0) == X509_V_ERR_CERT_REVOKED;
}

void aero_tls_explain_verification(int result, char out_text[AERO_TLS_TEXT_MAX])
{
    const char *what = X509_verify_cert_error_string(result);
    if (is_about_lists(result)) {
        snprintf(out_text, AERO_TLS_TEXT_MAX,
                 "our crl.pem has no valid list of the authority that signed the peer's "
                 "certificate (%s): put a new one there, for all certificates of that authority",
                 what);
        return;
    }
    switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        snprintf(out_text, AERO_TLS_TEXT_MAX,
                 "the peer's certificate has expired: renew it on that node");
        return;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        snprintf(out_text, AERO_TLS_TEXT_MAX,
                 "the peer's certificate is not valid yet: compare the clocks of both nodes");
        return;
    case X509_V_ERR_CERT_REVOKED:
        snprintf(out_text, AERO_TLS_TEXT_MAX,
                 "the peer's certificate is revoked (crl.pem): that node needs a new one");
        return;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        snprintf(out_text, AERO_TLS_TEXT_MAX,
                 "the peer's certificate is not signed by our ca.crt (%s): both nodes need the "
                 "same authority",
                 what);
        return;
    default:
        snprintf(out_text, AERO_TLS_TEXT_MAX, "the peer's certificate is refused: %s", what);
        return;
    }
}
