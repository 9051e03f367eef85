/* SPDX-License-Identifier: Apache-2.0 */
/* A salvage step by step, over disks of which the test says how they fail. */
#ifndef AERO_TESTS_SALVAGE_SCENE_H
#define AERO_TESTS_SALVAGE_SCENE_H

#include "ctl/salvage_act.h"
#include "tests/unit/ctl/failing_disk.h"
#include "tests/unit/ctl/salvage_bench.h"

/* The two directories, open, and what salvage would do with them; the test sets how the disks fail. */
struct scene {
    struct aero_disk_posix *posix[2]; /* of the primary, of the replica */
    struct failing_disk disks[2];
    struct aero_manifest manifests[2];
    struct aero_salvage_log logs[2];
    struct aero_salvage_plan plan;
    struct aero_salvage_failure failure;
};

enum { MINE, THEIRS };

static inline void scene_open(struct ctl_bench *bench, struct scene *scene)
{
    char path[AERO_CTL_PATH_MAX];
    *scene = (struct scene){0};
    data_ok(aero_disk_posix_open(ctl_bench_path(bench, "p", path), false, &scene->posix[MINE]));
    data_ok(
        aero_disk_posix_open_read_only(ctl_bench_path(bench, "r", path), &scene->posix[THEIRS]));
    read_manifest(bench, "p", &scene->manifests[MINE]);
    read_manifest(bench, "r", &scene->manifests[THEIRS]);
    for (int i = MINE; i <= THEIRS; i++) {
        scene->disks[i] =
            (struct failing_disk){.inner = aero_disk_posix_port(scene->posix[i]), .code = AERO_IO};
    }
}

static inline aero_status scene_read(struct scene *scene)
{
    const struct aero_salvage_source sources[] = {{.disk = failing_port(&scene->disks[MINE])},
                                                  {.disk = failing_port(&scene->disks[THEIRS])}};
    return aero_salvage_read(&sources[MINE], &sources[THEIRS], &scene->logs[MINE],
                             &scene->logs[THEIRS]);
}

static inline struct aero_salvage_side scene_side(const struct scene *scene, int who)
{
    return (struct aero_salvage_side){.log = &scene->logs[who], .manifest = &scene->manifests[who]};
}

static inline void scene_plan(struct scene *scene)
{
    const struct aero_salvage_side mine = scene_side(scene, MINE);
    const struct aero_salvage_side theirs = scene_side(scene, THEIRS);
    data_ok(scene_read(scene));
    aero_salvage_plan_make(&mine, &theirs, &scene->plan);
    assert_int_equal(scene->plan.outcome, AERO_SALVAGE_POSSIBLE);
    for (int i = MINE; i <= THEIRS; i++) {
        scene->disks[i].changes = 0;
        scene->disks[i].readings = 0;
    }
}

static inline aero_status scene_act(struct scene *scene)
{
    const struct aero_salvage_side mine = scene_side(scene, MINE);
    return aero_salvage_act(failing_port(&scene->disks[MINE]), failing_port(&scene->disks[THEIRS]),
                            &scene->plan, &mine, &scene->failure);
}

static inline void scene_close(struct scene *scene)
{
    aero_salvage_plan_deinit(&scene->plan);
    for (int i = MINE; i <= THEIRS; i++) {
        aero_salvage_log_deinit(&scene->logs[i]);
        aero_manifest_deinit(&scene->manifests[i]);
        aero_disk_posix_close(scene->posix[i]);
    }
}

#endif
