/* SPDX-License-Identifier: Apache-2.0 */
/* As much of RESP2 as a client needs: commands out, replies in. Apart from proto/, which it checks. */
#ifndef AERO_TESTS_SIMULATION_RESP_LITE_H
#define AERO_TESTS_SIMULATION_RESP_LITE_H

#include <stdbool.h>

#include "base/slice.h"

void aero_sim_resp_append_command(struct aero_buffer *out_bytes, size_t count,
                                  const char *const words[]);
/* The same with a last argument of any bytes. */
void aero_sim_resp_append_command_with(struct aero_buffer *out_bytes, size_t count,
                                       const char *const words[], struct aero_slice last);
/* Bytes of the one complete reply at the front; 0: incomplete. SIZE_MAX: not RESP. */
size_t aero_sim_resp_length(struct aero_slice bytes);
/* The bytes of a bulk string; data is NULL for a null one and for anything else. */
struct aero_slice aero_sim_resp_bulk(struct aero_slice reply);
/* Element `index` of an array; empty when there is none. */
struct aero_slice aero_sim_resp_element(struct aero_slice reply, size_t index);
/* Of ":12\r\n". */
bool aero_sim_resp_integer(struct aero_slice reply, long long *out_value);
/* Of "$2\r\n12\r\n"; 0 for a null one. */
uint32_t aero_sim_resp_number(struct aero_slice reply);
bool aero_sim_resp_is_error(struct aero_slice reply, const char *code);

#endif
