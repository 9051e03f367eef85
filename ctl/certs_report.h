/* SPDX-License-Identifier: Apache-2.0 */
/* What `certs show` says of anything, certificate or revocation list: when it is good, and what is wrong with it. */
#ifndef AERO_CTL_CERTS_REPORT_H
#define AERO_CTL_CERTS_REPORT_H

#include "ctl/cert.h"
#include "ctl/files.h"
#include "ctl/json.h"

struct aero_certs_show {
    const struct aero_ctl *ctl;
    aero_wall_ms now;
    const char *directory;       /* whose folders are shown; NULL: a file is */
    struct json_object *objects; /* NULL: print lines */
    size_t shown;
    size_t warnings;
    bool failed;
};

struct aero_certs_warnings {
    char text[5][AERO_CERT_TEXT_MAX + 64]; /* as many as one certificate can earn */
    size_t count;
};
/* In the manner of printf. */
void aero_certs_warn(struct aero_certs_warnings *warnings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* `consequence` of an end that has passed: "nodes refuse it". */
void aero_certs_warn_of_dates(struct aero_certs_warnings *warnings,
                              const struct aero_cert_validity *validity, const char *consequence);
/* Appends ca.crt of the folder. False: it cannot be read, which is a warning. */
bool aero_certs_read_authorities(const char *folder, struct aero_certs_warnings *warnings,
                                 struct aero_buffer *out_pem);

void aero_certs_put_validity(struct aero_certs_show *show,
                             const struct aero_cert_validity *validity);
/* JSON; null: without an end. */
struct json_object *aero_certs_days_left(const struct aero_cert_validity *validity);
/* The last lines of one thing that is shown, and the same in JSON; counted. */
void aero_certs_put_warnings(struct aero_certs_show *show,
                             const struct aero_certs_warnings *warnings);
void aero_certs_put_object(struct aero_certs_show *show, struct json_object *take_object,
                           const struct aero_certs_warnings *warnings);

#endif
