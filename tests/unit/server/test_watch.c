/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of watched keys, without a server: who is dirty after which change. */
#include "tests/unit/cmocka_setup.h"

#include <stdio.h>

#include "server/watch.h"

/* One who watches. */
struct watcher {
    struct aero_link watches;
    bool dirty;
};

static struct aero_watch_registry registry;

static int begin(void **state)
{
    (void)state;
    aero_watch_registry_init(&registry);
    return 0;
}

static int end(void **state)
{
    (void)state;
    aero_watch_registry_deinit(&registry);
    return 0;
}

static void watcher_init(struct watcher *watcher)
{
    *watcher = (struct watcher){.dirty = false};
    aero_link_init(&watcher->watches);
}

static struct aero_watch *watch(struct watcher *watcher, const char *key)
{
    return aero_watch_add(&registry, &watcher->watches, aero_slice_text(key), &watcher->dirty);
}

/* Whether it was dirty; it is not any more. */
static bool was_dirty(struct watcher *watcher)
{
    bool dirty = watcher->dirty;
    watcher->dirty = false;
    return dirty;
}

static void touch(const char *key)
{
    aero_watch_touch(&registry, aero_slice_text(key), false);
}

static void test_change_reaches_all_who_watch_the_key_and_nobody_else(void **state)
{
    (void)state;
    struct watcher a;
    struct watcher b;
    struct watcher c;
    watcher_init(&a);
    watcher_init(&b);
    watcher_init(&c);
    touch("k"); /* nobody */
    assert_non_null(watch(&a, "k"));
    assert_non_null(watch(&b, "k"));
    assert_null(watch(&a, "k"));
    assert_null(watch(&b, "k"));
    assert_non_null(watch(&c, "other"));
    assert_int_equal(registry.key_count, 2);
    touch("k");
    assert_true(was_dirty(&a));
    assert_true(was_dirty(&b));
    assert_false(was_dirty(&c));
    touch("none");
    assert_false(was_dirty(&a) || was_dirty(&b) || was_dirty(&c));
    /* One of the two lets go: the other still watches. */
    aero_watch_clear(&registry, &a.watches);
    assert_int_equal(registry.key_count, 2);
    touch("k");
    assert_false(was_dirty(&a));
    assert_true(was_dirty(&b));
    aero_watch_clear(&registry, &b.watches);
    assert_int_equal(registry.key_count, 1);
    aero_watch_clear(&registry, &c.watches);
    assert_true(aero_watch_none(&registry));
}

/* Nothing changes for one who saw the key as gone already when it goes. */
static void test_expiry_leaves_those_clean_who_had_seen_the_key_expired(void **state)
{
    (void)state;
    struct watcher before;
    struct watcher after;
    watcher_init(&before);
    watcher_init(&after);
    assert_false(watch(&before, "k")->expired);
    watch(&after, "k")->expired = true;
    aero_watch_touch(&registry, aero_slice_text("k"), true);
    assert_true(was_dirty(&before));
    assert_false(was_dirty(&after));
    aero_watch_touch(&registry, aero_slice_text("k"), false);
    assert_true(was_dirty(&before));
    assert_true(was_dirty(&after));
    aero_watch_clear(&registry, &before.watches);
    aero_watch_clear(&registry, &after.watches);
}

/* From a key, itself included, up to another one, which is not; and only where there is a key. */
static void test_range_reaches_the_keys_inside_it(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        bool is_there;
        bool dirty;
    } keys[] = {{"a", true, false}, {"b", true, true},  {"b0", true, true}, {"b1", false, false},
                {"bz", true, true}, {"c", true, false}, {"d", true, false}};
    enum { KEYS = sizeof keys / sizeof keys[0] };
    struct watcher watchers[KEYS];
    struct aero_tree *tree = aero_tree_new();
    for (size_t i = 0; i < KEYS; i++) {
        watcher_init(&watchers[i]);
        assert_non_null(watch(&watchers[i], keys[i].key));
        if (keys[i].is_there) {
            aero_tree_put(tree, aero_slice_text(keys[i].key), aero_slice_text("v"), NULL);
        }
    }
    aero_watch_touch_range(&registry, tree, aero_slice_text("b"), aero_slice_text("c"));
    for (size_t i = 0; i < KEYS; i++) {
        assert_int_equal(watchers[i].dirty, keys[i].dirty);
        aero_watch_clear(&registry, &watchers[i].watches);
    }
    aero_watch_touch_range(&registry, tree, aero_slice_text("a"),
                           aero_slice_text("z")); /* nobody */
    aero_tree_free(tree);
}

/* More keys than the table begins with, so that it grows and keys share slots: none is lost, and each can go alone. */
static void test_many_keys_are_found_and_forgotten_one_by_one(void **state)
{
    (void)state;
    enum { KEYS = 1000 };
    static struct watcher watchers[KEYS];
    char key[16];
    for (int i = 0; i < KEYS; i++) {
        watcher_init(&watchers[i]);
        snprintf(key, sizeof key, "key:%d", i);
        assert_non_null(watch(&watchers[i], key));
    }
    assert_int_equal(registry.key_count, KEYS);
    assert_true(registry.slot_count >= KEYS);
    for (int i = 0; i < KEYS; i += 2) {
        aero_watch_clear(&registry, &watchers[i].watches);
    }
    assert_int_equal(registry.key_count, KEYS / 2);
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "key:%d", i);
        touch(key);
        for (int other = i == 0 ? 0 : i - 1; other < KEYS && other <= i + 1; other++) {
            assert_int_equal(was_dirty(&watchers[other]), other == i && i % 2 == 1);
        }
    }
    for (int i = 1; i < KEYS; i += 2) {
        snprintf(key, sizeof key, "key:%d", i);
        struct aero_watch *found =
            AERO_CONTAINER(watchers[i].watches.next, struct aero_watch, by_session);
        assert_true(aero_slice_equal(aero_watch_engine_key(found), aero_slice_text(key)));
        aero_watch_clear(&registry, &watchers[i].watches);
    }
    assert_true(aero_watch_none(&registry));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_change_reaches_all_who_watch_the_key_and_nobody_else),
        TEST(test_expiry_leaves_those_clean_who_had_seen_the_key_expired),
        TEST(test_range_reaches_the_keys_inside_it),
        TEST(test_many_keys_are_found_and_forgotten_one_by_one),
    };
    return cmocka_run_group_tests_name("server.watch", tests, NULL, NULL);
}
