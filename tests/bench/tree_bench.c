/* SPDX-License-Identifier: Apache-2.0 */
/* tree_bench [entries] [value_bytes]: what the keyspace costs in CPU time (ns an operation) and memory (resident bytes an
 * entry beyond key and value), with 16-byte keys in random order. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/prng.h"
#include "engine/operation.h"

#define KEY_BYTES 16

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static double resident_bytes(void)
{
    unsigned long pages = 0;
    unsigned long resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%lu %lu", &pages, &resident) != 2) {
        exit(1);
    }
    fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static struct aero_slice key_of(char out[32], uint64_t number)
{
    int length = snprintf(out, 32, "key:%012llu", (unsigned long long)number);
    return aero_slice_of(out, (size_t)length);
}

static void report(const char *what, uint64_t begin, uint64_t count)
{
    double ns = (double)(now_ns() - begin) / (double)count;
    printf("%-28s %8.0f ns/op %8.2f M/s\n", what, ns, 1000.0 / ns);
}

/* The same keys for every phase, made beforehand so that making them is not measured. */
struct load {
    char (*keys)[32];
    uint8_t *value;
    uint64_t count;
    size_t value_bytes;
};

static struct aero_slice load_key(const struct load *load, uint64_t i)
{
    return aero_slice_of(load->keys[i], KEY_BYTES);
}

static struct aero_slice load_value(const struct load *load, uint64_t i)
{
    memcpy(load->value, &i, load->value_bytes < sizeof i ? load->value_bytes : sizeof i);
    return aero_slice_of(load->value, load->value_bytes);
}

static void shuffle(struct load *load, uint64_t seed)
{
    struct aero_prng prng;
    aero_prng_init(&prng, seed);
    for (uint64_t i = load->count - 1; i > 0; i--) {
        uint64_t j = aero_prng_below(&prng, i + 1);
        char swap[32];
        memcpy(swap, load->keys[i], sizeof swap);
        memcpy(load->keys[i], load->keys[j], sizeof swap);
        memcpy(load->keys[j], swap, sizeof swap);
    }
}

static void report_memory(const struct load *load, const struct aero_tree *tree, double before)
{
    double count = (double)load->count;
    double payload = (double)(KEY_BYTES + load->value_bytes);
    printf("%-28s %8.1f bytes/key (counted %.1f)\n", "overhead, resident",
           (resident_bytes() - before) / count - payload,
           (double)aero_tree_memory_bytes(tree) / count - payload);
}

static void bench_gets(const struct load *load, const struct aero_tree *tree)
{
    uint64_t begin = now_ns();
    uint64_t found = 0;
    for (uint64_t i = 0; i < load->count; i++) {
        struct aero_slice value;
        found += aero_tree_get(tree, load_key(load, i), &value) && value.data[0] != 1;
    }
    report("get", begin, load->count);
    begin = now_ns();
    struct aero_cursor cursor;
    uint64_t bytes = found;
    struct aero_slice key;
    struct aero_slice value;
    aero_cursor_seek(&cursor, tree, aero_slice_text(""));
    for (; aero_cursor_get(&cursor, &key, &value); aero_cursor_next(&cursor)) {
        bytes += key.length + value.length;
    }
    report("cursor", begin, load->count);
    if (bytes == 0) {
        exit(1);
    }
}

static void bench_apply(const struct load *load, struct aero_tree *tree)
{
    struct aero_undo *undo = aero_undo_new();
    uint64_t begin = now_ns();
    for (uint64_t i = 0; i < load->count; i++) {
        struct aero_operation put = {
            .kind = AERO_PUT, .key = load_key(load, i), .value = load_value(load, i)};
        aero_apply(tree, &put, undo);
        aero_undo_mark(undo, aero_lsn_of(i + 1));
        if (i % 64 == 63) {
            aero_undo_forget(undo, aero_lsn_of(i - 31), tree);
        }
    }
    report("put overwrite with undo", begin, load->count);
    aero_undo_free(undo, tree);
}

static void bench_under_view(const struct load *load, struct aero_tree *tree)
{
    struct aero_view *view = aero_view_open(tree);
    uint64_t begin = now_ns();
    for (uint64_t i = 0; i < load->count; i++) {
        aero_tree_put(tree, load_key(load, i), load_value(load, i), NULL);
    }
    report("put overwrite under a view", begin, load->count);
    begin = now_ns();
    bool sound = aero_view_audit(view);
    report("audit", begin, load->count);
    if (!sound) {
        exit(1);
    }
    aero_view_close(view);
    begin = now_ns();
    uint64_t steps = 0;
    while (!aero_tree_reclaim(tree, 16)) {
        steps++;
    }
    report("reclaim, step of 16 pages", begin, steps + 1);
}

/* On a virtual machine the first touch of a page since boot is a fault of the host's: not ours to measure. */
static void warm_memory(const struct load *load)
{
    size_t length = (size_t)load->count * (load->value_bytes + KEY_BYTES + 80);
    uint8_t *memory = aero_malloc(length);
    uint64_t begin = now_ns();
    memset(memory, 1, length);
    report("first touch of 1 KiB", begin, length / 1024);
    free(memory);
}

static void bench_random(struct load *load)
{
    double before = resident_bytes();
    struct aero_tree *tree = aero_tree_new();
    uint64_t begin = now_ns();
    for (uint64_t i = 0; i < load->count; i++) {
        aero_tree_put(tree, load_key(load, i), load_value(load, i), NULL);
    }
    double seconds = (double)(now_ns() - begin) / 1e9;
    report("put new", begin, load->count);
    printf("%-28s %8.0f MB/s\n", "put new, bytes",
           (double)load->count * (double)(load->value_bytes + KEY_BYTES) / 1e6 / seconds);
    report_memory(load, tree, before);
    shuffle(load, 2);
    bench_gets(load, tree);
    begin = now_ns();
    for (uint64_t i = 0; i < load->count; i++) {
        aero_tree_put(tree, load_key(load, i), load_value(load, i), NULL);
    }
    report("put overwrite", begin, load->count);
    bench_apply(load, tree);
    bench_under_view(load, tree);
    report_memory(load, tree, before);
    begin = now_ns();
    for (uint64_t i = 0; i < load->count / 2; i++) {
        aero_tree_delete(tree, load_key(load, i), NULL);
    }
    report("delete half", begin, load->count / 2);
    begin = now_ns();
    aero_tree_delete_range(tree, aero_slice_text("key:1"), aero_slice_text("key:5"));
    aero_tree_delete_range(tree, aero_slice_text("key:00000001"), aero_slice_text("key:0000005"));
    report("delete range", begin, 2);
    begin = now_ns();
    aero_tree_free(tree);
    report("free", begin, load->count / 2);
    printf("%-28s %8.1f MB\n", "resident after free", (resident_bytes() - before) / 1e6);
}

static void bench_build(struct load *load)
{
    char key[32];
    double before = resident_bytes();
    struct aero_tree *tree = aero_tree_new();
    uint64_t begin = now_ns();
    for (uint64_t i = 0; i < load->count; i++) {
        aero_tree_build_append(tree, key_of(key, i), load_value(load, i));
    }
    aero_tree_build_finish(tree);
    report("build, key printing included", begin, load->count);
    report_memory(load, tree, before);
    aero_tree_free(tree);
    before = resident_bytes();
    tree = aero_tree_new();
    begin = now_ns();
    for (uint64_t i = 0; i < load->count; i++) {
        aero_tree_put(tree, key_of(key, i), load_value(load, i), NULL);
    }
    report("put new, ascending", begin, load->count);
    report_memory(load, tree, before);
    aero_tree_free(tree);
}

int main(int argc, char **argv)
{
    struct load load = {
        .count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000,
        .value_bytes = argc > 2 ? strtoull(argv[2], NULL, 10) : 64,
    };
    load.keys = aero_malloc(load.count * sizeof *load.keys);
    load.value = aero_calloc(1, load.value_bytes + 1);
    for (uint64_t i = 0; i < load.count; i++) {
        key_of(load.keys[i], i);
    }
    shuffle(&load, 1);
    printf("%llu entries, %zu bytes each value\n", (unsigned long long)load.count,
           load.value_bytes);
    warm_memory(&load);
    bench_random(&load);
    bench_build(&load);
    free(load.value);
    free(load.keys);
    return 0;
}
