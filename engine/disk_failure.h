/* SPDX-License-Identifier: Apache-2.0 */
/* What a failed disk call means: one table over (kind of file, call, error), for every running core (decision 22).
 *
 * A core asks for the consequence and acts on it; it never looks at an errno itself. Whatever the table does not
 * name closes: doubt about the disk is not for guessing. */
#ifndef AERO_ENGINE_DISK_FAILURE_H
#define AERO_ENGINE_DISK_FAILURE_H

#include "engine/disk.h"

enum aero_disk_consequence {
    /* Nothing on this file is trusted any more: writes closed, no checkpoint, truncation, reuse or deletion until a
     * restart has read what is really there (FM-7.2). */
    AERO_DISK_CLOSE,
    /* No room: what failed is told so, the segment ends before it, and writes resume once a successor is durable
     * (decision 3). */
    AERO_DISK_CUT,
    /* This file is given up and reported; the work may be tried again under another name. */
    AERO_DISK_DROP,
    /* Reported, and nothing else follows. */
    AERO_DISK_GO_ON,
};

enum aero_disk_consequence aero_disk_failure(enum aero_disk_domain domain,
                                             enum aero_disk_op_kind call, aero_status status);

/* Whether a read was refused, for want of memory or descriptors say: that tells nothing of the bytes (FM-6.2c). Anything else
 * that goes wrong with a read is about them: they do not verify, or the disk lost them (EIO and the like, ENOENT). */
bool aero_disk_is_refusal(aero_status status);

/* "write", "fdatasync", ...: static text for logs and error replies. */
const char *aero_disk_call_text(enum aero_disk_op_kind call);

#endif
