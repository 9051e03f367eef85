/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates that a link uses now, and the way to newer ones.
 *
 * Files that changed are taken over as a whole or not at all: a bad new file leaves the old ones
 * in use and is said so, once for each change. Used by one thread. Reads files: small ones, which
 * the page cache holds. */
#ifndef AERO_HOST_CERTS_H
#define AERO_HOST_CERTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "shipping/tls.h"

#define AERO_HOST_CERTS_FILES 4 /* crl.pem may be missing */
#define AERO_HOST_CERTS_PATH_MAX 1024
/* Of each file: room for lists of a million certificates. */
#define AERO_HOST_CERTS_BYTES_MAX ((uint64_t)64 << 20)

/* What tells one version of a file from another; no padding, so that it can be compared as bytes. */
struct aero_host_certs_file {
    uint64_t device;
    uint64_t inode;
    uint64_t bytes;
    uint64_t changed_s;
    uint64_t changed_ns;
    uint64_t mode;
};
_Static_assert(sizeof(struct aero_host_certs_file) == 6 * sizeof(uint64_t), "no padding");

struct aero_host_certs {
    struct aero_logger *logger;
    char directory[AERO_HOST_CERTS_PATH_MAX];
    struct aero_tls_context *context; /* never NULL after a good open */
    struct aero_host_certs_file seen[AERO_HOST_CERTS_FILES];
    /* Those that were tried last, by us or by every peer: for any thread to read. */
    atomic_bool refused;
};

/* Errors: INVALID: no directory given, a path too long, or no file, or a huge one, in the place of one; else as
 * aero_tls_context_load. Logged with what to do. */
aero_status aero_host_certs_open(struct aero_host_certs *certs, const char *directory,
                                 struct aero_logger *logger);
/* Loads them again if they differ from those that were tried last, or if `always`. True: `context`
 * is a new one. */
bool aero_host_certs_refresh(struct aero_host_certs *certs, bool always);
/* Accepts an object that was never opened, when it is all zero. */
void aero_host_certs_close(struct aero_host_certs *certs);

#endif
