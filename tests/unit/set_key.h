/* SPDX-License-Identifier: Apache-2.0 */
/* A key of the configuration, set by a test that knows that the value is good. */
#ifndef AERO_TESTS_SET_KEY_H
#define AERO_TESTS_SET_KEY_H

#include "tests/unit/cmocka_setup.h"

#include "base/config.h"

static inline void set_key(struct aero_config *config, const char *name, const char *value)
{
    struct aero_config_error error;
    assert_true(aero_is_ok(aero_config_set(config, "test", name, value, &error)));
}

#endif
