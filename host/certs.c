/* SPDX-License-Identifier: Apache-2.0 */
#include "host/certs.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *const file_names[AERO_HOST_CERTS_FILES] = {"ca.crt", "node.crt", "node.key",
                                                              "crl.pem"};

/* A file that is missing is all zero. A link that leads nowhere is a link: a list is meant to be there, and its absence
 * un-revokes nothing. */
static void look_at_files(const struct aero_host_certs *certs,
                          struct aero_host_certs_file out_found[AERO_HOST_CERTS_FILES])
{
    for (unsigned i = 0; i < AERO_HOST_CERTS_FILES; i++) {
        struct stat found = {.st_ino = 0};
        char path[AERO_HOST_CERTS_PATH_MAX + 16];
        snprintf(path, sizeof path, "%s/%s", certs->directory, file_names[i]);
        if (stat(path, &found) != 0) {
            (void)lstat(path, &found);
        }
        out_found[i] = (struct aero_host_certs_file){
            .device = found.st_dev,
            .inode = found.st_ino,
            .bytes = (uint64_t)found.st_size,
            .changed_s = (uint64_t)found.st_mtim.tv_sec,
            .changed_ns = (uint64_t)found.st_mtim.tv_nsec,
            .mode = found.st_mode,
        };
    }
}

static aero_status refuse(struct aero_host_certs *certs, aero_status status, const char *text)
{
    atomic_store(&certs->refused, true);
    aero_log_event(certs->logger, AERO_LOG_ERROR, "certificates_refused",
                   AERO_LOG_STR("directory", certs->directory), AERO_LOG_STR("error", text),
                   AERO_LOG_STR("in_use", certs->context == NULL ? "none" : "the old ones"));
    return status;
}

/* A FIFO would hold up who opens it, the loop for one, until somebody writes into it (fifo(7)), and what is huge until it is
 * read. False: out_text says which. */
static bool are_small_files(const struct aero_host_certs *certs, char out_text[AERO_TLS_TEXT_MAX])
{
    for (unsigned i = 0; i < AERO_HOST_CERTS_FILES; i++) {
        const struct aero_host_certs_file *seen = &certs->seen[i];
        if (seen->mode != 0 && !S_ISREG((mode_t)seen->mode)) {
            snprintf(out_text, AERO_TLS_TEXT_MAX,
                     "%s is not a regular file; put the file itself there", file_names[i]);
            return false;
        }
        if (seen->bytes > AERO_HOST_CERTS_BYTES_MAX) {
            snprintf(out_text, AERO_TLS_TEXT_MAX, "%s is larger than %u MiB; put only PEM there",
                     file_names[i], (unsigned)(AERO_HOST_CERTS_BYTES_MAX >> 20));
            return false;
        }
    }
    return true;
}

/* Expired or revoked ones never take the place of good ones. Those that the new list revokes are none: who kept them
 * would keep the old list, too, and links with whom the new one names. */
static bool are_worse(const struct aero_host_certs *certs, const struct aero_tls_context *newer)
{
    return !aero_tls_context_was_valid(newer) && certs->context != NULL &&
           aero_tls_context_was_valid(certs->context) &&
           !aero_tls_context_revokes(newer, certs->context);
}

/* At a start even bad ones are better than no start: clients need no certificate, and peers refuse them by themselves. */
static aero_status load(struct aero_host_certs *certs)
{
    struct aero_tls_context *context = NULL;
    char text[AERO_TLS_TEXT_MAX];
    look_at_files(certs, certs->seen);
    if (!are_small_files(certs, text)) {
        return refuse(certs, aero_error(AERO_INVALID), text);
    }
    aero_status status = aero_tls_context_load(certs->directory, &context, text);
    if (!aero_is_ok(status)) {
        return refuse(certs, status, text);
    }
    if (are_worse(certs, context)) {
        aero_tls_context_release(context);
        return refuse(certs, aero_error(AERO_INVALID), text);
    }
    aero_tls_context_release(certs->context);
    certs->context = context;
    atomic_store(&certs->refused, !aero_tls_context_was_valid(context));
    if (!aero_tls_context_was_valid(context)) {
        aero_log_event(certs->logger, AERO_LOG_ERROR, "certificates_not_valid",
                       AERO_LOG_STR("directory", certs->directory), AERO_LOG_STR("error", text),
                       AERO_LOG_STR("consequence", "clients are served, links are refused"));
    }
    aero_log_event(certs->logger, AERO_LOG_INFO, "certificates_loaded",
                   AERO_LOG_STR("directory", certs->directory),
                   AERO_LOG_STR("node", aero_tls_context_name(context)),
                   AERO_LOG_I64("expires_unix_s", aero_tls_context_expires(context)),
                   AERO_LOG_I64("crl_expires_unix_s", aero_tls_context_crl_expires(context)));
    return status;
}

aero_status aero_host_certs_open(struct aero_host_certs *certs, const char *directory,
                                 struct aero_logger *logger)
{
    *certs = (struct aero_host_certs){.logger = logger};
    if (directory[0] == '\0' || strlen(directory) >= sizeof certs->directory) {
        aero_log_event(logger, AERO_LOG_ERROR, "certificates_missing",
                       AERO_LOG_STR("key", "certs_dir"),
                       AERO_LOG_STR("advice", "replication needs certificates: give --certs DIR; "
                                              "aeroctl certs init DIR --node NAME makes some for "
                                              "development"));
        return aero_error(AERO_INVALID);
    }
    snprintf(certs->directory, sizeof certs->directory, "%s", directory);
    return load(certs);
}

bool aero_host_certs_refresh(struct aero_host_certs *certs, bool always)
{
    struct aero_host_certs_file found[AERO_HOST_CERTS_FILES];
    look_at_files(certs, found);
    bool changed = always || memcmp(found, certs->seen, sizeof found) != 0;
    return changed && aero_is_ok(load(certs));
}

void aero_host_certs_close(struct aero_host_certs *certs)
{
    aero_tls_context_release(certs->context);
    certs->context = NULL;
}
