/* SPDX-License-Identifier: Apache-2.0 */
/* Pages that a view still sees when the writer merges them away or takes one for its root (PAGE-1). */
#include "tests/unit/cmocka_setup.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/tree_priv.h"

#define KEY_BYTES 250

/* Keys that differ at their end only, so that few fit in a page of any level. */
static struct aero_slice long_key(uint8_t out[KEY_BYTES], unsigned number)
{
    memset(out, 'k', KEY_BYTES);
    snprintf((char *)out + KEY_BYTES - 7, 7, "%06u", number);
    return aero_slice_of(out, KEY_BYTES - 1);
}

static void put_long(struct aero_tree *tree, unsigned number)
{
    uint8_t key[KEY_BYTES];
    aero_tree_put(tree, long_key(key, number), aero_slice_text("v"), NULL);
}

/* The view shows what it showed, and view and tree are sound. */
static void assert_sound(struct aero_tree *tree, const struct aero_view *view,
                         struct aero_summary seen)
{
    struct aero_summary sees = aero_view_summary(view);
    assert_int_equal(sees.count, seen.count);
    assert_true(aero_u128_equal(sees.digest, seen.digest));
    assert_true(aero_view_audit(view));
    struct aero_view *now = aero_view_open(tree);
    assert_true(aero_view_audit(now));
    aero_view_close(now);
}

static void test_merge_with_a_leaf_that_a_view_sees_leaves_the_view_whole(void **state)
{
    (void)state;
    struct aero_tree *tree = aero_tree_new();
    char key[16];
    for (unsigned i = 0; i < 250; i++) {
        snprintf(key, sizeof key, "key:%06u", i);
        aero_tree_put(tree, aero_slice_text(key), aero_slice_text("value"), NULL);
    }
    assert_int_equal(tree->root->slot_count, 2);
    struct aero_view *view = aero_view_open(tree);
    struct aero_summary seen = aero_view_summary(view);
    unsigned left = 0;
    /* From the left, until the right leaf takes what is left there. */
    while (tree->root->level != 0) {
        snprintf(key, sizeof key, "key:%06u", left++);
        assert_true(aero_tree_delete(tree, aero_slice_text(key), NULL));
    }
    assert_false(tree->root->has_blobs);
    assert_true(left < aero_page_child(view->root, 0)->slot_count);
    assert_int_equal(aero_tree_summary(tree).count, 250 - left);
    assert_sound(tree, view, seen);
    aero_view_close(view);
    aero_tree_free(tree);
}

/* A root of level 2 over two inner pages; the left one has `left` leaves, the right one at least `right`. */
static struct aero_tree *tree_of(unsigned right)
{
    struct aero_tree *tree = aero_tree_new();
    unsigned number = 0;
    while (tree->root->level < 2 || aero_page_child(tree->root, 1)->slot_count < right) {
        put_long(tree, number++);
    }
    assert_int_equal(tree->root->level, 2);
    assert_int_equal(tree->root->slot_count, 2);
    return tree;
}

/* The key before which the writer removes all, for the left inner page to keep `kept` leaves. */
static struct aero_slice first_key_of_leaf(const struct aero_page *inner, unsigned kept)
{
    return aero_page_key(aero_page_child(inner, inner->slot_count - kept), 0);
}

static void test_merge_with_an_inner_page_that_a_view_sees_leaves_the_view_whole(void **state)
{
    (void)state;
    struct aero_tree *tree = tree_of(3);
    struct aero_view *view = aero_view_open(tree);
    struct aero_summary seen = aero_view_summary(view);
    struct aero_slice to = first_key_of_leaf(aero_page_child(view->root, 0), 2);
    assert_true(aero_tree_delete_range(tree, (struct aero_slice){0}, to) > 0);
    /* The two of the left and the three of the right are one page. */
    assert_int_equal(tree->root->level, 1);
    assert_int_equal(tree->root->slot_count, 5);
    assert_sound(tree, view, seen);
    aero_view_close(view);
    aero_tree_free(tree);
}

/* The only child of the root becomes the root, and so would its only child: but the page between them is the view's. */
static void test_root_that_a_view_sees_stays_though_it_has_one_child(void **state)
{
    (void)state;
    struct aero_tree *tree = tree_of(14);
    struct aero_page *left = aero_page_child(tree->root, 0);
    const struct aero_page *leaf = aero_page_child(left, left->slot_count - 1u);
    struct aero_slice last = aero_page_key(leaf, leaf->slot_count - 1u);
    uint8_t copy[KEY_BYTES];
    memcpy(copy, last.data, last.length);
    last = aero_slice_of(copy, last.length);
    aero_tree_delete_range(tree, (struct aero_slice){0}, last);
    left = aero_page_child(tree->root, 0);
    assert_int_equal(left->slot_count, 1); /* too much on the right to merge with it */
    struct aero_view *view = aero_view_open(tree);
    struct aero_summary seen = aero_view_summary(view);
    struct aero_slice from = first_key_of_leaf(aero_page_child(view->root, 1),
                                               aero_page_child(view->root, 1)->slot_count);
    assert_true(aero_tree_delete_range(tree, from, (struct aero_slice){0}) > 0);
    assert_ptr_equal(tree->root, left);
    assert_int_equal(left->refs, 2);
    assert_sound(tree, view, seen);
    aero_view_close(view);
    while (!aero_tree_reclaim(tree, 100)) {
    }
    assert_int_equal(tree->root->level, 1);
    assert_true(aero_tree_delete(tree, last, NULL)); /* the last one: an empty leaf is the root */
    assert_int_equal(tree->root->level, 0);
    assert_int_equal(aero_tree_summary(tree).count, 0);
    put_long(tree, 1);
    assert_int_equal(aero_tree_summary(tree).count, 1);
    aero_tree_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merge_with_a_leaf_that_a_view_sees_leaves_the_view_whole),
        cmocka_unit_test(test_merge_with_an_inner_page_that_a_view_sees_leaves_the_view_whole),
        cmocka_unit_test(test_root_that_a_view_sees_stays_though_it_has_one_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
