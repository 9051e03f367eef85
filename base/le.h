/* SPDX-License-Identifier: Apache-2.0 */
/* Little-endian loads and stores: every number on disk and on the wire passes through here. */
#ifndef AERO_BASE_LE_H
#define AERO_BASE_LE_H

#include <stdint.h>
#include <string.h>

static inline void aero_store_u16(uint8_t *out, uint16_t value)
{
    out[0] = (uint8_t)value;
    out[1] = (uint8_t)(value >> 8);
}

static inline void aero_store_u32(uint8_t *out, uint32_t value)
{
    aero_store_u16(out, (uint16_t)value);
    aero_store_u16(out + 2, (uint16_t)(value >> 16));
}

static inline void aero_store_u64(uint8_t *out, uint64_t value)
{
    aero_store_u32(out, (uint32_t)value);
    aero_store_u32(out + 4, (uint32_t)(value >> 32));
}

static inline uint16_t aero_load_u16(const uint8_t *in)
{
    return (uint16_t)(in[0] | in[1] << 8);
}

static inline uint32_t aero_load_u32(const uint8_t *in)
{
    return (uint32_t)aero_load_u16(in) | (uint32_t)aero_load_u16(in + 2) << 16;
}

static inline uint64_t aero_load_u64(const uint8_t *in)
{
    return (uint64_t)aero_load_u32(in) | (uint64_t)aero_load_u32(in + 4) << 32;
}

#endif
