/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/health.h"

#include <string.h>

#include "ctl/ctl.h"
#include "ctl/reply.h"

static bool is(struct aero_slice lines, const char *name, const char *expected)
{
    char value[64];
    return aero_ctl_field_find(lines, name, value, sizeof value) && strcmp(value, expected) == 0;
}

/* True if the line is there and says anything else. */
static bool differs(struct aero_slice lines, const char *name, const char *expected)
{
    char value[64];
    return aero_ctl_field_find(lines, name, value, sizeof value) && strcmp(value, expected) != 0;
}

static bool primary_needs_attention(struct aero_slice lines)
{
    return !is(lines, "writes", "open") || differs(lines, "expiry", "running") ||
           differs(lines, "audit", "passed");
}

static bool replica_needs_attention(struct aero_slice lines)
{
    bool disagrees = differs(lines, "digest_agreement", "agrees") &&
                     differs(lines, "digest_agreement", "not compared yet");
    return is(lines, "state", "HALTED") || differs(lines, "disk", "ok") || disagrees;
}

int aero_ctl_health(struct aero_slice status_lines)
{
    if (differs(status_lines, "damaged_segments", "0") || differs(status_lines, "damage_met", "")) {
        return AERO_CTL_EXIT_DAMAGE;
    }
    if (differs(status_lines, "certificates", "ok")) {
        return AERO_CTL_EXIT_ATTENTION; /* who was to be kept out may still get in */
    }
    bool needs = is(status_lines, "role", "primary") ? primary_needs_attention(status_lines)
                                                     : replica_needs_attention(status_lines);
    return needs ? AERO_CTL_EXIT_ATTENTION : AERO_EXIT_OK;
}
