/* SPDX-License-Identifier: Apache-2.0 */
/* The rows are read from the top, the first that fits counts.
 *
 * Why a sync without room closes and a write without room does not: a write that was refused left the kernel
 * knowing what it holds; after a failed sync the kernel may have marked the lost pages clean, and a second sync
 * would "succeed" over nothing (decision 2b). */
#include "engine/disk_failure.h"

#include <errno.h>

#include "base/assert.h"

#define ANY (-1)

struct row {
    int domain;
    int call;
    int code;
    enum aero_disk_consequence consequence;
};

static const struct row rows[] = {
    /* A name that stays behind costs room and nothing else. */
    {AERO_DOMAIN_WAL, AERO_OP_UNLINK, ANY, AERO_DISK_GO_ON},
    {AERO_DOMAIN_SNAPSHOT, AERO_OP_UNLINK, ANY, AERO_DISK_GO_ON},

    /* A file given for reuse that is gone, or that somebody keeps under a second name (decision 14). */
    {AERO_DOMAIN_WAL, AERO_OP_OPEN, AERO_NOT_FOUND, AERO_DISK_DROP},
    {AERO_DOMAIN_WAL, AERO_OP_OPEN, AERO_BUSY, AERO_DISK_DROP},

    {AERO_DOMAIN_WAL, AERO_OP_OPEN, AERO_NO_SPACE, AERO_DISK_CUT},
    {AERO_DOMAIN_WAL, AERO_OP_WRITE, AERO_NO_SPACE, AERO_DISK_CUT},
    {AERO_DOMAIN_WAL, AERO_OP_ZERO, AERO_NO_SPACE, AERO_DISK_CUT},
    {AERO_DOMAIN_WAL, AERO_OP_RENAME, AERO_NO_SPACE, AERO_DISK_CUT},
    {AERO_DOMAIN_WAL, ANY, ANY, AERO_DISK_CLOSE},

    /* Without its proof a node cannot tell a torn tail from damage: no acknowledgement goes out (decision 5). */
    {AERO_DOMAIN_PROOF, ANY, ANY, AERO_DISK_CLOSE},
    {AERO_DOMAIN_MANIFEST, ANY, ANY, AERO_DISK_CLOSE},
    /* Taken before bytes leave service: without it they stay, and so does what waits for it (decision 3). */
    {AERO_DOMAIN_QUARANTINE, ANY, ANY, AERO_DISK_CLOSE},

    /* A snapshot is nothing until the manifest names it (FM-9.1). */
    {AERO_DOMAIN_SNAPSHOT, ANY, ANY, AERO_DISK_DROP},

    {ANY, ANY, ANY, AERO_DISK_CLOSE}, /* so that the search ends */
};

static bool fits(int wanted, int given)
{
    return wanted == ANY || wanted == given;
}

enum aero_disk_consequence aero_disk_failure(enum aero_disk_domain domain,
                                             enum aero_disk_op_kind call, aero_status status)
{
    AERO_ASSERT(!aero_is_ok(status));
    const struct row *row = rows;
    while (!fits(row->domain, (int)domain) || !fits(row->call, (int)call) ||
           !fits(row->code, (int)status.code)) {
        row++;
    }
    return row->consequence;
}

bool aero_disk_is_refusal(aero_status status)
{
    switch (status.sys_errno) {
    case 0:
        return status.code == AERO_CRASHED;
    case ENOENT:
    case EIO:     /* what nearly every loss comes as */
    case ENODATA: /* a medium error, and one of integrity, past the page cache */
    case EILSEQ:
    case EUCLEAN: /* what a file system's own checks found */
    case EBADMSG:
        return false;
    default:
        return true;
    }
}

const char *aero_disk_call_text(enum aero_disk_op_kind call)
{
    switch (call) {
    case AERO_OP_OPEN:
        return "open";
    case AERO_OP_CLOSE:
        return "close";
    case AERO_OP_WRITE:
    case AERO_OP_ZERO:
        return "write";
    case AERO_OP_SYNC:
        return "fdatasync";
    case AERO_OP_TRUNCATE:
        return "ftruncate";
    case AERO_OP_RENAME:
        return "rename";
    case AERO_OP_UNLINK:
        return "unlink";
    case AERO_OP_SYNC_DIRECTORY:
        return "fsync";
    }
    return "unknown";
}
