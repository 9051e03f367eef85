/* SPDX-License-Identifier: Apache-2.0 */
/* The command parser: what clients send, cut at every byte, damaged at every byte, and never read outside (the
 * sanitizer preset watches copies of exactly the right size). */
#include "tests/unit/cmocka_setup.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/prng.h"
#include "proto/resp_command.h"

static const struct aero_resp_limits limits = {.bulk_bytes_max = 1024,
                                               .request_bytes_max = (size_t)64 << 20,
                                               .argument_count_max = AERO_RESP_ARGUMENTS_MAX};

/* A copy in memory of exactly its length, so that a byte read behind it is caught. */
static struct aero_slice exact_copy(struct aero_slice bytes)
{
    uint8_t *copy = malloc(bytes.length == 0 ? 1 : bytes.length);
    assert_non_null(copy);
    if (bytes.length != 0) {
        memcpy(copy, bytes.data, bytes.length);
    }
    return aero_slice_of(copy, bytes.length);
}

static enum aero_resp_outcome parse_text(struct aero_resp_parser *parser, const char *text,
                                         size_t *out_consumed)
{
    return aero_resp_parse(parser, aero_slice_text(text), &limits, out_consumed);
}

static void assert_arguments(const struct aero_resp_parser *parser, const char *const *expected)
{
    size_t count = 0;
    for (; expected[count] != NULL; count++) {
        assert_true(count < parser->argument_count);
        assert_true(aero_slice_equal(parser->arguments[count], aero_slice_text(expected[count])));
    }
    assert_int_equal(parser->argument_count, count);
}

static void test_parse_pipeline_takes_one_command_at_a_time(void **state)
{
    (void)state;
    struct aero_resp_parser parser = {0};
    const char *text = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$4\r\nPING\r\n";
    size_t consumed = 0;
    assert_int_equal(parse_text(&parser, text, &consumed), AERO_RESP_COMMAND);
    assert_int_equal(consumed, 20);
    assert_arguments(&parser, (const char *[]){"GET", "k", NULL});
    assert_int_equal(parse_text(&parser, text + consumed, &consumed), AERO_RESP_COMMAND);
    assert_int_equal(consumed, 14);
    assert_arguments(&parser, (const char *[]){"PING", NULL});
    aero_resp_parser_deinit(&parser);
}

static void test_parse_empty_commands_are_nothing_to_do(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t consumed;
    } cases[] = {{"*0\r\n", 4}, {"*-1\r\n", 5}, {"*-10\r\n", 6},
                 {"\r\n", 2},   {"\n", 1},      {"  \r\n", 4}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct aero_resp_parser parser = {0};
        size_t consumed = 0;
        assert_int_equal(parse_text(&parser, cases[i].text, &consumed), AERO_RESP_COMMAND);
        assert_int_equal(consumed, cases[i].consumed);
        assert_int_equal(parser.argument_count, 0);
        aero_resp_parser_deinit(&parser);
    }
}

static void test_parse_inline_words_as_redis_splits_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *words[6];
    } cases[] = {
        {"PING\r\n", {"PING"}},
        {"PING\n", {"PING"}},
        {"  set  k \t v \r\n", {"set", "k", "v"}},
        {"set k \"a b\\r\\n\\t\\b\\a\\\\\\\"\\x41\\xff\"\n",
         {"set", "k", "a b\r\n\t\b\a\\\"A\xff"}},
        {"set k 'a \\'b\\n'\n", {"set", "k", "a 'b\\n"}},
        {"set k ''\n", {"set", "k", ""}},
        {"set k ab\"cd\"\n", {"set", "k", "abcd"}},
        {"set k \"\\x4\"\n", {"set", "k", "x4"}},
        /* Vertical tab and form feed are blank before a word and part of it within. */
        {"\v\fset k\va\fb \vc\n", {"set", "k\va\fb", "c"}},
        {"set 'k'\vv\n", {"set", "k", "v"}},
        {"set k a\rb\tc\n", {"set", "k", "a", "b", "c"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct aero_resp_parser parser = {0};
        size_t consumed = 0;
        assert_int_equal(parse_text(&parser, cases[i].text, &consumed), AERO_RESP_COMMAND);
        assert_int_equal(consumed, strlen(cases[i].text));
        assert_arguments(&parser, cases[i].words);
        aero_resp_parser_deinit(&parser);
    }
}

static void test_parse_invalid_says_what_redis_says(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *error;
    } cases[] = {
        {"*x\r\n", "invalid multibulk length"},
        {"*\r\n", "invalid multibulk length"},
        {"*+1\r\n", "invalid multibulk length"},
        {"*01\r\n", "invalid multibulk length"},
        {"*-0\r\n", "invalid multibulk length"},
        {"*1048577\r\n", "invalid multibulk length"},
        {"*9223372036854775807\r\n", "invalid multibulk length"},
        {"*99999999999999999999999\r\n", "invalid multibulk length"},
        {"*1\rX", "invalid multibulk length"},
        {"*11111111111111111111111111111111111", "too big mbulk count string"},
        {"*1\r\n:1\r\n", "expected '$', got ':'"},
        {"*1\r\n$-1\r\n", "invalid bulk length"},
        {"*1\r\n$536870913\r\n", "invalid bulk length"},
        {"*1\r\n$1 \r\n", "invalid bulk length"},
        {"*1\r\n$11111111111111111111111111111111111", "too big bulk count string"},
        {"*1\r\n$1\r\nabc", "expected CRLF behind a bulk string"},
        {"set k \"v\n", "unbalanced quotes in request"},
        {"set k \"v\"w\n", "unbalanced quotes in request"},
        {"set k 'v\n", "unbalanced quotes in request"},
        {"set k \"\\\n", "unbalanced quotes in request"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct aero_resp_parser parser = {0};
        size_t consumed = 99;
        char expected[80];
        snprintf(expected, sizeof expected, "Protocol error: %s", cases[i].error);
        assert_int_equal(parse_text(&parser, cases[i].text, &consumed), AERO_RESP_INVALID);
        assert_string_equal(parser.error, expected);
        assert_int_equal(consumed, 99);
        aero_resp_parser_deinit(&parser);
    }
}

/* Told once, at once; then every byte of the command passes, however it is cut, and the next one is understood. */
static void test_parse_too_large_lets_the_command_pass(void **state)
{
    (void)state;
    static const struct {
        size_t bulk_bytes_max;
        size_t request_bytes_max;
        const char *error;
    } cases[] = {
        {3, 1000, "an argument of 5 bytes exceeds proto_max_bulk_len (3 bytes)"},
        {5, 32, "the request exceeds client_query_buffer_limit (32 bytes)"},
    };
    const char *text =
        "*4\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\n$9\r\n+\r\n$2\r\nNX\r\n*1\r\n$4\r\nPING\r\n";
    size_t ping = strlen("*1\r\n$4\r\nPING\r\n");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t piece = 1; piece <= strlen(text); piece++) {
            struct aero_resp_limits small = {.bulk_bytes_max = cases[i].bulk_bytes_max,
                                             .request_bytes_max = cases[i].request_bytes_max,
                                             .argument_count_max = 10};
            struct aero_resp_parser parser = {0};
            size_t done = 0;
            unsigned told = 0;
            for (size_t there = piece; done < strlen(text) - ping;) {
                size_t consumed = 0;
                enum aero_resp_outcome outcome = aero_resp_parse(
                    &parser, aero_slice_of(text + done, there - done), &small, &consumed);
                assert_true(consumed <= there - done);
                done += consumed;
                if (outcome == AERO_RESP_TOO_LARGE) {
                    assert_string_equal(parser.error, cases[i].error);
                    told++;
                } else if (outcome == AERO_RESP_INCOMPLETE) {
                    there = there + piece < strlen(text) ? there + piece : strlen(text);
                } else {
                    assert_int_equal(outcome, AERO_RESP_SKIPPED);
                    assert_true(consumed > 0);
                }
                if (done == there) {
                    there = there + piece < strlen(text) ? there + piece : strlen(text);
                }
            }
            assert_int_equal(told, 1);
            assert_int_equal(done, strlen(text) - ping);
            small.bulk_bytes_max = 4;
            size_t consumed = 0;
            assert_int_equal(
                aero_resp_parse(&parser, aero_slice_text(text + done), &small, &consumed),
                AERO_RESP_COMMAND);
            assert_arguments(&parser, (const char *[]){"PING", NULL});
            aero_resp_parser_deinit(&parser);
        }
    }
}

/* Framing is not guessed at in what passes unread either. */
static void test_parse_too_large_followed_by_no_bulk_string_is_invalid(void **state)
{
    (void)state;
    struct aero_resp_parser parser = {0};
    const char *text = "*2\r\n$1025\r\n";
    char passed[1027] = "";
    size_t consumed = 0;
    assert_int_equal(parse_text(&parser, text, &consumed), AERO_RESP_TOO_LARGE);
    assert_int_equal(consumed, strlen(text));
    assert_int_equal(
        aero_resp_parse(&parser, aero_slice_of(passed, sizeof passed), &limits, &consumed),
        AERO_RESP_SKIPPED);
    assert_int_equal(consumed, sizeof passed);
    assert_int_equal(parse_text(&parser, "+OK\r\n", &consumed), AERO_RESP_INVALID);
    aero_resp_parser_deinit(&parser);
}

/* The fuzzer's find: a number one byte too long was told apart from a senseless one by whether its end had come. */
static void test_parse_number_at_the_limit_says_the_same_however_it_is_cut(void **state)
{
    (void)state;
    const char *text = "*10000000000000000000000000000000\r\n"; /* 32 digits */
    for (size_t cut = 1; cut <= strlen(text); cut++) {
        struct aero_resp_parser parser = {0};
        size_t consumed;
        enum aero_resp_outcome outcome =
            aero_resp_parse(&parser, aero_slice_of(text, cut), &limits, &consumed);
        if (outcome == AERO_RESP_INCOMPLETE) {
            outcome = parse_text(&parser, text, &consumed);
        }
        assert_int_equal(outcome, AERO_RESP_INVALID);
        assert_string_equal(parser.error, "Protocol error: too big mbulk count string");
        aero_resp_parser_deinit(&parser);
    }
}

static void test_parse_inline_without_an_end_is_refused_at_the_limit(void **state)
{
    (void)state;
    struct aero_resp_parser parser = {0};
    size_t consumed = 0;
    size_t length = AERO_RESP_INLINE_MAX + 1;
    uint8_t *bytes = malloc(length);
    assert_non_null(bytes);
    memset(bytes, 'a', length);
    assert_int_equal(aero_resp_parse(&parser, aero_slice_of(bytes, length - 1), &limits, &consumed),
                     AERO_RESP_INCOMPLETE);
    assert_int_equal(aero_resp_parse(&parser, aero_slice_of(bytes, length), &limits, &consumed),
                     AERO_RESP_INVALID);
    assert_string_equal(parser.error, "Protocol error: too big inline request");
    free(bytes);
    aero_resp_parser_deinit(&parser);
}

static void test_parse_stranger_gets_small_limits(void **state)
{
    (void)state;
    struct aero_resp_limits stranger = {.bulk_bytes_max = (size_t)1 << 20,
                                        .request_bytes_max = (size_t)1 << 20,
                                        .argument_count_max = 1000,
                                        .stranger = true};
    static const struct {
        const char *text;
        const char *error;
    } cases[] = {
        {"*11\r\n", "Protocol error: unauthenticated multibulk length"},
        {"*1\r\n$16385\r\n", "Protocol error: unauthenticated bulk length"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct aero_resp_parser parser = {0};
        size_t consumed = 0;
        assert_int_equal(
            aero_resp_parse(&parser, aero_slice_text(cases[i].text), &stranger, &consumed),
            AERO_RESP_INVALID);
        assert_string_equal(parser.error, cases[i].error);
        stranger.stranger = false;
        parser = (struct aero_resp_parser){0};
        assert_int_equal(
            aero_resp_parse(&parser, aero_slice_text(cases[i].text), &stranger, &consumed),
            AERO_RESP_INCOMPLETE);
        stranger.stranger = true;
        aero_resp_parser_deinit(&parser);
    }
}

static void test_parse_inline_of_a_stranger_has_ten_words(void **state)
{
    (void)state;
    struct aero_resp_limits stranger = limits;
    stranger.stranger = true;
    struct aero_resp_parser parser = {0};
    size_t consumed = 0;
    struct aero_slice ten = aero_slice_text("1 2 3 4 5 6 7 8 9 10\r\n");
    struct aero_slice eleven = aero_slice_text("1 2 3 4 5 6 7 8 9 10 11\r\n");
    assert_int_equal(aero_resp_parse(&parser, ten, &stranger, &consumed), AERO_RESP_COMMAND);
    assert_int_equal(parser.argument_count, 10);
    assert_int_equal(aero_resp_parse(&parser, eleven, &limits, &consumed), AERO_RESP_COMMAND);
    assert_int_equal(parser.argument_count, 11);
    assert_int_equal(aero_resp_parse(&parser, eleven, &stranger, &consumed), AERO_RESP_INVALID);
    assert_string_equal(parser.error, "Protocol error: unauthenticated multibulk length");
    aero_resp_parser_deinit(&parser);
}

static const char *const corpus[] = {
    "*1\r\n$4\r\nPING\r\n",
    "*3\r\n$3\r\nSET\r\n$5\r\nhello\r\n$11\r\nwor\r\nld\0\1\2\3\r\n",
    "*2\r\n$3\r\nGET\r\n$0\r\n\r\n",
    "*4\r\n$4\r\nMGET\r\n$1\r\na\r\n$2\r\nbb\r\n$3\r\nccc\r\n",
    "set key \"quoted \\x41\" 'single'\r\n",
    "PING\n",
    "*12\r\n$4\r\nMGET\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n$1\r\ne\r\n$1\r\nf\r\n$"
    "1\r\ng\r\n"
    "$1\r\nh\r\n$1\r\ni\r\n$1\r\nj\r\n$1\r\nk\r\n",
};
#define CORPUS_COUNT (sizeof corpus / sizeof corpus[0])

/* The second entry holds NULs: its length is not strlen. */
static struct aero_slice corpus_entry(size_t index)
{
    return index == 1 ? aero_slice_of(corpus[1], 42) : aero_slice_text(corpus[index]);
}

/* Every prefix is incomplete and says so; going on from it at another address gives what one call gives. */
static void test_parse_cut_at_every_byte_goes_on_anywhere(void **state)
{
    (void)state;
    for (size_t entry = 0; entry < CORPUS_COUNT; entry++) {
        struct aero_slice whole = corpus_entry(entry);
        struct aero_resp_parser expected = {0};
        size_t expected_consumed = 0;
        assert_int_equal(aero_resp_parse(&expected, whole, &limits, &expected_consumed),
                         AERO_RESP_COMMAND);
        assert_int_equal(expected_consumed, whole.length);
        for (size_t cut = 0; cut < whole.length; cut++) {
            struct aero_resp_parser parser = {0};
            size_t consumed = 0;
            struct aero_slice first = exact_copy(aero_slice_of(whole.data, cut));
            struct aero_slice second = exact_copy(whole);
            assert_int_equal(aero_resp_parse(&parser, first, &limits, &consumed),
                             AERO_RESP_INCOMPLETE);
            free((void *)(uintptr_t)first.data);
            assert_int_equal(aero_resp_parse(&parser, second, &limits, &consumed),
                             AERO_RESP_COMMAND);
            assert_int_equal(consumed, whole.length);
            assert_int_equal(parser.argument_count, expected.argument_count);
            for (size_t i = 0; i < expected.argument_count; i++) {
                assert_true(aero_slice_equal(parser.arguments[i], expected.arguments[i]));
            }
            free((void *)(uintptr_t)second.data);
            aero_resp_parser_deinit(&parser);
        }
        aero_resp_parser_deinit(&expected);
    }
}

/* Byte by byte at a new address each time: the worst that a network can do. */
static void test_parse_byte_by_byte_gives_the_same(void **state)
{
    (void)state;
    for (size_t entry = 0; entry < CORPUS_COUNT; entry++) {
        struct aero_slice whole = corpus_entry(entry);
        struct aero_resp_parser parser = {0};
        size_t consumed = 0;
        for (size_t length = 1; length < whole.length; length++) {
            struct aero_slice part = exact_copy(aero_slice_of(whole.data, length));
            assert_int_equal(aero_resp_parse(&parser, part, &limits, &consumed),
                             AERO_RESP_INCOMPLETE);
            free((void *)(uintptr_t)part.data);
        }
        assert_int_equal(aero_resp_parse(&parser, whole, &limits, &consumed), AERO_RESP_COMMAND);
        assert_int_equal(consumed, whole.length);
        aero_resp_parser_deinit(&parser);
    }
}

/* Whatever one byte becomes, the parser ends in one of its three outcomes, consumes no more than there is, and its
 * arguments lie inside. */
static void test_parse_every_byte_mutation_stays_inside(void **state)
{
    (void)state;
    static const uint8_t values[] = {0, '\r', '\n', '*', '$', '-', '0', '9', '"', '\'', '\\', 0xff};
    for (size_t entry = 0; entry < CORPUS_COUNT; entry++) {
        struct aero_slice whole = corpus_entry(entry);
        for (size_t at = 0; at < whole.length; at++) {
            for (size_t v = 0; v < sizeof values; v++) {
                struct aero_slice copy = exact_copy(whole);
                ((uint8_t *)(uintptr_t)copy.data)[at] = values[v];
                struct aero_resp_parser parser = {0};
                struct aero_slice rest = copy;
                enum aero_resp_outcome outcome = AERO_RESP_COMMAND;
                while (outcome == AERO_RESP_COMMAND && rest.length != 0) {
                    size_t consumed = 0;
                    outcome = aero_resp_parse(&parser, rest, &limits, &consumed);
                    if (outcome == AERO_RESP_COMMAND) {
                        assert_in_range(consumed, 1, rest.length);
                        rest = aero_slice_of(rest.data + consumed, rest.length - consumed);
                        for (size_t i = 0; i < parser.argument_count; i++) {
                            assert_in_range(parser.arguments[i].length, 0, whole.length);
                        }
                    }
                }
                if (outcome == AERO_RESP_INVALID) {
                    assert_memory_equal(parser.error, "Protocol error: ", 16);
                }
                free((void *)(uintptr_t)copy.data);
                aero_resp_parser_deinit(&parser);
            }
        }
    }
}

/* Hundreds of thousands of arguments arriving in small pieces: a parser that begins anew each time would need hours. */
static void test_parse_many_arguments_in_pieces_is_linear(void **state)
{
    (void)state;
    enum { COUNT = 400000 };
    struct aero_buffer bytes = {0};
    struct aero_buffer arrived = {0};
    struct aero_resp_parser parser = {0};
    size_t consumed = 0;
    char head[32];
    int head_length = snprintf(head, sizeof head, "*%d\r\n", COUNT);
    aero_buffer_append(&bytes, head, (size_t)head_length);
    for (int i = 0; i < COUNT; i++) {
        aero_buffer_append(&bytes, "$1\r\nx\r\n", 7);
    }
    for (size_t at = 0; at < bytes.length; at += 100) {
        size_t piece = bytes.length - at < 100 ? bytes.length - at : 100;
        aero_buffer_append(&arrived, bytes.data + at, piece);
        enum aero_resp_outcome outcome =
            aero_resp_parse(&parser, aero_buffer_slice(&arrived), &limits, &consumed);
        assert_int_equal(outcome,
                         at + piece == bytes.length ? AERO_RESP_COMMAND : AERO_RESP_INCOMPLETE);
    }
    assert_int_equal(parser.argument_count, COUNT);
    assert_int_equal(consumed, bytes.length);
    /* The next command does not keep the memory of this one. */
    assert_int_equal(parse_text(&parser, "*1\r\n$4\r\nPING\r\n", &consumed), AERO_RESP_COMMAND);
    assert_arguments(&parser, (const char *[]){"PING", NULL});
    assert_true(parser.argument_capacity < 1024);
    aero_buffer_deinit(&bytes);
    aero_buffer_deinit(&arrived);
    aero_resp_parser_deinit(&parser);
}

/* A parked command is parsed again from its first byte. */
static void test_restart_forgets_a_command_begun(void **state)
{
    (void)state;
    struct aero_resp_parser parser = {0};
    size_t consumed = 0;
    assert_int_equal(parse_text(&parser, "*2\r\n$3\r\nGET\r\n", &consumed), AERO_RESP_INCOMPLETE);
    aero_resp_parser_restart(&parser);
    assert_int_equal(parse_text(&parser, "*1\r\n$4\r\nPING\r\n", &consumed), AERO_RESP_COMMAND);
    assert_arguments(&parser, (const char *[]){"PING", NULL});
    aero_resp_parser_deinit(&parser);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_pipeline_takes_one_command_at_a_time),
        cmocka_unit_test(test_parse_empty_commands_are_nothing_to_do),
        cmocka_unit_test(test_parse_inline_words_as_redis_splits_them),
        cmocka_unit_test(test_parse_invalid_says_what_redis_says),
        cmocka_unit_test(test_parse_too_large_lets_the_command_pass),
        cmocka_unit_test(test_parse_too_large_followed_by_no_bulk_string_is_invalid),
        cmocka_unit_test(test_parse_number_at_the_limit_says_the_same_however_it_is_cut),
        cmocka_unit_test(test_parse_inline_without_an_end_is_refused_at_the_limit),
        cmocka_unit_test(test_parse_stranger_gets_small_limits),
        cmocka_unit_test(test_parse_inline_of_a_stranger_has_ten_words),
        cmocka_unit_test(test_parse_cut_at_every_byte_goes_on_anywhere),
        cmocka_unit_test(test_parse_byte_by_byte_gives_the_same),
        cmocka_unit_test(test_parse_every_byte_mutation_stays_inside),
        cmocka_unit_test(test_parse_many_arguments_in_pieces_is_linear),
        cmocka_unit_test(test_restart_forgets_a_command_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
