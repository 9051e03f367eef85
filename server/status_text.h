/* SPDX-License-Identifier: Apache-2.0 */
/* `name:value` lines: what INFO sections, AERO.STATUS and AERO.REPLICAS are made of. Values never
 * hold CR or LF. */
#ifndef AERO_SERVER_STATUS_TEXT_H
#define AERO_SERVER_STATUS_TEXT_H

#include <stdint.h>

#include "base/checksum.h"
#include "base/slice.h"
#include "base/units.h"

/* What status advises where new certificates were refused, on either role. */
#define AERO_CERTIFICATES_ADVICE                                                                  \
    "correct the files in certs_dir: this node refused the newest and uses the old ones, or its " \
    "own certificate or list is not valid and no link works; the log says which"

void aero_status_text(struct aero_buffer *out, const char *name, const char *value);
void aero_status_u64(struct aero_buffer *out, const char *name, uint64_t value);
void aero_status_hex(struct aero_buffer *out, const char *name, uint64_t value);
void aero_status_id(struct aero_buffer *out, const char *name, aero_id id);
void aero_status_digest(struct aero_buffer *out, const char *name, struct aero_u128 digest);

#endif
