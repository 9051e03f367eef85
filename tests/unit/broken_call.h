/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the code under test that fail when the test says so, where no file and no limit would make the kernel do it.
 * The program is linked with --wrap=CALL for each of them: tests/CMakeLists.txt lists them. */
#ifndef AERO_TESTS_BROKEN_CALL_H
#define AERO_TESTS_BROKEN_CALL_H

#include <errno.h>
#include <stdbool.h>

/* After `passes` calls that go through, `times` calls fail with `sys_errno`. */
struct broken_call {
    unsigned passes;
    unsigned times;
    int sys_errno;
};

static inline bool is_broken(struct broken_call *call)
{
    if (call->times == 0) {
        return false;
    }
    if (call->passes != 0) {
        call->passes--;
        return false;
    }
    call->times--;
    errno = call->sys_errno;
    return true;
}

/* Defines broken_NAME and what the linker puts in the place of NAME; `failure` is what a call returns that fails. */
#define BREAKABLE_CALL(result, failure, name, parameters, arguments)            \
    static struct broken_call broken_##name;                                    \
    result __real_##name parameters;                                            \
    result __wrap_##name parameters;                                            \
    result __wrap_##name parameters                                             \
    {                                                                           \
        return is_broken(&broken_##name) ? (failure) : __real_##name arguments; \
    }

#endif
