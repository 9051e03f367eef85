/* SPDX-License-Identifier: Apache-2.0 */
#include "server/status_text.h"

#include <inttypes.h>
#include <stdio.h>

void aero_status_text(struct aero_buffer *out, const char *name, const char *value)
{
    aero_buffer_append(out, name, strlen(name));
    aero_buffer_append(out, ":", 1);
    for (const char *c = value; *c != '\0'; c++) {
        bool line_end = *c == '\r' || *c == '\n';
        aero_buffer_append(out, line_end ? " " : c, 1);
    }
    aero_buffer_append(out, "\r\n", 2);
}

void aero_status_u64(struct aero_buffer *out, const char *name, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    aero_status_text(out, name, text);
}

void aero_status_hex(struct aero_buffer *out, const char *name, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%016" PRIx64, value);
    aero_status_text(out, name, text);
}

void aero_status_id(struct aero_buffer *out, const char *name, aero_id id)
{
    char text[AERO_ID_TEXT_BYTES];
    aero_id_format(id, text);
    aero_status_text(out, name, text);
}

void aero_status_digest(struct aero_buffer *out, const char *name, struct aero_u128 digest)
{
    char text[40];
    snprintf(text, sizeof text, "%016" PRIx64 "%016" PRIx64, digest.high, digest.low);
    aero_status_text(out, name, text);
}
