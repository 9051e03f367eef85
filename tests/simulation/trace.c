/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/trace.h"

#include <stdarg.h>
#include <string.h>

#include "base/checksum.h"
#include "base/le.h"

#define LINE_MAX_BYTES 512

void aero_sim_trace_init(struct aero_sim_trace *trace, FILE *print_to)
{
    memset(trace, 0, sizeof *trace);
    trace->print_to = print_to;
}

void aero_sim_trace_event(struct aero_sim_trace *trace, const char *who, const char *format, ...)
{
    if (trace == NULL || trace->is_mute) {
        return;
    }
    /* The digest so far stands in front of the line, so that the last digest covers all lines and their order. */
    char line[8 + LINE_MAX_BYTES];
    aero_store_u64((uint8_t *)line, trace->digest);
    char *text = line + 8;
    int head = snprintf(text, LINE_MAX_BYTES, "%10llu us %-9s ",
                        (unsigned long long)(trace->now_ns / 1000), who);
    va_list arguments;
    va_start(arguments, format);
    int body = vsnprintf(text + head, (size_t)(LINE_MAX_BYTES - head), format, arguments);
    va_end(arguments);
    size_t length = (size_t)(head + body);
    if (length >= LINE_MAX_BYTES) {
        length = LINE_MAX_BYTES - 1;
    }
    trace->digest = aero_checksum64(aero_slice_of(line, 8 + length));
    trace->line_count++;
    if (trace->print_to != NULL) {
        fprintf(trace->print_to, "%s\n", text);
    }
}
