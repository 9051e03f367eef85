/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

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

const char *aero_error_text(aero_status status)
{
    const char *text = NULL;
    if (status.code == AERO_IO && status.sys_errno != EIO && status.sys_errno != 0) {
        text = strerrordesc_np(status.sys_errno);
    }
    return text == NULL ? aero_code_text(status.code) : text;
}

void aero_error_format(aero_status status, char out_text[AERO_ERROR_TEXT_BYTES])
{
    const char *text = aero_error_text(status);
    const char *name = status.sys_errno == 0 ? NULL : strerrorname_np(status.sys_errno);
    if (status.sys_errno == 0) {
        snprintf(out_text, AERO_ERROR_TEXT_BYTES, "%s", text);
    } else if (name != NULL) {
        snprintf(out_text, AERO_ERROR_TEXT_BYTES, "%s (%s)", text, name);
    } else {
        snprintf(out_text, AERO_ERROR_TEXT_BYTES, "%s (errno %d)", text, status.sys_errno);
    }
}
