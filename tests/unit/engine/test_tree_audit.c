/* SPDX-License-Identifier: Apache-2.0 */
/* A tree is broken in one place so that everything else still agrees: the audit has no other way to notice. */
#include "tests/unit/cmocka_setup.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/tree_priv.h"

/* A root with two leaves of short keys. */
struct scene {
    struct aero_tree *tree;
    struct aero_view *view;
    struct aero_page *root;
    struct aero_page *left;
    struct aero_page *right;
};

static void put_number(struct aero_tree *tree, unsigned number)
{
    char key[16];
    int length = snprintf(key, sizeof key, "key:%06u", number);
    aero_tree_put(tree, aero_slice_of(key, (size_t)length), aero_slice_text("value"), NULL);
}

static void begin(struct scene *scene)
{
    scene->tree = aero_tree_new();
    for (unsigned i = 0; i < 200; i++) {
        put_number(scene->tree, i);
    }
    scene->view = aero_view_open(scene->tree);
    scene->root = scene->view->root;
    assert_int_equal(scene->root->level, 1);
    assert_int_equal(scene->root->slot_count, 2);
    scene->left = aero_page_child(scene->root, 0);
    scene->right = aero_page_child(scene->root, 1);
}

static void set_heads(struct aero_page *page)
{
    for (unsigned i = aero_page_first(page); i < page->slot_count; i++) {
        page->slots[i].head = aero_page_head(aero_page_key(page, i), page->prefix_length);
    }
}

static void make_a_leaf_larger_than_a_page(struct scene *s)
{
    s->left->size_bytes = AERO_PAGE_BYTES_MAX + 1;
}

static void let_cells_begin_behind_the_end(struct scene *s)
{
    s->left->cells_offset = (uint16_t)(s->left->size_bytes + 1u);
}

static void let_slots_run_into_the_cells(struct scene *s)
{
    s->left->slot_count = (uint16_t)(s->left->slot_count + 600u);
}

static void put_a_cell_among_the_slots(struct scene *s)
{
    s->left->slots[3].offset = (uint16_t)(s->left->cells_offset - 1u);
}

static void put_a_cell_behind_the_end(struct scene *s)
{
    s->left->slots[3].offset = s->left->size_bytes;
}

static void forget_a_hole(struct scene *s)
{
    s->left->dead_bytes++;
}

static void call_a_leaf_an_inner_page(struct scene *s)
{
    s->left->level = 1;
}

/* Both leaves are whole and the sums are right, but for the bounds that their parent gives them. */
static void swap_the_leaves(struct scene *s)
{
    aero_page_set_child(s->root, 0, s->right);
    aero_page_set_child(s->root, 1, s->left);
}

static void raise_the_separator(struct scene *s)
{
    struct aero_slice key = aero_page_key(s->root, 1);
    ((uint8_t *)(uintptr_t)key.data)[key.length - 1]++;
    set_heads(s->root);
}

static void lower_the_separator(struct scene *s)
{
    struct aero_slice key = aero_page_key(s->root, 1);
    ((uint8_t *)(uintptr_t)key.data)[key.length - 1]--;
    set_heads(s->root);
}

static void swap_two_entries(struct scene *s)
{
    struct aero_slot slot = s->left->slots[3];
    s->left->slots[3] = s->left->slots[4];
    s->left->slots[4] = slot;
}

static void claim_a_longer_prefix(struct scene *s)
{
    s->left->prefix_length++;
    set_heads(s->left);
}

static void change_a_head(struct scene *s)
{
    s->left->slots[3].head++;
}

static void count_one_more_in_a_leaf(struct scene *s)
{
    s->left->summary.count++;
}

static void sum_another_digest_in_the_root(struct scene *s)
{
    s->root->summary.digest.low++;
}

/* PAGE-5: the sums and the frame say the same, an empty page. */
static void empty_a_leaf(struct scene *s)
{
    s->root->summary = s->left->summary;
    s->right->summary = (struct aero_summary){0};
    s->right->slot_count = 0;
    s->right->dead_bytes = (uint16_t)(s->right->size_bytes - s->right->cells_offset);
}

static void test_audit_finds_each_kind_of_damage(void **state)
{
    (void)state;
    void (*const breaks[])(struct scene *) = {
        make_a_leaf_larger_than_a_page,
        let_cells_begin_behind_the_end,
        let_slots_run_into_the_cells,
        put_a_cell_among_the_slots,
        put_a_cell_behind_the_end,
        forget_a_hole,
        call_a_leaf_an_inner_page,
        swap_the_leaves,
        raise_the_separator,
        lower_the_separator,
        swap_two_entries,
        claim_a_longer_prefix,
        change_a_head,
        count_one_more_in_a_leaf,
        sum_another_digest_in_the_root,
        empty_a_leaf,
    };
    struct scene scene;
    begin(&scene);
    for (size_t i = 0; i < sizeof breaks / sizeof breaks[0]; i++) {
        struct aero_page *const pages[] = {scene.root, scene.left, scene.right};
        uint8_t whole[3][AERO_PAGE_BYTES_MAX];
        size_t sizes[3];
        for (unsigned page = 0; page < 3; page++) {
            sizes[page] = pages[page]->size_bytes;
            memcpy(whole[page], pages[page], sizes[page]);
        }
        assert_true(aero_view_audit(scene.view));
        breaks[i](&scene);
        assert_false(aero_view_audit(scene.view));
        for (unsigned page = 0; page < 3; page++) {
            memcpy(pages[page], whole[page], sizes[page]);
        }
    }
    assert_true(aero_view_audit(scene.view));
    aero_view_close(scene.view);
    aero_tree_free(scene.tree);
}

/* Inner pages of one child each over one leaf, the topmost at `level`. */
static struct aero_page *tower(struct aero_tree *tree, unsigned level)
{
    struct aero_page_entry bottom = {.key = aero_slice_text("key"),
                                     .value = aero_slice_text("value")};
    bottom.summary = (struct aero_summary){1, aero_entry_hash(bottom.key, bottom.value)};
    struct aero_page *page = aero_page_new(&tree->memory, 0, 100);
    aero_page_append(&tree->memory, page, &bottom);
    aero_page_index(page, AERO_PAGE_NO_HEADS);
    page->summary = bottom.summary;
    for (unsigned i = 1; i <= level; i++) {
        struct aero_page *above = aero_page_new(&tree->memory, i, 100);
        aero_page_append(&tree->memory, above, &(struct aero_page_entry){.child = page});
        above->summary = bottom.summary;
        page = above;
    }
    return page;
}

static bool audit_of(struct aero_tree *tree, struct aero_page *root)
{
    struct aero_view view = {.tree = tree, .root = root};
    return aero_view_audit(&view);
}

static void test_audit_finds_a_page_of_another_level(void **state)
{
    (void)state;
    struct aero_tree *tree = aero_tree_new();
    struct aero_page *root = tower(tree, 2);
    assert_true(audit_of(tree, root));
    aero_page_child(root, 0)->level = 2; /* an inner page looks the same at each level */
    assert_false(audit_of(tree, root));
    aero_page_child(root, 0)->level = 1;
    aero_tree_drop(tree, root);
    aero_tree_free(tree);
}

static void test_audit_finds_a_tree_that_no_cursor_could_walk(void **state)
{
    (void)state;
    struct aero_tree *tree = aero_tree_new();
    struct aero_page *deepest = tower(tree, AERO_TREE_DEPTH_MAX - 1);
    struct aero_page *deeper = tower(tree, AERO_TREE_DEPTH_MAX);
    assert_true(audit_of(tree, deepest));
    assert_false(audit_of(tree, deeper));
    aero_tree_drop(tree, deepest);
    aero_tree_drop(tree, deeper);
    aero_tree_free(tree);
}

/* The bytes behind the key belong to nobody. */
static void test_audit_finds_a_prefix_that_is_longer_than_the_key(void **state)
{
    (void)state;
    struct aero_tree *tree = aero_tree_new();
    put_number(tree, 7);
    struct aero_view *view = aero_view_open(tree);
    uint16_t length = view->root->prefix_length;
    assert_int_equal(length, 10); /* one key shares all of itself with itself */
    view->root->prefix_length++;
    set_heads(view->root);
    assert_false(aero_view_audit(view));
    view->root->prefix_length = length;
    assert_true(aero_view_audit(view));
    aero_view_close(view);
    aero_tree_free(tree);
}

/* Keys out of line lie at the end of their memory: an audit that compared before it looked at the length would read on. */
static void test_audit_reads_no_byte_behind_a_long_key(void **state)
{
    (void)state;
    char key[600];
    memset(key, 'k', sizeof key);
    struct aero_tree *tree = aero_tree_new();
    aero_tree_put(tree, aero_slice_of(key, 400), (struct aero_slice){0}, NULL);
    aero_tree_put(tree, aero_slice_of(key, 600), (struct aero_slice){0}, NULL);
    struct aero_view *view = aero_view_open(tree);
    view->root->prefix_length = 60000;
    set_heads(view->root);
    assert_false(aero_view_audit(view));
    view->root->prefix_length = 400;
    set_heads(view->root);
    assert_true(aero_view_audit(view));
    aero_view_close(view);
    aero_tree_free(tree);
}

/* A blob keeps the hash of its entry, which nothing else looks at before the audit. */
static void test_audit_finds_a_kept_hash_of_other_bytes(void **state)
{
    (void)state;
    uint8_t value[300] = {0};
    struct aero_tree *tree = aero_tree_new();
    aero_tree_put(tree, aero_slice_text("key"), aero_slice_of(value, sizeof value), NULL);
    struct aero_view *view = aero_view_open(tree);
    struct aero_blob *blob = aero_blob_at(aero_page_cell(view->root, 0));
    blob->hash.high ^= 1;
    assert_false(aero_view_audit(view));
    blob->hash.high ^= 1;
    assert_true(aero_view_audit(view));
    aero_view_close(view);
    aero_tree_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_audit_finds_each_kind_of_damage),
        cmocka_unit_test(test_audit_finds_a_page_of_another_level),
        cmocka_unit_test(test_audit_finds_a_tree_that_no_cursor_could_walk),
        cmocka_unit_test(test_audit_finds_a_prefix_that_is_longer_than_the_key),
        cmocka_unit_test(test_audit_reads_no_byte_behind_a_long_key),
        cmocka_unit_test(test_audit_finds_a_kept_hash_of_other_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
