/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include <errno.h>

#include "engine/disk_failure.h"

#define DOMAIN_COUNT 5
#define CALL_COUNT 9

/* The rules in their words, not in the table's: decision 22 and FM-7.2. */
static enum aero_disk_consequence expected(enum aero_disk_domain domain,
                                           enum aero_disk_op_kind call, enum aero_code code)
{
    bool of_log = domain == AERO_DOMAIN_WAL;
    bool of_snapshot = domain == AERO_DOMAIN_SNAPSHOT;
    if (call == AERO_OP_UNLINK && (of_log || of_snapshot)) {
        return AERO_DISK_GO_ON;
    }
    if (of_snapshot) {
        return AERO_DISK_DROP;
    }
    if (!of_log || call == AERO_OP_SYNC || call == AERO_OP_SYNC_DIRECTORY) {
        return AERO_DISK_CLOSE;
    }
    if (call == AERO_OP_OPEN && (code == AERO_BUSY || code == AERO_NOT_FOUND)) {
        return AERO_DISK_DROP;
    }
    bool may_run_out = call != AERO_OP_CLOSE && call != AERO_OP_TRUNCATE && code == AERO_NO_SPACE;
    return may_run_out ? AERO_DISK_CUT : AERO_DISK_CLOSE;
}

static void test_every_input_has_the_consequence_that_the_rules_give(void **state)
{
    (void)state;
    for (int domain = 0; domain < DOMAIN_COUNT; domain++) {
        for (int call = 0; call < CALL_COUNT; call++) {
            for (int code = AERO_OK + 1; code <= AERO_CRASHED; code++) {
                enum aero_disk_consequence consequence =
                    aero_disk_failure((enum aero_disk_domain)domain, (enum aero_disk_op_kind)call,
                                      aero_error((enum aero_code)code));
                assert_int_equal(consequence,
                                 expected((enum aero_disk_domain)domain,
                                          (enum aero_disk_op_kind)call, (enum aero_code)code));
            }
        }
    }
}

/* By errno, as the kernel says it. */
static void test_errnos_of_the_log_have_their_consequence(void **state)
{
    (void)state;
    static const struct {
        enum aero_disk_op_kind call;
        int sys_errno;
        enum aero_disk_consequence consequence;
    } cases[] = {
        {AERO_OP_WRITE, ENOSPC, AERO_DISK_CUT},
        {AERO_OP_WRITE, EDQUOT, AERO_DISK_CUT},
        {AERO_OP_WRITE, EFBIG, AERO_DISK_CUT},
        {AERO_OP_WRITE, EIO, AERO_DISK_CLOSE},
        {AERO_OP_WRITE, EACCES, AERO_DISK_CLOSE},
        {AERO_OP_WRITE, EPERM, AERO_DISK_CLOSE},
        {AERO_OP_WRITE, EROFS, AERO_DISK_CLOSE},
        {AERO_OP_WRITE, EINVAL, AERO_DISK_CLOSE},
        {AERO_OP_SYNC, ENOSPC, AERO_DISK_CLOSE},
        {AERO_OP_SYNC, EIO, AERO_DISK_CLOSE},
        {AERO_OP_SYNC, EDQUOT, AERO_DISK_CLOSE},
        {AERO_OP_SYNC, EINTR, AERO_DISK_CLOSE},
        {AERO_OP_SYNC_DIRECTORY, ENOSPC, AERO_DISK_CLOSE},
        {AERO_OP_ZERO, ENOSPC, AERO_DISK_CUT},
        {AERO_OP_ZERO, EIO, AERO_DISK_CLOSE},
        {AERO_OP_OPEN, ENOSPC, AERO_DISK_CUT},
        {AERO_OP_OPEN, EMFILE, AERO_DISK_CLOSE},
        {AERO_OP_RENAME, EIO, AERO_DISK_CLOSE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(
            aero_disk_failure(AERO_DOMAIN_WAL, cases[i].call, aero_error_errno(cases[i].sys_errno)),
            cases[i].consequence);
    }
}

/* FM-6.2c. What nobody has a name for counts as refused: a start that ends can be tried again. */
static void test_reads_that_are_refused_are_told_from_those_that_lost_bytes(void **state)
{
    (void)state;
    static const int lost[] = {EIO, ENOENT, ENODATA, EILSEQ, EUCLEAN, EBADMSG};
    static const int refused[] = {EACCES, EPERM,  EROFS,     ENOMEM, EMFILE,
                                  ENFILE, ENOSPC, ETIMEDOUT, EISDIR, 9999};
    for (size_t i = 0; i < sizeof lost / sizeof lost[0]; i++) {
        assert_false(aero_disk_is_refusal(aero_error_errno(lost[i])));
    }
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_true(aero_disk_is_refusal(aero_error_errno(refused[i])));
    }
    assert_true(aero_disk_is_refusal(aero_error(AERO_CRASHED)));
    assert_false(aero_disk_is_refusal(aero_error(AERO_CORRUPT)));
    assert_false(aero_disk_is_refusal(aero_ok()));
}

static void test_every_call_has_a_name(void **state)
{
    (void)state;
    for (int call = 0; call < CALL_COUNT; call++) {
        assert_string_not_equal(aero_disk_call_text((enum aero_disk_op_kind)call), "unknown");
    }
    assert_string_equal(aero_disk_call_text(AERO_OP_SYNC), "fdatasync");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_input_has_the_consequence_that_the_rules_give),
        cmocka_unit_test(test_errnos_of_the_log_have_their_consequence),
        cmocka_unit_test(test_reads_that_are_refused_are_told_from_those_that_lost_bytes),
        cmocka_unit_test(test_every_call_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
