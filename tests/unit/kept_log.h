/* SPDX-License-Identifier: Apache-2.0 */
/* A log that is kept in a buffer, for a test to look into. */
#ifndef AERO_TESTS_KEPT_LOG_H
#define AERO_TESTS_KEPT_LOG_H

#include "tests/unit/cmocka_setup.h"

#include <string.h>

#include "base/log.h"
#include "base/slice.h"

static inline bool kept_log_write(void *self, struct aero_slice line)
{
    aero_buffer_append_slice(self, line);
    return true;
}

static inline struct aero_log_sink kept_log_sink(struct aero_buffer *lines)
{
    return (struct aero_log_sink){.write = kept_log_write, .self = lines};
}

static inline bool kept_log_has(const struct aero_buffer *lines, const char *text)
{
    return lines->length != 0 && memmem(lines->data, lines->length, text, strlen(text)) != NULL;
}

/* The same of what came since it was asked last. */
static inline bool kept_log_take(struct aero_buffer *lines, const char *text)
{
    bool found = kept_log_has(lines, text);
    if (!found) {
        print_message("not in: %.*s\n", (int)lines->length, (const char *)lines->data);
    }
    aero_buffer_clear(lines);
    return found;
}

#endif
