/* SPDX-License-Identifier: Apache-2.0 */
/* The tree against the simplest thing that could be right: a sorted array of copied entries, for several seeds. */
#include "tests/unit/cmocka_setup.h"

#include <stdlib.h>

#include "base/prng.h"
#include "engine/tree.h"

#define KEY_MAX 600
#define VALUE_MAX 9000
#define VIEWS 3

struct entry {
    struct aero_buffer key;
    struct aero_buffer value;
};

struct model {
    struct entry *entries;
    size_t count;
};

struct world {
    struct aero_prng prng;
    struct aero_tree *tree;
    struct model model;
    struct aero_view *view[VIEWS];
    struct model frozen[VIEWS]; /* what view[i] must show */
    size_t prefix; /* what most keys share; a long one makes inner pages small and the tree deep */
    uint8_t bytes[VALUE_MAX];
};

static struct aero_slice entry_key(const struct model *model, size_t i)
{
    return aero_buffer_slice(&model->entries[i].key);
}

static size_t model_find(const struct model *model, struct aero_slice key, bool *out_exact)
{
    size_t i = 0;
    size_t end = model->count;
    while (i < end) {
        size_t middle = (i + end) / 2;
        if (aero_slice_compare(entry_key(model, middle), key) < 0) {
            i = middle + 1;
        } else {
            end = middle;
        }
    }
    *out_exact = i < model->count && aero_slice_equal(entry_key(model, i), key);
    return i;
}

static void model_put(struct model *model, struct aero_slice key, struct aero_slice value)
{
    bool exact;
    size_t i = model_find(model, key, &exact);
    if (!exact) {
        model->entries = aero_realloc(model->entries, (model->count + 1) * sizeof *model->entries);
        memmove(model->entries + i + 1, model->entries + i,
                (model->count - i) * sizeof *model->entries);
        model->entries[i] = (struct entry){0};
        aero_buffer_append_slice(&model->entries[i].key, key);
        model->count++;
    }
    aero_buffer_clear(&model->entries[i].value);
    aero_buffer_append_slice(&model->entries[i].value, value);
}

static void model_cut(struct model *model, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        aero_buffer_deinit(&model->entries[i].key);
        aero_buffer_deinit(&model->entries[i].value);
    }
    if (from != to) {
        memmove(model->entries + from, model->entries + to,
                (model->count - to) * sizeof *model->entries);
    }
    model->count -= to - from;
}

static void model_deinit(struct model *model)
{
    model_cut(model, 0, model->count);
    free(model->entries);
    *model = (struct model){0};
}

static struct model model_copy(const struct model *model)
{
    struct model copy = {.entries = aero_calloc(model->count + 1, sizeof *copy.entries),
                         .count = model->count};
    for (size_t i = 0; i < model->count; i++) {
        aero_buffer_append_slice(&copy.entries[i].key, entry_key(model, i));
        aero_buffer_append_slice(&copy.entries[i].value,
                                 aero_buffer_slice(&model->entries[i].value));
    }
    return copy;
}

static size_t below(struct world *world, uint64_t bound)
{
    return (size_t)aero_prng_below(&world->prng, bound);
}

/* Few letters and shared prefixes of odd lengths: equal heads, keys that begin other keys, zero bytes. */
static struct aero_slice random_key(struct world *world, uint8_t out[KEY_MAX])
{
    static const uint8_t letters[] = {0, 1, 'a', 'b', 0xff};
    size_t prefix = below(world, 4) == 0 ? below(world, 40) : world->prefix;
    size_t tail = 1 + below(world, 6);
    if (below(world, 12) == 0) {
        prefix = 253 + below(world, 300);
    }
    memset(out, 'p', prefix);
    for (size_t i = 0; i < tail; i++) {
        out[prefix + i] = letters[below(world, sizeof letters)];
    }
    return aero_slice_of(out, prefix + tail);
}

static struct aero_slice random_value(struct world *world)
{
    static const size_t bounds[] = {1, 20, 20, 20, 120, 300, 1500, VALUE_MAX};
    size_t bound = bounds[below(world, sizeof bounds / sizeof bounds[0])];
    world->bytes[below(world, sizeof world->bytes)]++;
    return aero_slice_of(world->bytes + below(world, VALUE_MAX - bound + 1), below(world, bound));
}

static struct aero_summary model_summary(const struct model *model)
{
    struct aero_summary sum = {.count = model->count};
    for (size_t i = 0; i < model->count; i++) {
        struct aero_u128 hash =
            aero_entry_hash(entry_key(model, i), aero_buffer_slice(&model->entries[i].value));
        sum.digest = aero_u128_add(sum.digest, hash);
    }
    return sum;
}

static void assert_model_view(const struct model *model, const struct aero_view *view)
{
    struct aero_summary expected = model_summary(model);
    struct aero_summary found = aero_view_summary(view);
    struct aero_cursor cursor;
    struct aero_slice key;
    struct aero_slice value;
    assert_int_equal(found.count, expected.count);
    assert_true(aero_u128_equal(found.digest, expected.digest));
    assert_true(aero_view_audit(view));
    aero_cursor_seek_view(&cursor, view, aero_slice_text(""));
    for (size_t i = 0; i < model->count; i++) {
        assert_true(aero_cursor_get(&cursor, &key, &value));
        assert_true(aero_slice_equal(key, entry_key(model, i)));
        assert_true(aero_slice_equal(value, aero_buffer_slice(&model->entries[i].value)));
        aero_cursor_next(&cursor);
    }
    assert_false(aero_cursor_get(&cursor, &key, &value));
}

static void assert_model(struct world *world)
{
    struct aero_view *view = aero_view_open(world->tree);
    assert_model_view(&world->model, view);
    aero_view_close(view);
}

static void step_put(struct world *world)
{
    uint8_t space[KEY_MAX];
    struct aero_buffer old = {0};
    struct aero_slice key = random_key(world, space);
    struct aero_slice value = random_value(world);
    bool exact;
    size_t i = model_find(&world->model, key, &exact);
    assert_int_equal(aero_tree_put(world->tree, key, value, &old), exact);
    if (exact) {
        assert_true(aero_slice_equal(aero_buffer_slice(&old),
                                     aero_buffer_slice(&world->model.entries[i].value)));
    }
    model_put(&world->model, key, value);
    aero_buffer_deinit(&old);
}

/* Half of the time a key that is there. */
static void step_delete(struct world *world)
{
    uint8_t space[KEY_MAX];
    struct aero_slice key = random_key(world, space);
    struct model *model = &world->model;
    bool exact;
    size_t i = model_find(model, key, &exact);
    if (!exact && i < model->count && below(world, 2) == 0) {
        key = entry_key(model, i);
        exact = true;
    }
    assert_int_equal(aero_tree_delete(world->tree, key, NULL), exact);
    model_cut(model, i, i + exact);
}

static void step_range(struct world *world, bool remove)
{
    uint8_t space[KEY_MAX];
    uint8_t end_space[KEY_MAX];
    struct aero_slice from = random_key(world, space);
    struct aero_slice to = random_key(world, end_space);
    struct model *model = &world->model;
    bool exact;
    size_t begin = model_find(model, from, &exact);
    if (remove && below(world, 60) != 0) { /* usually a short one, or nothing would ever grow */
        size_t end = begin + below(world, 60);
        to = end < model->count ? entry_key(model, end) : to;
    }
    if (below(world, remove ? 100 : 10) == 0) {
        from.length = 0;
        begin = 0;
    }
    size_t end = model_find(model, to, &exact);
    if (below(world, remove ? 100 : 10) == 0) {
        to.length = 0;
        end = model->count;
    }
    end = end < begin ? begin : end;
    assert_int_equal(aero_tree_count_range(world->tree, from, to), end - begin);
    if (remove) {
        assert_int_equal(aero_tree_delete_range(world->tree, from, to), end - begin);
        model_cut(model, begin, end);
    }
}

static void step_read(struct world *world)
{
    uint8_t space[KEY_MAX];
    struct aero_slice probe = random_key(world, space);
    struct model *model = &world->model;
    struct aero_cursor cursor;
    struct aero_slice key;
    struct aero_slice value;
    bool exact;
    size_t i = model_find(model, probe, &exact);
    assert_int_equal(aero_tree_get(world->tree, probe, &value), exact);
    if (exact) {
        assert_true(aero_slice_equal(value, aero_buffer_slice(&model->entries[i].value)));
    }
    aero_cursor_seek(&cursor, world->tree, probe);
    assert_int_equal(aero_cursor_get(&cursor, &key, &value), i < model->count);
    if (i < model->count) {
        assert_true(aero_slice_equal(key, entry_key(model, i)));
    }
    aero_cursor_seek_index(&cursor, world->tree, i);
    assert_int_equal(aero_cursor_get(&cursor, &key, &value), i < model->count);
    if (i < model->count) {
        assert_true(aero_slice_equal(key, entry_key(model, i)));
    }
}

/* Opens, checks and closes, or restores one of the views. */
static void step_view(struct world *world)
{
    size_t i = below(world, VIEWS);
    if (world->view[i] == NULL) {
        world->view[i] = aero_view_open(world->tree);
        world->frozen[i] = model_copy(&world->model);
        return;
    }
    assert_model_view(&world->frozen[i], world->view[i]);
    if (below(world, 2) == 0) {
        aero_tree_restore(world->tree, world->view[i]);
        model_deinit(&world->model);
        world->model = model_copy(&world->frozen[i]);
        return;
    }
    aero_view_close(world->view[i]);
    world->view[i] = NULL;
    model_deinit(&world->frozen[i]);
}

static void step(struct world *world)
{
    size_t choice = below(world, 1000);
    if (choice < 600) {
        step_put(world);
    } else if (choice < 700) {
        step_delete(world);
    } else if (choice < 706) {
        step_range(world, true);
    } else if (choice < 760) {
        step_range(world, false);
    } else if (choice < 980) {
        step_read(world);
    } else if (choice < 985) {
        step_view(world);
    } else if (choice < 995) {
        aero_tree_reclaim(world->tree, (uint32_t)below(world, 10));
    } else {
        assert_model(world);
    }
}

static void run_seed(uint64_t seed)
{
    struct world *world = aero_calloc(1, sizeof *world);
    aero_prng_init(&world->prng, seed);
    world->prefix = seed % 2 == 0 ? 7 : 240;
    world->tree = aero_tree_new();
    size_t largest = 0;
    for (int i = 0; i < 20000; i++) {
        step(world);
        largest = world->model.count > largest ? world->model.count : largest;
    }
    assert_model(world);
    print_message("  at most %zu entries\n", largest);
    assert_true(largest > 600);
    for (size_t i = 0; i < VIEWS; i++) {
        if (world->view[i] != NULL) {
            assert_model_view(&world->frozen[i], world->view[i]);
        }
        aero_view_close(world->view[i]);
        model_deinit(&world->frozen[i]);
    }
    while (!aero_tree_reclaim(world->tree, 7)) {
    }
    assert_model(world);
    aero_tree_free(world->tree); /* asserts that not one byte is left */
    model_deinit(&world->model);
    free(world);
}

static void test_tree_agrees_with_a_sorted_array(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        print_message("seed %u\n", (unsigned)seed);
        run_seed(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree_agrees_with_a_sorted_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
