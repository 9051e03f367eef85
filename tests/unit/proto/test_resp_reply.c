/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include "proto/resp_reply.h"

static void assert_written(struct aero_buffer *out, const char *expected)
{
    assert_int_equal(out->length, strlen(expected));
    assert_memory_equal(out->data, expected, out->length);
    aero_buffer_clear(out);
}

static void test_replies_in_both_versions(void **state)
{
    (void)state;
    struct aero_buffer out = {0};
    for (uint8_t version = 2; version <= 3; version++) {
        struct aero_resp_writer writer = {.out = &out, .version = version};
        bool three = version == 3;
        aero_resp_simple(&writer, "OK");
        assert_written(&out, "+OK\r\n");
        aero_resp_error(&writer, "ERR bad\r\nthing");
        assert_written(&out, "-ERR bad  thing\r\n");
        aero_resp_integer(&writer, -42);
        assert_written(&out, ":-42\r\n");
        aero_resp_bulk(&writer, aero_slice_text("a\r\nb"));
        assert_written(&out, "$4\r\na\r\nb\r\n");
        aero_resp_bulk(&writer, aero_slice_of(NULL, 0));
        assert_written(&out, "$0\r\n\r\n");
        aero_resp_bulk_u64(&writer, UINT64_MAX);
        assert_written(&out, "$20\r\n18446744073709551615\r\n");
        aero_resp_null(&writer);
        assert_written(&out, three ? "_\r\n" : "$-1\r\n");
        aero_resp_null_array(&writer);
        assert_written(&out, three ? "_\r\n" : "*-1\r\n");
        aero_resp_verbatim(&writer, aero_slice_text("hi"));
        assert_written(&out, three ? "=6\r\ntxt:hi\r\n" : "$2\r\nhi\r\n");
        aero_resp_array(&writer, 3);
        assert_written(&out, "*3\r\n");
        aero_resp_map(&writer, 3);
        assert_written(&out, three ? "%3\r\n" : "*6\r\n");
        aero_resp_set(&writer, 3);
        assert_written(&out, three ? "~3\r\n" : "*3\r\n");
    }
    aero_buffer_deinit(&out);
}

static void test_integers_at_their_ends(void **state)
{
    (void)state;
    struct aero_buffer out = {0};
    struct aero_resp_writer writer = {.out = &out, .version = 2};
    aero_resp_integer(&writer, INT64_MIN);
    assert_written(&out, ":-9223372036854775808\r\n");
    aero_resp_integer(&writer, INT64_MAX);
    assert_written(&out, ":9223372036854775807\r\n");
    aero_resp_integer(&writer, 0);
    assert_written(&out, ":0\r\n");
    aero_buffer_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies_in_both_versions),
        cmocka_unit_test(test_integers_at_their_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
