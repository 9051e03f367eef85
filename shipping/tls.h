/* SPDX-License-Identifier: Apache-2.0 */
/* TLS 1.3 with certificates on both sides, as a filter over bytes: no sockets here.
 *
 * Ciphertext from the socket is fed in, plaintext comes out; plaintext is written in, ciphertext
 * for the socket comes out. The peer's node name is the first DNS name of its certificate, else its
 * common name. Texts say what is wrong and what to do. Drives OpenSSL 3; the only headers that
 * openssl/ reaches are those of tls*.c. */
#ifndef AERO_SHIPPING_TLS_H
#define AERO_SHIPPING_TLS_H

#include "base/slice.h"
#include "base/status.h"

#define AERO_TLS_TEXT_MAX 512
#define AERO_TLS_NAME_MAX 64

/* Keys and certificates as they were when loaded. Immutable, reference counted atomically;
 * connections keep the one that they began with, whatever is loaded later. */
struct aero_tls_context;

/* Reads DIRECTORY/ca.crt (one authority or several), node.crt, node.key and, where there is one,
 * crl.pem (revocation lists of those authorities). On failure nothing changes and out_text says
 * which file, what is wrong and what to do: the caller keeps its old context. A certificate or list
 * that is sound and not valid now, or a certificate that is revoked, loads: that is no reason to
 * refuse work that needs no peer. No link works with it, so out_text says so; it is "" otherwise.
 * INVALID: what a file holds is no good, or its path is too long. Else what open(2) says. */
aero_status aero_tls_context_load(const char *directory, struct aero_tls_context **out_context,
                                  char out_text[AERO_TLS_TEXT_MAX]);
struct aero_tls_context *aero_tls_context_retain(struct aero_tls_context *context);
void aero_tls_context_release(struct aero_tls_context *context); /* NULL is fine */
/* Of node.crt: its name, and its end of validity in seconds since 1970, for warnings and metrics. */
const char *aero_tls_context_name(const struct aero_tls_context *context);
int64_t aero_tls_context_expires(const struct aero_tls_context *context);
/* The same of the list in crl.pem that ends first: from then on peers of its authority are refused.
 * 0: there is no crl.pem. INT64_MAX: no list has an end. */
int64_t aero_tls_context_crl_expires(const struct aero_tls_context *context);
/* Whether a peer with the same files would have let us in when they were loaded. */
bool aero_tls_context_was_valid(const struct aero_tls_context *context);
/* Whether its lists, valid now, revoke the certificate of `other`. */
bool aero_tls_context_revokes(const struct aero_tls_context *context,
                              const struct aero_tls_context *other);

/* Names that may connect; count 0: any that our CA signed. Borrowed during aero_tls_new. */
struct aero_tls_allow {
    const char *const *names;
    size_t count;
};

enum aero_tls_side {
    AERO_TLS_SERVER,
    AERO_TLS_CLIENT,
};

enum aero_tls_state {
    AERO_TLS_HANDSHAKE,
    AERO_TLS_OPEN,
    AERO_TLS_CLOSED, /* the peer said goodbye in good order */
    AERO_TLS_FAILED, /* aero_tls_text says why; flush the output once more: it holds the alert */
};

struct aero_tls;
/* Keeps a reference on the context. */
struct aero_tls *aero_tls_new(struct aero_tls_context *context, enum aero_tls_side side,
                              const struct aero_tls_allow *allow);
void aero_tls_free(struct aero_tls *tls);

enum aero_tls_state aero_tls_state(const struct aero_tls *tls);
/* The peer's node name; "" before OPEN. */
const char *aero_tls_peer_name(const struct aero_tls *tls);
const char *aero_tls_text(const struct aero_tls *tls);
/* Would `context` let the peer in, if dates did not count? Where not, out_text says why. For a link that
 * is open while authorities and revocation lists change. Not during the handshake. */
bool aero_tls_is_trusted_by(const struct aero_tls *tls, const struct aero_tls_context *context,
                            char out_text[AERO_TLS_TEXT_MAX]);

/* Takes ciphertext from the socket, appends plaintext (none during the handshake) to out_plaintext. */
enum aero_tls_state aero_tls_receive(struct aero_tls *tls, struct aero_slice ciphertext,
                                     struct aero_buffer *out_plaintext);
/* Encrypts all of it, in records of 16 KiB. Only when OPEN. */
enum aero_tls_state aero_tls_send(struct aero_tls *tls, struct aero_slice plaintext);
/* Says goodbye. */
void aero_tls_shutdown(struct aero_tls *tls);
/* Ciphertext for the socket, borrowed until the next call; aero_tls_sent drops what was taken. */
struct aero_slice aero_tls_output(const struct aero_tls *tls);
void aero_tls_sent(struct aero_tls *tls, size_t count);

#endif
