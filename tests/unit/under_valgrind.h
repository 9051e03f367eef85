/* SPDX-License-Identifier: Apache-2.0 */
/* What valgrind does in its own way, and no test can ask of it: it keeps the limit of descriptors itself (whom the kernel would
 * let wait it accepts and then closes), and computes long doubles as doubles. Tests of that are skipped there. */
#ifndef AERO_TESTS_UNDER_VALGRIND_H
#define AERO_TESTS_UNDER_VALGRIND_H

#include <stdlib.h>
#include <string.h>

#include "tests/unit/cmocka_setup.h"

static inline void skip_under_valgrind(void)
{
    const char *preloaded = getenv("LD_PRELOAD");
    if (preloaded != NULL && strstr(preloaded, "vgpreload") != NULL) {
        skip();
    }
}

#endif
