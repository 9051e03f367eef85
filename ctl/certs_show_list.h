/* SPDX-License-Identifier: Apache-2.0 */
/* The revocation lists of `certs show`. */
#ifndef AERO_CTL_CERTS_SHOW_LIST_H
#define AERO_CTL_CERTS_SHOW_LIST_H

#include "ctl/certs_report.h"

/* Shows each list of the PEM text. `folder`, when not NULL, holds the CA. False: there is none, or one is damaged. */
bool aero_certs_show_lists(struct aero_certs_show *show, const char *path, const char *folder,
                           struct aero_slice pem);
/* Whether crl.pem of that folder revokes the certificate; one that cannot be read is told where it is shown. */
bool aero_certs_folder_revokes(const char *folder, struct aero_slice certificate);

#endif
