/* SPDX-License-Identifier: Apache-2.0 */
/* The program around a target: libFuzzer's two entries. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>

#define SEEDS_ARGUMENT "--seeds="

struct fuzz_seeds {
    const char *directory;
    unsigned count;
};

/* Names of libFuzzer's. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void fuzz_seed(struct fuzz_seeds *seeds, struct aero_slice bytes)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%02u", seeds->directory, seeds->count++);
    FILE *file = fopen(path, "wb");
    AERO_ASSERT(file != NULL);
    AERO_ASSERT(fwrite(bytes.data, 1, bytes.length, file) == bytes.length);
    AERO_ASSERT(fclose(file) == 0);
}

uint8_t *fuzz_copy(struct aero_slice bytes)
{
    uint8_t *copy = aero_malloc(bytes.length);
    if (bytes.length != 0) {
        memcpy(copy, bytes.data, bytes.length);
    }
    return copy;
}

uint8_t fuzz_take_u8(struct aero_slice *input)
{
    if (input->length == 0) {
        return 0;
    }
    uint8_t byte = input->data[0];
    *input = aero_slice_of(input->data + 1, input->length - 1);
    return byte;
}

uint16_t fuzz_take_u16(struct aero_slice *input)
{
    uint16_t low = fuzz_take_u8(input);
    return (uint16_t)(low | fuzz_take_u8(input) << 8);
}

struct aero_slice fuzz_take_piece(struct aero_slice *input, uint32_t *pattern)
{
    *pattern = *pattern * 1664525U + 1013904223U; /* Numerical Recipes: any full period will do */
    uint32_t random = *pattern >> 8;
    /* Mostly small pieces, which cut headers; now and then a large one. */
    size_t wanted = 1 + (random >> 4) % (random % 4 == 0 ? 65536 : 37);
    size_t length = wanted < input->length ? wanted : input->length;
    struct aero_slice piece = aero_slice_of(input->data, length);
    *input = aero_slice_of(input->data + length, input->length - length);
    return piece;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    size_t prefix = strlen(SEEDS_ARGUMENT);
    if (*argc == 2 && strncmp((*argv)[1], SEEDS_ARGUMENT, prefix) == 0) {
        struct fuzz_seeds seeds = {.directory = (*argv)[1] + prefix};
        fuzz_seeds(&seeds);
        AERO_ASSERT(seeds.count != 0);
        exit(0);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_one(aero_slice_of(data, size));
    return 0;
}
