/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include "ctl/reply.h"

static aero_status parse(const char *text, struct aero_ctl_reply *out_reply, size_t *out_consumed)
{
    return aero_ctl_reply_parse(aero_slice_text(text), out_reply, out_consumed);
}

static void expect(const char *text, enum aero_ctl_reply_kind kind, const char *value)
{
    struct aero_ctl_reply reply;
    size_t consumed = 0;
    assert_int_equal(parse(text, &reply, &consumed).code, AERO_OK);
    assert_int_equal(reply.kind, kind);
    assert_true(aero_slice_equal(reply.text, aero_slice_text(value)));
    assert_int_equal(consumed, strlen(text));
}

static void test_every_kind_of_reply_is_read(void **state)
{
    (void)state;
    expect("+OK\r\n", AERO_CTL_REPLY_TEXT, "OK");
    expect(":-12\r\n", AERO_CTL_REPLY_TEXT, "-12");
    expect("$5\r\na\r\nbc\r\n", AERO_CTL_REPLY_TEXT, "a\r\nbc");
    expect("$0\r\n\r\n", AERO_CTL_REPLY_TEXT, "");
    expect("$-1\r\n", AERO_CTL_REPLY_NULL, "");
    expect("-ERR no\r\n", AERO_CTL_REPLY_ERROR, "ERR no");
}

/* A reply comes in pieces of any size: every beginning of one is incomplete, never wrong. */
static void test_every_beginning_of_a_reply_is_incomplete(void **state)
{
    (void)state;
    const char *whole[] = {"$5\r\nhello\r\n", "+PONG\r\n", "$-1\r\n"};
    for (size_t i = 0; i < 3; i++) {
        for (size_t length = 0; length < strlen(whole[i]); length++) {
            struct aero_ctl_reply reply;
            size_t consumed;
            aero_status status =
                aero_ctl_reply_parse(aero_slice_of(whole[i], length), &reply, &consumed);
            assert_int_equal(status.code, AERO_INCOMPLETE);
        }
    }
}

static void test_what_is_no_reply_is_refused(void **state)
{
    (void)state;
    struct aero_ctl_reply reply;
    size_t consumed;
    const char *corrupt[] = {"HTTP/1.1 400\r\n", "$x\r\n",
                             "$5\r\nhelloXY",    "+OK\n",
                             "$ 1\r\na\r\n",     "$99999999999999999999999\r\n"};
    for (size_t i = 0; i < sizeof corrupt / sizeof corrupt[0]; i++) {
        assert_int_equal(parse(corrupt[i], &reply, &consumed).code, AERO_CORRUPT);
    }
    assert_int_equal(parse("*2\r\n", &reply, &consumed).code, AERO_UNSUPPORTED);
    assert_int_equal(parse("$99999999999\r\n", &reply, &consumed).code, AERO_LIMIT);
}

/* A peer that never ends its line does not make us wait for ever. */
static void test_an_endless_line_is_refused(void **state)
{
    (void)state;
    static char line[70000];
    struct aero_ctl_reply reply;
    size_t consumed;
    memset(line, '+', sizeof line);
    aero_status status = aero_ctl_reply_parse(aero_slice_of(line, sizeof line), &reply, &consumed);
    assert_int_equal(status.code, AERO_CORRUPT);
}

static void test_fields_are_found_by_whole_name(void **state)
{
    (void)state;
    char value[8];
    struct aero_slice lines =
        aero_slice_text("# Head\r\nlag:1\r\nlag_lsn:22\r\nreason:a:b\r\nx:\r\n");
    assert_true(aero_ctl_field_find(lines, "lag_lsn", value, sizeof value));
    assert_string_equal(value, "22");
    assert_true(aero_ctl_field_find(lines, "reason", value, sizeof value));
    assert_string_equal(value, "a:b");
    assert_true(aero_ctl_field_find(lines, "x", value, sizeof value));
    assert_string_equal(value, "");
    assert_false(aero_ctl_field_find(lines, "la", value, sizeof value));
    assert_false(aero_ctl_field_find(aero_slice_of(NULL, 0), "x", value, sizeof value));
}

static void test_parts_of_a_value_are_read_in_order(void **state)
{
    (void)state;
    struct aero_slice parts = aero_slice_text("name=a,state=,lag_lsn=3");
    struct aero_ctl_field part;
    assert_true(aero_ctl_part_next(&parts, &part));
    assert_true(aero_slice_equal(part.value, aero_slice_text("a")));
    assert_true(aero_ctl_part_next(&parts, &part));
    assert_int_equal(part.value.length, 0);
    assert_true(aero_ctl_part_next(&parts, &part));
    assert_true(aero_slice_equal(part.name, aero_slice_text("lag_lsn")));
    assert_false(aero_ctl_part_next(&parts, &part));
}

/* Lines and parts without their sign are passed over, empty ones too. */
static void test_what_has_no_name_is_passed_over(void **state)
{
    (void)state;
    struct aero_ctl_field field;
    struct aero_slice lines = aero_slice_text("\n\r\nword\n\nname:value");
    assert_true(aero_ctl_field_next(&lines, &field));
    assert_true(aero_slice_equal(field.name, aero_slice_text("name")));
    assert_true(aero_slice_equal(field.value, aero_slice_text("value")));
    assert_false(aero_ctl_field_next(&lines, &field));
    struct aero_slice parts = aero_slice_text(",word,,name=value,");
    assert_true(aero_ctl_part_next(&parts, &field));
    assert_true(aero_slice_equal(field.name, aero_slice_text("name")));
    assert_true(aero_slice_equal(field.value, aero_slice_text("value")));
    assert_false(aero_ctl_part_next(&parts, &field));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_of_reply_is_read),
        cmocka_unit_test(test_every_beginning_of_a_reply_is_incomplete),
        cmocka_unit_test(test_what_is_no_reply_is_refused),
        cmocka_unit_test(test_an_endless_line_is_refused),
        cmocka_unit_test(test_fields_are_found_by_whole_name),
        cmocka_unit_test(test_parts_of_a_value_are_read_in_order),
        cmocka_unit_test(test_what_has_no_name_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
