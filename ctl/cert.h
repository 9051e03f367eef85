/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and revocation lists as values: made, read and judged in memory; files are the commands' business. Drives
 * OpenSSL 3.
 *
 * What is made here is for development and small installations: a CA with a key of its own beside it, and for each node a
 * certificate whose first DNS name and common name are the node's name, for both sides of a connection. Keys are
 * on the curve P-256. An organisation with a CA of its own uses that instead. */
#ifndef AERO_CTL_CERT_H
#define AERO_CTL_CERT_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/status.h"
#include "base/units.h"

#define AERO_CERT_NAME_MAX 64 /* of a node, with the NUL */
#define AERO_CERT_TEXT_MAX 256
/* Of a serial number in hexadecimal, with a sign and the NUL. RFC 5280 allows 20 bytes; of a longer one the beginning is
 * shown. */
#define AERO_CERT_SERIAL_MAX 66

/* A certificate and its private key, both in PEM. The key is a secret: wipe it. */
struct aero_cert_pair {
    struct aero_buffer certificate;
    struct aero_buffer key;
};
/* Wipes and frees. */
void aero_cert_pair_deinit(struct aero_cert_pair *pair);
/* The same for a key alone. */
void aero_cert_wipe(struct aero_buffer *key);

/* Letters, digits, '-', '_' and '.', beginning with a letter or digit, at most 63: good for a DNS name, a folder and a log. */
bool aero_cert_name_valid(const char *name);

/* A new CA. AERO_IO: OpenSSL could not (no entropy, no such curve). */
aero_status aero_cert_make_authority(aero_wall_ms now, uint32_t days,
                                     struct aero_cert_pair *out_authority);
/* A certificate for `name`, signed by the authority, never good for longer than it.
 * AERO_CORRUPT: the authority is not a certificate and its key. AERO_MISMATCH: it is no CA, or it is not good now. */
aero_status aero_cert_issue(const struct aero_cert_pair *authority, const char *name,
                            aero_wall_ms now, uint32_t days, struct aero_cert_pair *out_node);
/* The same errors, before anything is signed. */
aero_status aero_cert_check_authority(const struct aero_cert_pair *authority, aero_wall_ms now);

/* From when until when something counts, and how that stands to now. */
struct aero_cert_validity {
    char from[32];               /* 2026-01-31T12:00:00Z; empty: it is no time */
    char to[32];                 /* the same; empty, too, for what has no end */
    int64_t seconds_until_valid; /* above 0: not yet */
    /* Below 0: expired. INT64_MIN: the end is no time. INT64_MAX: there is none. */
    int64_t seconds_left;
};

struct aero_cert_facts {
    char name[AERO_CERT_TEXT_MAX];    /* first DNS name, else the common name */
    char subject[AERO_CERT_TEXT_MAX]; /* one line */
    char issuer[AERO_CERT_TEXT_MAX];
    char serial[AERO_CERT_SERIAL_MAX]; /* as `openssl x509 -serial` has it */
    char fingerprint[65];              /* SHA-256 */
    struct aero_cert_validity validity;
    bool is_authority;
};
/* Of the first certificate in the PEM text. AERO_CORRUPT: there is none. */
aero_status aero_cert_read(struct aero_slice pem, aero_wall_ms now,
                           struct aero_cert_facts *out_facts);
/* AERO_CORRUPT: not a private key. AERO_MISMATCH: that of another certificate. */
aero_status aero_cert_check_key(struct aero_slice certificate, struct aero_slice key);
/* AERO_MISMATCH: the certificate does not lead to one of the CAs, for either side of a connection; out_text says why. */
aero_status aero_cert_check_issuer(struct aero_slice certificate, struct aero_slice authorities,
                                   aero_wall_ms now, char out_text[AERO_CERT_TEXT_MAX]);

/* ---- Revocation lists (RFC 5280, section 5) ----------------------------------------------------------------- */

/* Those of one crl.pem. NULL has none. */
struct aero_cert_crls;
/* AERO_CORRUPT: there is none, or one is damaged. */
aero_status aero_cert_crls_read(struct aero_slice pem, struct aero_cert_crls **out_lists);
void aero_cert_crls_free(struct aero_cert_crls *lists);
size_t aero_cert_crls_count(const struct aero_cert_crls *lists);

struct aero_cert_crl_facts {
    char issuer[AERO_CERT_TEXT_MAX];
    struct aero_cert_validity validity;
    size_t revoked_count;
    bool is_delta; /* it names only what is new (RFC 5280, 5.2.4) */
};
void aero_cert_crls_facts(const struct aero_cert_crls *lists, size_t index, aero_wall_ms now,
                          struct aero_cert_crl_facts *out_facts);
/* Of the certificate that the list at `index` revokes at place `entry`. */
void aero_cert_crls_serial(const struct aero_cert_crls *lists, size_t index, size_t entry,
                           char out_serial[AERO_CERT_SERIAL_MAX]);
/* Whether one of the certificates in the PEM text signed that list. */
bool aero_cert_crls_signed_by(const struct aero_cert_crls *lists, size_t index,
                              struct aero_slice authorities);
/* Whether one of the lists revokes the certificate. */
bool aero_cert_crls_has(const struct aero_cert_crls *lists, struct aero_slice certificate);

/* Whether the authority can revoke it. AERO_CORRUPT: it is no certificate. AERO_MISMATCH: another authority's. */
aero_status aero_cert_check_revocable(struct aero_slice certificate, struct aero_slice authority);
/* Whether the authority can go on with them. AERO_MISMATCH: another authority signed one. AERO_UNSUPPORTED: they are several,
 * or it is of a kind that says less or other than what this authority revokes (RFC 5280: delta, partial). */
aero_status aero_cert_crls_check_own(const struct aero_cert_crls *lists,
                                     struct aero_slice authority);
/* A list of all that `before` revokes, or nothing for NULL, and of the certificates, each once; valid as long as the authority,
 * so that no list of development stops anything one day. Both were checked as above.
 * AERO_CORRUPT, AERO_MISMATCH: as aero_cert_issue. AERO_UNSUPPORTED: the authority may not sign lists. AERO_IO: OpenSSL could
 * not. */
aero_status aero_cert_crls_extend(const struct aero_cert_crls *before,
                                  const struct aero_cert_pair *authority,
                                  const struct aero_buffer *certificates, size_t count,
                                  aero_wall_ms now, struct aero_buffer *out_pem);

#endif
