/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/verdict.h"

#include <stdarg.h>
#include <stdio.h>

void aero_sim_violation(struct aero_sim_verdict *verdict, struct aero_sim_trace *trace,
                        const char *checker, const char *format, ...)
{
    char text[sizeof verdict->text];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    aero_sim_trace_event(trace, "checker", "%s: %s", checker, text);
    if (!verdict->failed) {
        verdict->failed = true;
        snprintf(verdict->checker, sizeof verdict->checker, "%s", checker);
        snprintf(verdict->text, sizeof verdict->text, "%s", text);
    }
}
