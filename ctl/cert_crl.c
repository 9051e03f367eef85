/* SPDX-License-Identifier: Apache-2.0 */
/* Revocation lists of version 2 (RFC 5280 5.1 and 5.2): each new one names all that the one before did, carries a number that
 * is higher by one, and the identifier of the key that signed it. Entries that are there already are taken as they are. */
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/assert.h"
#include "base/slice.h"
#include "ctl/cert.h"
#include "ctl/cert_priv.h"

/* ---- Reading ------------------------------------------------------------------------------------------------ */

struct aero_cert_crls {
    STACK_OF(X509_CRL) * lists;
};

static void free_lists(STACK_OF(X509_CRL) * lists)
{
    sk_X509_CRL_pop_free(lists, X509_CRL_free);
}

/* Like OpenSSL's own reader of such a file: text between the lists, and what else is in PEM, means nothing. */
static bool read_lists(BIO *bio, STACK_OF(X509_CRL) * out_lists)
{
    X509_CRL *list;
    while ((list = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL) {
        AERO_ASSERT(sk_X509_CRL_push(out_lists, list) > 0); /* no memory */
    }
    /* The end of the text, and nothing that began and is no list. */
    return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE &&
           sk_X509_CRL_num(out_lists) > 0;
}

aero_status aero_cert_crls_read(struct aero_slice pem, struct aero_cert_crls **out_lists)
{
    STACK_OF(X509_CRL) *lists = sk_X509_CRL_new_null();
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.length);
    AERO_ASSERT(lists != NULL); /* no memory */
    bool whole = bio != NULL && read_lists(bio, lists);
    BIO_free(bio);
    if (!whole) {
        free_lists(lists);
        return aero_error(AERO_CORRUPT);
    }
    *out_lists = aero_calloc(1, sizeof **out_lists);
    (*out_lists)->lists = lists;
    return aero_ok();
}

void aero_cert_crls_free(struct aero_cert_crls *lists)
{
    if (lists != NULL) {
        free_lists(lists->lists);
        free(lists);
    }
}

size_t aero_cert_crls_count(const struct aero_cert_crls *lists)
{
    return lists == NULL ? 0 : (size_t)sk_X509_CRL_num(lists->lists);
}

static X509_CRL *list_at(const struct aero_cert_crls *lists, size_t index)
{
    AERO_ASSERT(index < aero_cert_crls_count(lists));
    return sk_X509_CRL_value(lists->lists, (int)index);
}

/* How many it revokes: an empty one has no stack, of which OpenSSL counts -1. */
static size_t count_entries(X509_CRL *list)
{
    int count = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(list));
    return count < 0 ? 0 : (size_t)count;
}

void aero_cert_crls_facts(const struct aero_cert_crls *lists, size_t index, aero_wall_ms now,
                          struct aero_cert_crl_facts *out_facts)
{
    X509_CRL *list = list_at(lists, index);
    struct aero_cert_crl_facts facts = {
        .validity = aero_cert_validity_of(X509_CRL_get0_lastUpdate(list),
                                          X509_CRL_get0_nextUpdate(list), now),
        .revoked_count = count_entries(list),
        .is_delta = X509_CRL_get_ext_by_NID(list, NID_delta_crl, -1) >= 0,
    };
    aero_cert_format_name(X509_CRL_get_issuer(list), facts.issuer);
    *out_facts = facts;
}

void aero_cert_crls_serial(const struct aero_cert_crls *lists, size_t index, size_t entry,
                           char out_serial[AERO_CERT_SERIAL_MAX])
{
    X509_CRL *list = list_at(lists, index);
    AERO_ASSERT(entry < count_entries(list));
    const X509_REVOKED *revoked = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(list), (int)entry);
    aero_cert_format_serial(X509_REVOKED_get0_serialNumber(revoked), out_serial);
}

/* ---- Judging ------------------------------------------------------------------------------------------------ */

static bool is_signed_by(X509_CRL *list, X509 *authority)
{
    return X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(authority)) == 0 &&
           X509_CRL_verify(list, X509_get0_pubkey(authority)) == 1;
}

bool aero_cert_crls_signed_by(const struct aero_cert_crls *lists, size_t index,
                              struct aero_slice authorities)
{
    X509_CRL *list = list_at(lists, index);
    BIO *bio = BIO_new_mem_buf(authorities.data, (int)authorities.length);
    bool found = false;
    X509 *authority;
    while (bio != NULL && !found &&
           (authority = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        found = is_signed_by(list, authority);
        X509_free(authority);
    }
    BIO_free(bio);
    return found;
}

bool aero_cert_crls_has(const struct aero_cert_crls *lists, struct aero_slice certificate)
{
    X509 *parsed = aero_cert_parse(certificate);
    bool revoked = false;
    for (size_t i = 0; parsed != NULL && !revoked && i < aero_cert_crls_count(lists); i++) {
        X509_REVOKED *entry;
        revoked = X509_CRL_get0_by_cert(list_at(lists, i), &entry, parsed) == 1;
    }
    X509_free(parsed);
    return revoked;
}

aero_status aero_cert_check_revocable(struct aero_slice certificate, struct aero_slice authority)
{
    X509 *parsed = aero_cert_parse(certificate);
    X509 *issuer = aero_cert_parse(authority);
    aero_status status = aero_ok();
    if (parsed == NULL || issuer == NULL) {
        status = aero_error(AERO_CORRUPT);
    } else if (X509_NAME_cmp(X509_get_issuer_name(parsed), X509_get_subject_name(issuer)) != 0 ||
               X509_verify(parsed, X509_get0_pubkey(issuer)) != 1) {
        status = aero_error(AERO_MISMATCH);
    }
    X509_free(parsed);
    X509_free(issuer);
    return status;
}

aero_status aero_cert_crls_check_own(const struct aero_cert_crls *lists,
                                     struct aero_slice authority)
{
    for (size_t i = 0; i < aero_cert_crls_count(lists); i++) {
        if (!aero_cert_crls_signed_by(lists, i, authority)) {
            return aero_error(AERO_MISMATCH);
        }
    }
    /* What makes a list one of another kind is critical, for those who do not know it (RFC 5280 5.2.4 and 5.2.5). */
    if (aero_cert_crls_count(lists) != 1 ||
        X509_CRL_get_ext_by_critical(list_at(lists, 0), 1, -1) >= 0) {
        return aero_error(AERO_UNSUPPORTED);
    }
    return aero_ok();
}

/* ---- Making ------------------------------------------------------------------------------------------------- */

/* A list while it is made; `sound` like that of a certificate in cert_make.c. */
struct draft {
    X509_CRL *list;
    const struct aero_cert_signer *signer;
    bool sound;
};

static void note(struct draft *draft, bool done)
{
    draft->sound = draft->sound & done;
}

/* Gives the first one, to be freed: what the list revokes is revoked since then, so no entry is younger than its list. */
static ASN1_TIME *set_dates(struct draft *draft, aero_wall_ms now)
{
    time_t seconds = (time_t)(now.value / 1000);
    ASN1_TIME *begin = X509_time_adj_ex(NULL, 0, -AERO_CERT_BACKDATE_SECONDS, &seconds);
    note(draft, X509_CRL_set1_lastUpdate(draft->list, begin) == 1); /* takes no NULL */
    note(draft, X509_CRL_set1_nextUpdate(draft->list,
                                         X509_get0_notAfter(draft->signer->certificate)) == 1);
    return begin;
}

static void take_over(struct draft *draft, X509_CRL *before)
{
    for (size_t i = 0; i < count_entries(before); i++) {
        const X509_REVOKED *entry = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(before), (int)i);
        X509_REVOKED *copy = X509_REVOKED_dup(entry);
        AERO_ASSERT(copy != NULL); /* here and below: no memory */
        AERO_ASSERT(X509_CRL_add0_revoked(draft->list, copy) == 1);
    }
}

static void add_entry(struct draft *draft, struct aero_slice pem, ASN1_TIME *since)
{
    X509 *certificate = aero_cert_parse(pem);
    X509_REVOKED *entry;
    AERO_ASSERT(certificate != NULL); /* as the caller has checked */
    ASN1_INTEGER *serial = X509_get_serialNumber(certificate);
    if (X509_CRL_get0_by_serial(draft->list, &entry, serial) != 1) {
        entry = X509_REVOKED_new();
        AERO_ASSERT(entry != NULL); /* here and below: no memory */
        AERO_ASSERT(X509_REVOKED_set_serialNumber(entry, serial) == 1);
        note(draft, X509_REVOKED_set_revocationDate(entry, since) == 1);
        AERO_ASSERT(X509_CRL_add0_revoked(draft->list, entry) == 1);
    }
    X509_free(certificate);
}

/* One more than that of the list before, of any length; 1 for the first. */
static void set_number(struct draft *draft, const X509_CRL *before)
{
    ASN1_INTEGER *last =
        before == NULL ? NULL : X509_CRL_get_ext_d2i(before, NID_crl_number, NULL, NULL);
    BIGNUM *number = BN_new();
    AERO_ASSERT(number != NULL); /* here and below: no memory */
    AERO_ASSERT(last == NULL || ASN1_INTEGER_to_BN(last, number) != NULL);
    AERO_ASSERT(BN_add_word(number, 1) == 1);
    ASN1_INTEGER *next = BN_to_ASN1_INTEGER(number, NULL);
    AERO_ASSERT(next != NULL);
    note(draft, X509_CRL_add1_ext_i2d(draft->list, NID_crl_number, next, 0, 0) == 1);
    ASN1_INTEGER_free(last);
    ASN1_INTEGER_free(next);
    BN_free(number);
}

static void set_key_identifier(struct draft *draft)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, draft->signer->certificate, NULL, NULL, draft->list, 0);
    X509_EXTENSION *extension =
        X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid:always");
    note(draft, X509_CRL_add_ext(draft->list, extension, -1) == 1); /* takes no NULL */
    X509_EXTENSION_free(extension);
}

static aero_status make(const struct aero_cert_signer *signer, X509_CRL *before,
                        const struct aero_buffer *certificates, size_t count, aero_wall_ms now,
                        struct aero_buffer *out_pem)
{
    struct draft draft = {.list = X509_CRL_new(), .signer = signer, .sound = true};
    BIO *text = BIO_new(BIO_s_mem());
    AERO_ASSERT(draft.list != NULL); /* here and below: no memory */
    AERO_ASSERT(text != NULL);
    note(&draft, X509_CRL_set_version(draft.list, X509_CRL_VERSION_2) == 1);
    note(&draft,
         X509_CRL_set_issuer_name(draft.list, X509_get_subject_name(signer->certificate)) == 1);
    ASN1_TIME *begin = set_dates(&draft, now);
    if (before != NULL) {
        take_over(&draft, before);
    }
    for (size_t i = 0; i < count; i++) {
        add_entry(&draft, aero_buffer_slice(&certificates[i]), begin);
    }
    note(&draft, X509_CRL_sort(draft.list) == 1);
    set_key_identifier(&draft);
    set_number(&draft, before);
    note(&draft, X509_CRL_sign(draft.list, signer->key, EVP_sha256()) != 0);
    note(&draft, PEM_write_bio_X509_CRL(text, draft.list) == 1);
    if (draft.sound) {
        aero_cert_take_pem(text, out_pem);
    } else {
        BIO_free(text);
    }
    ASN1_TIME_free(begin);
    X509_CRL_free(draft.list);
    return draft.sound ? aero_ok() : aero_error(AERO_IO);
}

aero_status aero_cert_crls_extend(const struct aero_cert_crls *before,
                                  const struct aero_cert_pair *authority,
                                  const struct aero_buffer *certificates, size_t count,
                                  aero_wall_ms now, struct aero_buffer *out_pem)
{
    struct aero_cert_signer signer;
    AERO_TRY(aero_cert_signer_open(authority, now, &signer));
    aero_status status = aero_error(AERO_UNSUPPORTED);
    /* A list of an authority whose certificate does not let it sign any would stop every node (RFC 5280 6.3.3). */
    if ((X509_get_key_usage(signer.certificate) & KU_CRL_SIGN) != 0) {
        status = make(&signer, before == NULL ? NULL : list_at(before, 0), certificates, count, now,
                      out_pem);
    }
    aero_cert_signer_close(&signer);
    return status;
}
