/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands that work with a CA's directory share: the nodes' names, the CA and its list, and what is said when
 * something of it is not as it should be. Those that return false have complained. */
#ifndef AERO_CTL_CERTS_TASK_H
#define AERO_CTL_CERTS_TASK_H

#include "ctl/cert.h"
#include "ctl/ctl.h"
#include "ctl/files.h"

#define AERO_CERTS_NODES_MAX 128

struct aero_certs_task {
    const struct aero_ctl *ctl;
    const char *words; /* of the command */
    const char *directory;
    bool is_locked;
    int lock;
    const char *names[AERO_CERTS_NODES_MAX];
    size_t name_count;
    struct aero_cert_pair authority;
    struct aero_buffer list;      /* DIR/crl.pem; empty: there is none */
    struct aero_cert_crls *lists; /* the same, parsed */
};
/* Wipes, unlocks and frees. */
void aero_certs_task_deinit(struct aero_certs_task *task);

/* False: the status is an error, which is told with the path. */
bool aero_certs_went_well(const struct aero_certs_task *task, const char *path, aero_status status);
/* False: "DIRECTORY/NAME" is too long. */
bool aero_certs_fits(const struct aero_certs_task *task, const char *directory, const char *name,
                     char out_path[AERO_CTL_PATH_MAX]);
/* Appends DIRECTORY/NAME; a file that is not there is none, and no error. */
bool aero_certs_read_file(const struct aero_certs_task *task, const char *directory,
                          const char *name, struct aero_buffer *out_bytes, bool *out_found);

/* So that two runs do not make their lists of the same one, and one of them is lost. False: another run has DIR. Where it cannot
 * be opened, those that read it tell why. */
bool aero_certs_lock(struct aero_certs_task *task);
/* Those behind --node, which may be repeated, and behind DIR. False: bad usage. */
bool aero_certs_read_names(struct aero_certs_task *task, const struct aero_options *given);
/* ca.crt and ca.key; *out_found false: neither is there. */
bool aero_certs_read_authority(struct aero_certs_task *task, bool *out_found);
/* crl.pem, which the CA must have signed. */
bool aero_certs_read_list(struct aero_certs_task *task);
/* What aero_cert_check_authority and those that sign say about it. */
void aero_certs_complain_of_authority(const struct aero_certs_task *task, aero_status status);

#endif
