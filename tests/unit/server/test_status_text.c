/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include "server/status_text.h"

static void expect(struct aero_buffer *text, const char *line)
{
    assert_true(aero_slice_equal(aero_buffer_slice(text), aero_slice_text(line)));
    aero_buffer_clear(text);
}

/* A reason may quote what another program wrote: it must not begin a line of its own. */
static void test_text_stays_on_its_line(void **state)
{
    (void)state;
    struct aero_buffer text = {0};
    aero_status_text(&text, "reason", "a\r\nstate:fine\nb\r");
    expect(&text, "reason:a  state:fine b \r\n");
    aero_status_text(&text, "reason", "");
    expect(&text, "reason:\r\n");
    aero_buffer_deinit(&text);
}

static void test_numbers_are_written_whole(void **state)
{
    (void)state;
    struct aero_buffer text = {0};
    aero_status_u64(&text, "lsn", UINT64_MAX);
    expect(&text, "lsn:18446744073709551615\r\n");
    aero_status_hex(&text, "checksum", 0xab);
    expect(&text, "checksum:00000000000000ab\r\n");
    aero_status_id(&text, "node", (aero_id){{0xaa, 1}});
    expect(&text, "node:aa010000000000000000000000000000\r\n");
    aero_status_digest(&text, "digest", (struct aero_u128){.low = 2, .high = 1});
    expect(&text, "digest:00000000000000010000000000000002\r\n");
    aero_buffer_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_stays_on_its_line),
        cmocka_unit_test(test_numbers_are_written_whole),
    };
    return cmocka_run_group_tests_name("server.status_text", tests, NULL, NULL);
}
