/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the address of a host name without making the loop wait: a resolver may take half a minute
 * to fail.
 *
 * One question at a time, each on a short-lived thread of its own. A host with several addresses
 * is answered with the next one each time, so that one that is down does not hide the others. */
#ifndef AERO_HOST_RESOLVE_H
#define AERO_HOST_RESOLVE_H

#include <stdbool.h>

#include "host/wake.h"

#define AERO_HOST_ADDRESS_BYTES 64
#define AERO_HOST_RESOLVE_TEXT_BYTES 160

enum aero_host_resolve_state {
    AERO_RESOLVE_IDLE,
    AERO_RESOLVE_RUNNING,
    AERO_RESOLVE_FOUND,
    AERO_RESOLVE_FAILED,
};

struct aero_host_resolver;

/* `wake` is woken when an answer is there. */
struct aero_host_resolver *aero_host_resolver_new(struct aero_host_wake *wake);
/* Does not wait for an answer that is on its way: its thread finds nobody. Accepts NULL. */
void aero_host_resolver_free(struct aero_host_resolver *resolver);

/* Asserts that none is RUNNING. A numeric address is FOUND at once. */
void aero_host_resolver_ask(struct aero_host_resolver *resolver, const char *host);
/* FOUND fills out_address, FAILED fills out_text; either is told once, then IDLE. */
enum aero_host_resolve_state aero_host_resolver_take(struct aero_host_resolver *resolver,
                                                     char out_address[AERO_HOST_ADDRESS_BYTES],
                                                     char out_text[AERO_HOST_RESOLVE_TEXT_BYTES]);

#endif
