/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka wants these before its own header; every unit test includes this file instead of cmocka.h. */
#ifndef AERO_TESTS_CMOCKA_SETUP_H
#define AERO_TESTS_CMOCKA_SETUP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
