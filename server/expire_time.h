/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines as clients give them: in seconds or milliseconds, from now or absolute. Shared by SET, GETEX and EXPIRE and their
 * relatives. "Now" is the node's expiry clock: choosing it is the primary's part, what is logged is absolute (FM-time). */
#ifndef AERO_SERVER_EXPIRE_TIME_H
#define AERO_SERVER_EXPIRE_TIME_H

#include "server/call.h"

enum aero_expire_unit {
    AERO_EXPIRE_NONE,
    AERO_EXPIRE_IN_S,
    AERO_EXPIRE_IN_MS,
    AERO_EXPIRE_AT_S,
    AERO_EXPIRE_AT_MS,
};

/* EX, PX, EXAT or PXAT and where its number stands. */
struct aero_expire_option {
    enum aero_expire_unit unit;
    size_t argument;
};

/* If argument *index is one of the four, followed by something, and none of the other three came before, remembers it
 * and moves *index to the number. */
bool aero_expire_option_take(struct aero_call *call, size_t *index,
                             struct aero_expire_option *option);
/* The deadline that it means, 0 for none. False: the error is written (no number; zero, negative or overflowing). */
bool aero_expire_option_deadline(struct aero_call *call, const struct aero_expire_option *option,
                                 uint64_t *out_deadline_ms);

/* For EXPIRE: any number is allowed, what is in the past deletes; only an overflow is not. False: it overflows. */
bool aero_expire_to_ms(const struct aero_server *server, enum aero_expire_unit unit, int64_t number,
                       int64_t *out_deadline_ms);

#endif
