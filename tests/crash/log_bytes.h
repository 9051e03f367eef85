/* SPDX-License-Identifier: Apache-2.0 */
/* A replica's log against its primary's, byte for byte (REP-2): of every segment that both have, header and whole records. */
#ifndef AERO_TESTS_CRASH_LOG_BYTES_H
#define AERO_TESTS_CRASH_LOG_BYTES_H

struct crash_explorer;
struct aero_sim_disk;

/* Judges the replica's recovered disk at the explorer's crash point. */
void crash_log_bytes_judge(struct crash_explorer *explorer, const struct aero_sim_disk *replica);

#endif
