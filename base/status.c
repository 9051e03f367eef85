/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"

#include <errno.h>

aero_status aero_error_errno(int sys_errno)
{
    enum aero_code code = AERO_IO;
    switch (sys_errno) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        code = AERO_NO_SPACE;
        break;
    case EACCES:
    case EPERM:
    case EROFS:
        code = AERO_PERMISSION;
        break;
    case ENOENT:
        code = AERO_NOT_FOUND;
        break;
    case EEXIST:
        code = AERO_EXISTS;
        break;
    case EBUSY:
    case EADDRINUSE:
        code = AERO_BUSY;
        break;
    default:
        break;
    }
    return (aero_status){.code = code, .sys_errno = sys_errno};
}

const char *aero_code_text(enum aero_code code)
{
    switch (code) {
    case AERO_OK:
        return "ok";
    case AERO_IO:
        return "input/output error";
    case AERO_NO_SPACE:
        return "no space left";
    case AERO_PERMISSION:
        return "permission denied";
    case AERO_NOT_FOUND:
        return "not found";
    case AERO_EXISTS:
        return "already exists";
    case AERO_CORRUPT:
        return "corrupt bytes";
    case AERO_INCOMPLETE:
        return "incomplete";
    case AERO_INVALID:
        return "invalid";
    case AERO_LIMIT:
        return "limit reached";
    case AERO_BUSY:
        return "busy";
    case AERO_CLOSED:
        return "closed";
    case AERO_MISMATCH:
        return "mismatch";
    case AERO_UNSUPPORTED:
        return "unsupported";
    case AERO_CRASHED:
        return "simulated crash";
    }
    return "unknown";
}
