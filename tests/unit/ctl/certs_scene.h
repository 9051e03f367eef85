/* SPDX-License-Identifier: Apache-2.0 */
/* Files of certificates and lists in the bench's directory. */
#ifndef AERO_TESTS_CERTS_SCENE_H
#define AERO_TESTS_CERTS_SCENE_H

#include "tests/unit/ctl/cert_bench.h"
#include "tests/unit/ctl/ctl_bench.h"

#define DAY_MS 86400000ULL

static inline const char *path_of(struct ctl_bench *bench, const char *name)
{
    static char path[AERO_CTL_PATH_MAX];
    return ctl_bench_path(bench, name, path);
}

static inline bool is_there(struct ctl_bench *bench, const char *name)
{
    struct stat facts;
    return lstat(path_of(bench, name), &facts) == 0;
}

static inline struct aero_buffer read_file(struct ctl_bench *bench, const char *name)
{
    struct aero_buffer bytes = {0};
    assert_true(aero_is_ok(aero_ctl_file_read(path_of(bench, name), &bytes)));
    return bytes;
}

static inline bool are_same(struct ctl_bench *bench, const char *a, const char *b)
{
    struct aero_buffer left = read_file(bench, a);
    struct aero_buffer right = read_file(bench, b);
    bool same = aero_slice_equal(aero_buffer_slice(&left), aero_buffer_slice(&right));
    aero_buffer_deinit(&left);
    aero_buffer_deinit(&right);
    return same;
}

/* Instead of what is there. */
static inline void write_file(struct ctl_bench *bench, const char *name,
                              struct aero_buffer take_bytes)
{
    FILE *file = fopen(path_of(bench, name), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(take_bytes.data, 1, take_bytes.length, file), take_bytes.length);
    assert_int_equal(fclose(file), 0);
    aero_buffer_deinit(&take_bytes);
}

static inline void copy_file(struct ctl_bench *bench, const char *from, const char *to)
{
    write_file(bench, to, read_file(bench, from));
}

static inline void make_directory(struct ctl_bench *bench, const char *name)
{
    assert_int_equal(mkdir(path_of(bench, name), 0700), 0);
}

static inline void make_loop(struct ctl_bench *bench, const char *name)
{
    assert_int_equal(symlink(strrchr(name, '/') + 1, path_of(bench, name)), 0); /* to itself */
}

static inline void forget(struct ctl_bench *bench, const char *name)
{
    assert_int_equal(remove(path_of(bench, name)), 0);
}

static inline void move(struct ctl_bench *bench, const char *from, const char *to)
{
    char target[AERO_CTL_PATH_MAX];
    ctl_bench_path(bench, to, target);
    assert_int_equal(rename(path_of(bench, from), target), 0);
}

static inline time_t bench_seconds(const struct ctl_bench *bench)
{
    return (time_t)(bench->wall_ms / 1000);
}

/* The authority that certs init made, to sign what aeroctl would not. */
static inline struct authority authority_in(struct ctl_bench *bench, const char *certificate,
                                            const char *key)
{
    struct authority authority;
    FILE *file = fopen(path_of(bench, certificate), "r");
    authority.certificate = PEM_read_X509(file, NULL, NULL, NULL);
    assert_int_equal(fclose(file), 0);
    file = fopen(path_of(bench, key), "r");
    authority.key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    assert_int_equal(fclose(file), 0);
    assert_non_null(authority.certificate);
    assert_non_null(authority.key);
    return authority;
}

/* c/NAME with everything it needs, for each of the names, as the operator begins. */
#define MAKE_NODES(bench, ...) \
    assert_int_equal(CTL_RUN(bench, "certs", "init", "@c", "--node", __VA_ARGS__), AERO_EXIT_OK)

#endif
