/* SPDX-License-Identifier: Apache-2.0 */
/* The result of everything that the world can make fail: disk, network, peer, operator, bytes.
 *
 * A status is a small struct returned by value, so it cannot be mixed up with a count and the compiler
 * complains when one is dropped. Programmer mistakes are not statuses: they are AERO_ASSERT and crash.
 * Damaged bytes are AERO_CORRUPT, and travel with a typed out struct that says where. */
#ifndef AERO_BASE_STATUS_H
#define AERO_BASE_STATUS_H

#include <stdbool.h>

enum aero_code {
    AERO_OK = 0,
    AERO_IO,          /* EIO and every other failure of a device or a call that has no name below */
    AERO_NO_SPACE,    /* ENOSPC, EDQUOT, EFBIG */
    AERO_PERMISSION,  /* EACCES, EPERM, EROFS */
    AERO_NOT_FOUND,   /* ENOENT, or a thing asked for by name that does not exist */
    AERO_EXISTS,      /* EEXIST, or a thing that must be new is not */
    AERO_CORRUPT,     /* bytes that fail their checksum, chain or format */
    AERO_INCOMPLETE,  /* the bytes so far are a valid beginning; more are needed */
    AERO_INVALID,     /* an argument from outside (client, peer, configuration) is malformed */
    AERO_LIMIT,       /* a named bound was reached */
    AERO_BUSY,        /* held by somebody else: a lock, a port */
    AERO_CLOSED,      /* the object takes no more of this: WAL closed to writes, connection gone */
    AERO_MISMATCH,    /* well formed, but of another cluster, history, version or state */
    AERO_UNSUPPORTED, /* well formed, but this version does not know it */
    AERO_CRASHED, /* a simulated process died inside the call; production drivers never return it */
};

/* clang can mark a type; gcc only functions, so the clang preset is the one that finds a dropped status. */
#ifdef __clang__
#define AERO_MUST_USE __attribute__((warn_unused_result))
#else
#define AERO_MUST_USE
#endif

typedef struct AERO_MUST_USE aero_status {
    enum aero_code code;
    int sys_errno; /* 0 where no system call was involved */
} aero_status;

static inline aero_status aero_ok(void)
{
    return (aero_status){.code = AERO_OK};
}

static inline aero_status aero_error(enum aero_code code)
{
    return (aero_status){.code = code};
}

static inline bool aero_is_ok(aero_status status)
{
    return status.code == AERO_OK;
}

/* The status that a failed system call left in errno. */
aero_status aero_error_errno(int sys_errno);

/* "no space left (ENOSPC)": static text for logs and error replies, never NULL. */
const char *aero_code_text(enum aero_code code);
/* The same, or where the code has no name for what happened the system's words for it: "Connection refused". */
const char *aero_error_text(aero_status status);
/* That and the error's name, cut off where there is no room: "permission denied (EROFS)". */
#define AERO_ERROR_TEXT_BYTES 96
void aero_error_format(aero_status status, char out_text[AERO_ERROR_TEXT_BYTES]);

/* The one control-flow macro: only in functions that have nothing to release. */
#define AERO_TRY(expression)                         \
    do {                                             \
        aero_status aero_try_status_ = (expression); \
        if (!aero_is_ok(aero_try_status_)) {         \
            return aero_try_status_;                 \
        }                                            \
    } while (0)

#endif
