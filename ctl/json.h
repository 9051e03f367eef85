/* SPDX-License-Identifier: Apache-2.0 */
/* What `--json` of several commands shares. Objects belong to json-c: json_object_put frees them. */
#ifndef AERO_CTL_JSON_H
#define AERO_CTL_JSON_H

#include <json-c/json.h>

#include "base/units.h"
#include "ctl/ctl.h"
#include "ctl/reply.h"

void aero_ctl_json_text(struct json_object *object, const char *name, const char *text);
void aero_ctl_json_u64(struct json_object *object, const char *name, uint64_t value);
void aero_ctl_json_bool(struct json_object *object, const char *name, bool value);
/* Chain values and hashes: 16 hexadecimal digits, since JSON readers lose bits of large numbers. */
void aero_ctl_json_hex(struct json_object *object, const char *name, uint64_t value);
void aero_ctl_json_id(struct json_object *object, const char *name, aero_id id);
/* A number if it is one by name and form (not an id, a digest or a name of digits), else a string. */
void aero_ctl_json_field(struct json_object *object, const struct aero_ctl_field *field);
/* Bytes of any kind as text: what is no printable ASCII becomes \xHH. */
void aero_ctl_print_bytes(FILE *out, struct aero_slice bytes);
void aero_ctl_json_bytes(struct json_object *object, const char *name, struct aero_slice bytes);
/* Prints and frees. */
void aero_ctl_json_finish(const struct aero_ctl *ctl, struct json_object *object);

#endif
