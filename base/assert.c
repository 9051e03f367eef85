/* SPDX-License-Identifier: Apache-2.0 */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void aero_assert_failed(const char *expression, const char *file, int line)
{
    fprintf(stderr, "level=fatal event=assert expression=\"%s\" file=%s line=%d\n", expression,
            file, line);
    abort();
}
