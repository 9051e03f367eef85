/* SPDX-License-Identifier: Apache-2.0 */
/* A conversation of its own for each test of a program: TEST begins it before the test and ends it behind. */
#ifndef AERO_TESTS_UNIT_SERVER_TALK_H
#define AERO_TESTS_UNIT_SERVER_TALK_H

#include "tests/unit/server/conversation.c"
#include "tests/unit/server/fake_node.c"

static struct conversation talk;

static int begin_talk(void **state)
{
    (void)state;
    conversation_init(&talk);
    return 0;
}

static int end_talk(void **state)
{
    (void)state;
    conversation_deinit(&talk);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_talk, end_talk)

#endif
