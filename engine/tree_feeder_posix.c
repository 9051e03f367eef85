/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks made ahead on a thread of its own. A stack of at most READY_MAX between the two, so what nobody took when the
 * load ends is little; whoever finds it empty makes a chunk for itself, so neither ever waits for the other. */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/slice.h"
#include "base/thread_posix.h"
#include "engine/tree_memory_priv.h"

#define READY_MAX 4

struct aero_tree_feeder {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t taken; /* or stopping */
    void *ready[READY_MAX];
    size_t ready_count;
    bool stopping;
    bool runs; /* the owner's */
};

static void *run(void *argument)
{
    struct aero_tree_feeder *feeder = argument;
    pthread_mutex_lock(&feeder->mutex);
    while (!feeder->stopping) {
        if (feeder->ready_count == READY_MAX) {
            pthread_cond_wait(&feeder->taken, &feeder->mutex);
            continue;
        }
        pthread_mutex_unlock(&feeder->mutex);
        void *chunk = aero_tree_chunk_map();
        aero_tree_span_populate(chunk, AERO_TREE_CHUNK_BYTES);
        pthread_mutex_lock(&feeder->mutex);
        feeder->ready[feeder->ready_count++] = chunk;
    }
    pthread_mutex_unlock(&feeder->mutex);
    return NULL;
}

struct aero_tree_feeder *aero_tree_feeder_new(void)
{
    struct aero_tree_feeder *feeder = aero_calloc(1, sizeof *feeder);
    pthread_mutex_init(&feeder->mutex, NULL);
    pthread_cond_init(&feeder->taken, NULL);
    feeder->runs = aero_thread_start(&feeder->thread, run, feeder) == 0; /* or slower, not wrong */
    return feeder;
}

void *aero_tree_feeder_take(struct aero_tree_feeder *feeder)
{
    void *chunk = NULL;
    pthread_mutex_lock(&feeder->mutex);
    if (feeder->ready_count > 0) {
        chunk = feeder->ready[--feeder->ready_count];
        pthread_cond_signal(&feeder->taken);
    }
    pthread_mutex_unlock(&feeder->mutex);
    return chunk;
}

void aero_tree_feeder_free(struct aero_tree_feeder *feeder)
{
    if (feeder == NULL) {
        return;
    }
    pthread_mutex_lock(&feeder->mutex);
    feeder->stopping = true;
    pthread_cond_signal(&feeder->taken);
    pthread_mutex_unlock(&feeder->mutex);
    if (feeder->runs) {
        pthread_join(feeder->thread, NULL);
    }
    while (feeder->ready_count > 0) {
        aero_tree_chunk_unmap(feeder->ready[--feeder->ready_count]);
    }
    pthread_cond_destroy(&feeder->taken);
    pthread_mutex_destroy(&feeder->mutex);
    free(feeder);
}
