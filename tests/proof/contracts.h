/* SPDX-License-Identifier: Apache-2.0 */
/* What the codecs build on, as contracts: assumed here, shown by the unit tests of base/. */
#ifndef AERO_TESTS_PROOF_CONTRACTS_H
#define AERO_TESTS_PROOF_CONTRACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An assertion holds wherever it stands. */
/*@ requires \false;
    assigns \nothing;
    exits \false; */
_Noreturn void aero_assert_failed(const char *expression, const char *file, int line);

/*@ axiomatic LittleEndian {
      logic integer u32_at{L}(uint8_t *p) reads p[0 .. 3];
      logic integer u64_at{L}(uint8_t *p) reads p[0 .. 7];
      axiom u64_same{A, B}: \forall uint8_t *p;
          (\forall integer i; 0 <= i < 8 ==> \at(p[i], A) == \at(p[i], B)) ==> u64_at{A}(p) == u64_at{B}(p);
    } */

/*@ requires \valid_read(in + (0 .. 3));
    assigns \nothing;
    exits \false;
    ensures \result == u32_at(in); */
static inline uint32_t aero_load_u32(const uint8_t *in);

/*@ requires \valid_read(in + (0 .. 7));
    assigns \nothing;
    exits \false;
    ensures \result == u64_at(in); */
static inline uint64_t aero_load_u64(const uint8_t *in);

/*@ requires \valid(out + (0 .. 3));
    assigns out[0 .. 3];
    exits \false;
    ensures u32_at(out) == value; */
static inline void aero_store_u32(uint8_t *out, uint32_t value);

/*@ requires \valid(out + (0 .. 7));
    assigns out[0 .. 7];
    exits \false;
    ensures u64_at(out) == value; */
static inline void aero_store_u64(uint8_t *out, uint64_t value);

#include "base/le.h"
#include "base/slice.h"
#include "base/status.h"
#include "base/units.h"

/* The model of memory knows no pointer to void: the same without one. */
#define aero_slice_of(start, count) ((struct aero_slice){.data = (start), .length = (count)})
#define memcpy(to, from, count) copy_bytes(to, from, count)
#define memset(to, value, count) fill_bytes(to, value, count)

/*@ predicate readable{L}(uint8_t *bytes, integer count) =
        count <= 0 || \valid_read(bytes + (0 .. count - 1)); */

/*@ requires \valid(to + (0 .. count - 1)) && readable(from, count);
    requires \separated(to + (0 .. count - 1), from + (0 .. count - 1));
    assigns to[0 .. count - 1];
    exits \false; */
void copy_bytes(uint8_t *to, const uint8_t *from, size_t count);

/*@ requires \valid(to + (0 .. count - 1));
    assigns to[0 .. count - 1];
    exits \false; */
void fill_bytes(uint8_t *to, int value, size_t count);

/*@ requires readable(slice.data, slice.length);
    assigns \nothing;
    exits \false; */
static inline bool aero_slice_is_zero(struct aero_slice slice);

/*@ requires readable(bytes.data, bytes.length);
    assigns \nothing;
    exits \false; */
uint64_t aero_checksum64(struct aero_slice bytes);

/*@ assigns \nothing;
    exits \false;
    ensures \result.code == AERO_OK; */
static inline aero_status aero_ok(void);

/*@ assigns \nothing;
    exits \false;
    ensures \result.code == code; */
static inline aero_status aero_error(enum aero_code code);

/*@ assigns \nothing;
    exits \false;
    ensures \result <==> status.code == AERO_OK; */
static inline bool aero_is_ok(aero_status status);

/*@ assigns \nothing;
    exits \false;
    ensures \result.value == value; */
static inline aero_lsn aero_lsn_of(uint64_t value);

/*@ predicate is_none(aero_id id) = \forall integer i; 0 <= i < 16 ==> id.bytes[i] == 0; */

/*@ assigns \nothing;
    exits \false;
    ensures \result <==> is_none(id); */
static inline bool aero_id_is_none(aero_id id);

#endif
