/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/equivalence/twin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/le.h"
#include "engine/recovery.h"
#include "tests/simulation/resp_lite.h"

#define SEGMENT_BYTES_DEFAULT 65536U
#define VALUE_BYTES 700U /* a record spans sectors, so that each may be torn */
#define QUEUE_BYTES 131072U
#define NOW_FIRST_NS 1000000000U
#define WALL_MS 1700000000000U

static const char *const switch_keys[AERO_TWIN_SWITCH_COUNT] = {
    "group_commit",          "wal_batching",   "overlapped_sync", "wal_recycle",
    "checkpoint_pipelining", "read_fast_path", "tail_streaming",  "ship_groups",
};

const char *aero_twin_switch_key(uint32_t index)
{
    AERO_ASSERT(index < AERO_TWIN_SWITCH_COUNT);
    return switch_keys[index];
}

void aero_twin_wal_switches(uint32_t switches, struct aero_wal_switches *out_switches)
{
    *out_switches = (struct aero_wal_switches){
        .group_commit = (switches & AERO_TWIN_GROUP_COMMIT) != 0,
        .wal_batching = (switches & AERO_TWIN_WAL_BATCHING) != 0,
        .overlapped_sync = (switches & AERO_TWIN_OVERLAPPED_SYNC) != 0,
        .wal_recycle = (switches & AERO_TWIN_WAL_RECYCLE) != 0,
    };
}

/* ---- Birth and death ----------------------------------------------------------------------------------------- */

static aero_id next_id(struct aero_twin *twin)
{
    aero_id id = {{0}};
    aero_store_u64(id.bytes, ++twin->entropy);
    aero_store_u64(id.bytes + 8, 7);
    return id;
}

struct aero_sim_disk *aero_twin_new_disk(struct aero_choice *choice)
{
    const struct aero_sim_disk_options options = {.name = "twin"};
    struct aero_sim_disk *disk = aero_sim_disk_new(&options, choice, NULL);
    const struct aero_manifest manifest = {
        .cluster_id = {{1}},
        .node_id = {{2}},
        .node_name = "twin",
        .role = AERO_ROLE_PRIMARY,
        .epoch = {.value = 1},
    };
    aero_status status = aero_create(aero_sim_disk_port(disk), &manifest);
    AERO_ASSERT(aero_is_ok(status));
    return disk;
}

static bool write_log(void *self, struct aero_slice line)
{
    (void)self;
    (void)line;
    return true;
}

static aero_wall_ms read_wall(void *self)
{
    (void)self;
    return (aero_wall_ms){.value = WALL_MS};
}

static bool begin(struct aero_twin *twin, struct aero_recovered *recovered,
                  const struct aero_recovery_report *report)
{
    const struct aero_twin_options *options = &twin->options;
    struct aero_primary_options core = {
        .wal = {.segment_bytes =
                    options->segment_bytes != 0 ? options->segment_bytes : SEGMENT_BYTES_DEFAULT,
                .queue_bytes = QUEUE_BYTES},
        .checkpoint = {.snapshots_kept = options->kept_snapshots != 0 ? options->kept_snapshots : 2,
                       .recycle = (options->switches & AERO_TWIN_WAL_RECYCLE) != 0,
                       .pipelined = (options->switches & AERO_TWIN_CHECKPOINT_PIPELINING) != 0},
        .read_fast_path = (options->switches & AERO_TWIN_READ_FAST_PATH) != 0,
        .open_writes_after_cut = true,
    };
    aero_twin_wal_switches(options->switches, &core.wal.switches);
    aero_server_options_default(&core.server);
    core.server.run_id = next_id(twin);
    aero_status status = aero_primary_begin_incarnation(aero_sim_disk_port(twin->disk), recovered,
                                                        report, true, next_id(twin));
    if (aero_is_ok(status)) {
        twin->primary = aero_primary_new(&core, recovered, next_id(twin), &twin->logger);
    }
    return aero_is_ok(status);
}

bool aero_twin_open(struct aero_twin *twin, const struct aero_twin_options *options,
                    struct aero_twin_story *story, struct aero_sim_disk *disk, uint64_t life)
{
    struct aero_recovered recovered;
    struct aero_recovery_report report = {.text = ""};
    *twin = (struct aero_twin){.options = *options,
                               .story = story,
                               .first_command = story->count,
                               .disk = disk,
                               .hands = {.disk = disk},
                               .entropy = life << 32,
                               .now_ns = NOW_FIRST_NS};
    aero_logger_init(&twin->logger, (struct aero_log_sink){.write = write_log},
                     (struct aero_clock){.wall = read_wall}, AERO_LOG_KEY_VALUE, AERO_LOG_ERROR);
    if (!aero_is_ok(aero_recover(aero_sim_disk_port(disk), NULL, &recovered, &report))) {
        return false;
    }
    twin->started_with = recovered.end.lsn;
    bool began = begin(twin, &recovered, &report);
    aero_recovered_deinit(&recovered);
    if (!began) {
        return false;
    }
    for (uint32_t i = 0; i < AERO_TWIN_CLIENTS; i++) {
        twin->sessions[i] = aero_session_open(
            aero_primary_server(twin->primary),
            &(struct aero_session_options){
                .peer_address = "client", .local_address = "twin", .trusted = true});
    }
    aero_twin_turn(twin);
    return true;
}

void aero_twin_close(struct aero_twin *twin)
{
    if (!aero_sim_disk_is_crashed(twin->disk)) {
        aero_sim_disk_crash(twin->disk, AERO_SIM_KILL);
    }
    for (uint32_t i = 0; i < AERO_TWIN_CLIENTS; i++) {
        aero_session_close(twin->sessions[i]);
        aero_buffer_deinit(&twin->heard[i]);
    }
    aero_hands_drop(&twin->hands);
    aero_primary_free(twin->primary);
    twin->primary = NULL;
}

/* ---- Clients ------------------------------------------------------------------------------------------------- */

static uint32_t read_number(const char **text)
{
    uint32_t number = 0;
    while (**text >= '0' && **text <= '9') {
        number = number * 10 + (uint32_t)(*(*text)++ - '0');
    }
    return number;
}

static void append_write(struct aero_buffer *bytes, uint32_t id, uint32_t length)
{
    char key[16];
    char number[16];
    char *value = aero_malloc(length + 1U);
    snprintf(key, sizeof key, "k%u", id);
    snprintf(number, sizeof number, "%u", id);
    memset(value, 'v', length);
    memcpy(value, number, strlen(number));
    value[length] = '\0';
    aero_sim_resp_append_command(bytes, 5,
                                 (const char *const[]){"MSET", key, value, "shared", number});
    free(value);
}

static void say(struct aero_twin *twin, const struct aero_twin_command *command, uint32_t length)
{
    struct aero_buffer bytes = {0};
    char key[16];
    snprintf(key, sizeof key, "k%u", command->id);
    switch (command->what) {
    case 'w':
        append_write(&bytes, command->id, length);
        break;
    case 'r':
        aero_sim_resp_append_command(&bytes, 2, (const char *const[]){"GET", "shared"});
        break;
    case 'o':
        aero_sim_resp_append_command(&bytes, 2, (const char *const[]){"GET", key});
        break;
    default:
        AERO_ASSERT(command->what == 'c');
        aero_sim_resp_append_command(&bytes, 1, (const char *const[]){"AERO.CHECKPOINT"});
    }
    aero_session_on_input(twin->sessions[command->client - 'A'], aero_buffer_slice(&bytes));
    aero_buffer_deinit(&bytes);
}

bool aero_twin_feed(struct aero_twin *twin, const char **text)
{
    while (**text == ' ') {
        (*text)++;
    }
    if (**text == '\0' || **text == '|') {
        return false;
    }
    if (**text == ',') {
        (*text)++;
        aero_twin_turn(twin);
        return true;
    }
    struct aero_twin_story *story = twin->story;
    AERO_ASSERT(story->count < AERO_TWIN_COMMANDS_MAX);
    struct aero_twin_command *command = &story->commands[story->count++];
    *command = (struct aero_twin_command){
        .client = (*text)[0], .what = (*text)[1], .told = AERO_TWIN_NOTHING};
    AERO_ASSERT(command->client >= 'A' && command->client < 'A' + AERO_TWIN_CLIENTS);
    *text += 2;
    command->id = read_number(text);
    AERO_ASSERT(command->id < AERO_TWIN_IDS_MAX);
    uint32_t length = VALUE_BYTES;
    if (**text == 'x') {
        (*text)++;
        length = read_number(text);
    }
    say(twin, command, length);
    return true;
}

static struct aero_twin_command *next_unanswered(struct aero_twin *twin, char client)
{
    for (uint32_t i = twin->first_command; i < twin->story->count; i++) {
        struct aero_twin_command *command = &twin->story->commands[i];
        if (command->client == client && command->told == AERO_TWIN_NOTHING) {
            return command;
        }
    }
    AERO_UNREACHABLE("a reply that nobody asked for");
}

static uint32_t number_of(struct aero_slice bulk)
{
    char text[16] = "";
    size_t length = bulk.length < sizeof text - 1 ? bulk.length : sizeof text - 1;
    if (bulk.data == NULL) {
        return 0;
    }
    memcpy(text, bulk.data, length);
    const char *at = text;
    return read_number(&at);
}

static void hear_reply(struct aero_twin *twin, char client, struct aero_slice reply)
{
    struct aero_twin_command *command = next_unanswered(twin, client);
    if (aero_sim_resp_is_error(reply, "NOTWRITTEN")) {
        command->told = AERO_TWIN_NOT_WRITTEN;
    } else if (aero_sim_resp_is_error(reply, "UNKNOWN")) {
        command->told = AERO_TWIN_UNKNOWN;
    } else if (reply.data[0] == '-') {
        command->told = AERO_TWIN_REFUSED;
    } else {
        command->told = AERO_TWIN_OK;
        command->shown = number_of(aero_sim_resp_bulk(reply));
    }
}

static void hear(struct aero_twin *twin, uint32_t client)
{
    struct aero_session *session = twin->sessions[client];
    struct aero_slice output = aero_session_output(session);
    struct aero_buffer *heard = &twin->heard[client];
    aero_buffer_append_slice(heard, output);
    aero_session_sent(session, output.length);
    size_t length;
    while ((length = aero_sim_resp_length(aero_buffer_slice(heard))) > 0) {
        AERO_ASSERT(length != SIZE_MAX);
        hear_reply(twin, (char)('A' + client), aero_slice_of(heard->data, length));
        aero_buffer_consume(heard, length);
    }
}

/* ---- Turns --------------------------------------------------------------------------------------------------- */

void aero_twin_turn(struct aero_twin *twin)
{
    struct aero_primary *primary = twin->primary;
    struct aero_core_request request;
    aero_primary_tick(primary, (aero_mono_ns){twin->now_ns}, (aero_wall_ms){WALL_MS});
    while (aero_primary_wants_entropy(primary)) {
        aero_primary_give_entropy(primary, next_id(twin));
    }
    aero_server_resume(aero_primary_server(primary));
    do {
        aero_primary_end_turn(primary);
        while (aero_primary_next_request(primary, &request)) {
            aero_hands_take(&twin->hands, &request);
        }
    } while (aero_primary_has_idle_work(primary));
    while (aero_server_next_ready(aero_primary_server(primary)) != NULL) {
    }
    for (uint32_t i = 0; i < AERO_TWIN_CLIENTS; i++) {
        hear(twin, i);
    }
}

bool aero_twin_wait(struct aero_twin *twin)
{
    twin->now_ns += 1100000000U;
    aero_twin_turn(twin);
    return twin->hands.job_count > 0;
}

void aero_twin_run(struct aero_twin *twin, const struct aero_step *step)
{
    enum aero_core_owner owner;
    struct aero_disk_completion completion;
    if (aero_hands_run(&twin->hands, step, &owner, &completion)) {
        aero_primary_on_completion(twin->primary, owner, &completion);
        aero_twin_turn(twin);
    }
}
