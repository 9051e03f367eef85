/* SPDX-License-Identifier: Apache-2.0 */
/* Runs aeroctl in the test's own process, with a clock that stands still and a temporary directory. */
#ifndef AERO_TESTS_CTL_BENCH_H
#define AERO_TESTS_CTL_BENCH_H

#include "tests/unit/cmocka_setup.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/slice.h"
#include "ctl/ctl.h"
#include "ctl/files.h"

struct ctl_bench {
    char directory[64];
    uint64_t wall_ms;
    const char *password;
    bool show_progress;
    FILE *out_to; /* NULL: out. Closed by the run */
    char *out;    /* of the last run */
    char *err;
};

static inline aero_wall_ms ctl_bench_wall(void *self)
{
    return (aero_wall_ms){.value = ((struct ctl_bench *)self)->wall_ms};
}

static inline struct ctl_bench *ctl_bench_new(void)
{
    struct ctl_bench *bench = aero_calloc(1, sizeof *bench);
    snprintf(bench->directory, sizeof bench->directory, "/tmp/aeroctl-test-XXXXXX");
    AERO_ASSERT(mkdtemp(bench->directory) != NULL);
    bench->wall_ms = 1767225600000; /* 2026-01-01 */
    return bench;
}

static inline int ctl_bench_remove_one(const char *path, const struct stat *facts, int type,
                                       struct FTW *walk)
{
    (void)facts;
    (void)type;
    (void)walk;
    return remove(path);
}

static inline void ctl_bench_remove(const char *path)
{
    AERO_ASSERT(nftw(path, ctl_bench_remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
}

static inline void ctl_bench_free(struct ctl_bench *bench)
{
    ctl_bench_remove(bench->directory);
    free(bench->out);
    free(bench->err);
    free(bench);
}

/* "DIRECTORY/NAME" */
static inline const char *ctl_bench_path(struct ctl_bench *bench, const char *name,
                                         char out_path[AERO_CTL_PATH_MAX])
{
    AERO_ASSERT(aero_ctl_path(bench->directory, name, out_path));
    return out_path;
}

/* Makes a directory below the temporary one whose whole path has that many bytes; returns the name in the temporary one. */
static inline const char *ctl_bench_deep(struct ctl_bench *bench, size_t path_bytes,
                                         char out_path[AERO_CTL_PATH_MAX])
{
    size_t at = strlen(bench->directory);
    AERO_ASSERT(path_bytes < AERO_CTL_PATH_MAX && path_bytes > at + 256);
    memcpy(out_path, bench->directory, at);
    while (at < path_bytes) {
        size_t left = path_bytes - at;
        size_t piece = left <= 200 ? left : left < 300 ? 100 : 200; /* none of a '/' alone */
        memset(out_path + at, 'd', piece);
        out_path[at] = '/';
        at += piece;
        out_path[at] = '\0';
        AERO_ASSERT(mkdir(out_path, 0700) == 0);
    }
    return out_path + strlen(bench->directory) + 1;
}

#define CTL_WORDS_MAX 160

/* Runs `aeroctl WORD...`; a word that begins with '@' is a name in the temporary directory. Returns the exit status. */
static inline int ctl_bench_run(struct ctl_bench *bench, const char *const *words)
{
    char path[CTL_WORDS_MAX][AERO_CTL_PATH_MAX];
    char *argv[CTL_WORDS_MAX + 2] = {(char *)"aeroctl"};
    int argc = 1;
    size_t out_length = 0;
    size_t err_length = 0;
    for (size_t i = 0; words[i] != NULL; i++) {
        AERO_ASSERT(i < CTL_WORDS_MAX);
        if (words[i][0] == '@') {
            ctl_bench_path(bench, words[i] + 1, path[i]);
        } else {
            snprintf(path[i], sizeof path[i], "%s", words[i]);
        }
        argv[argc++] = path[i];
    }
    free(bench->out);
    free(bench->err);
    bench->out = NULL;
    bench->err = NULL;
    struct aero_ctl ctl = {
        .out = bench->out_to != NULL ? bench->out_to : open_memstream(&bench->out, &out_length),
        .err = open_memstream(&bench->err, &err_length),
        .show_progress = bench->show_progress,
        .password = bench->password,
        .clock = {.wall = ctl_bench_wall, .self = bench},
    };
    int exit_code = aero_ctl_run(&ctl, argc, argv);
    fclose(ctl.out);
    fclose(ctl.err);
    bench->out_to = NULL;
    return exit_code;
}

#define CTL_RUN(bench, ...) ctl_bench_run(bench, (const char *const[]){__VA_ARGS__, NULL})

static inline void expect_part(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("'%s' does not say '%s'", text, part);
    }
}

/* What the last run printed or complained of says this, too. */
#define EXPECT_OUT(bench, part) expect_part((bench)->out, part)
#define EXPECT_ERR(bench, part) expect_part((bench)->err, part)

static inline int ctl_bench_set_up(void **state)
{
    *state = ctl_bench_new();
    return 0;
}

static inline int ctl_bench_tear_down(void **state)
{
    ctl_bench_free(*state);
    return 0;
}

/* A test whose state is a bench of its own. */
#define CTL_TEST(name) cmocka_unit_test_setup_teardown(name, ctl_bench_set_up, ctl_bench_tear_down)

#endif
