/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ports.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static uint64_t read_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static aero_mono_ns mono(void *self)
{
    (void)self;
    return (aero_mono_ns){.value = read_ns(CLOCK_MONOTONIC)};
}

static aero_wall_ms wall(void *self)
{
    (void)self;
    return (aero_wall_ms){.value = read_ns(CLOCK_REALTIME) / 1000000U};
}

static aero_id random_id(void *self)
{
    aero_id id = {{0}};
    (void)self;
    do {
        if (getrandom(id.bytes, sizeof id.bytes, 0) != (ssize_t)sizeof id.bytes) {
            fprintf(stderr, "level=fatal event=entropy_unavailable call=getrandom\n");
            abort();
        }
    } while (aero_id_is_none(id));
    return id;
}

struct aero_clock aero_clock_posix(void)
{
    return (struct aero_clock){.mono = mono, .wall = wall};
}

struct aero_entropy aero_entropy_posix(void)
{
    return (struct aero_entropy){.id = random_id};
}
