/* SPDX-License-Identifier: Apache-2.0 */
/* Assertions that ship. A false one is a mistake of ours, never of the world: it crashes the process,
 * which the failure model survives by definition (FM-4.1). */
#ifndef AERO_BASE_ASSERT_H
#define AERO_BASE_ASSERT_H

_Noreturn void aero_assert_failed(const char *expression, const char *file, int line);

#define AERO_ASSERT(expression)                    \
    (__builtin_expect(!!(expression), 1) ? (void)0 \
                                         : aero_assert_failed(#expression, __FILE__, __LINE__))

/* For the place behind a switch over all enumerators, and the like. */
#define AERO_UNREACHABLE(why) aero_assert_failed(why, __FILE__, __LINE__)

#endif
