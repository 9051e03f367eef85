/* SPDX-License-Identifier: Apache-2.0 */
/* What stands between a command line and a node that serves, and how it is told: in the exit code and in one line. */
#include "tests/unit/engine/recovery_world.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "base/le.h"
#include "host/start.h"
#include "server/config_keys.h"
#include "tests/unit/kept_log.h"
#include "tests/unit/set_key.h"
#include "tests/unit/shipping/certs.h"

#define NOBODY 65534
#define ARGUMENTS_MAX 8

static const struct aero_option options[] = {
    AERO_OPTIONS_DAEMON,
    {.name = "replication-port", .argument = "N", .config_key = "replication_port", .help = "-"},
};

static const struct aero_program program = {
    .name = "test",
    .summary = "-",
    .more_help = AERO_HOST_EXIT_CODES_HELP,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
};

struct bench {
    struct aero_host_start start;
    struct aero_buffer log;
    char directory[CERTS_DIRECTORY_BYTES];
    char certs[CERTS_DIRECTORY_BYTES + 16]; /* in it */
};

static int set_up(void **state)
{
    struct bench *bench = aero_calloc(1, sizeof *bench);
    certs_make_directory(bench->directory);
    snprintf(bench->certs, sizeof bench->certs, "%s/certs", bench->directory);
    bench->start.table = aero_config_keys_primary();
    bench->start.config = aero_config_new(bench->start.table);
    aero_logger_init(&bench->start.logger, kept_log_sink(&bench->log), aero_clock_posix(),
                     AERO_LOG_KEY_VALUE, AERO_LOG_INFO);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    if (bench->start.disk != NULL) {
        aero_disk_posix_close(bench->start.disk);
    }
    aero_config_free(bench->start.config);
    aero_buffer_deinit(&bench->log);
    certs_remove_directory(bench->certs);
    rmdir(bench->directory);
    free(bench);
    return 0;
}

static void write_certs(struct bench *bench, const char *name)
{
    struct authority authority = certs_authority("authority");
    certs_write_named(bench->certs, &authority, name);
    certs_authority_free(&authority);
}

/* ---- The command line ---- */

static int run_count;

static int run_it(struct aero_host_start *start)
{
    assert_non_null(start->host_config);
    run_count++;
    return 42;
}

/* The exit code of a daemon's main; what it prints is in out_text. */
static int run_main(const char *const *arguments, char out_text[4096])
{
    char *words[ARGUMENTS_MAX + 1] = {"test"};
    int count = 1;
    FILE *printed = tmpfile();
    int out_before = dup(STDOUT_FILENO);
    int err_before = dup(STDERR_FILENO);
    for (; arguments[count - 1] != NULL; count++) {
        assert_true(count < ARGUMENTS_MAX);
        words[count] = (char *)arguments[count - 1];
    }
    fflush(stdout);
    dup2(fileno(printed), STDOUT_FILENO);
    dup2(fileno(printed), STDERR_FILENO);
    int exit_code = aero_host_main(&program, aero_config_keys_primary(), count, words, run_it);
    fflush(stdout);
    dup2(out_before, STDOUT_FILENO);
    dup2(err_before, STDERR_FILENO);
    close(out_before);
    close(err_before);
    rewind(printed);
    size_t length = fread(out_text, 1, 4095, printed);
    out_text[length] = '\0';
    fclose(printed);
    return exit_code;
}

static void test_main_ends_with_one_line_or_runs(void **state)
{
    struct bench *bench = *state;
    char text[4096];
    const char *none = "/nowhere";
    write_certs(bench, "node");
    const struct {
        const char *arguments[ARGUMENTS_MAX];
        int exit_code;
        const char *text;
    } cases[] = {
        {{"--frobnicate", NULL}, AERO_EXIT_USAGE, "frobnicate"},
        {{"--port", "many", NULL}, AERO_EXIT_USAGE, "many"},
        {{"--replication-port", "0", NULL}, AERO_EXIT_USAGE, "no data directory"},
        {{"--data", ".", "--replication-port", "0", "--check-config", NULL},
         AERO_EXIT_OK,
         "the configuration is valid"},
        {{"--data", ".", "--certs", none, "--check-config", NULL},
         AERO_EXIT_USAGE,
         "certificates_refused"},
        {{"--data", ".", "--certs", bench->certs, "--check-config", NULL},
         AERO_EXIT_OK,
         "the configuration is valid"},
        {{"--data", ".", "--replication-port", "0", NULL}, 42, "event=stopped exit_code=42"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        run_count = 0;
        assert_int_equal(run_main(cases[i].arguments, text), cases[i].exit_code);
        assert_non_null(strstr(text, cases[i].text));
        assert_int_equal(run_count, cases[i].exit_code == 42);
    }
}

/* ---- The data directory ---- */

static void test_open_says_why_a_directory_will_not_do(void **state)
{
    struct bench *bench = *state;
    char below[CERTS_DIRECTORY_BYTES + 16];
    char loop[CERTS_DIRECTORY_BYTES + 16];
    char file[CERTS_DIRECTORY_BYTES + 16];
    snprintf(below, sizeof below, "%s/no/data", bench->directory);
    snprintf(loop, sizeof loop, "%s/loop", bench->directory);
    snprintf(file, sizeof file, "%s/file", bench->directory);
    assert_int_equal(symlink(loop, loop), 0);
    close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    const struct {
        const char *path;
        bool create;
        int exit_code;
        const char *text;
    } cases[] = {
        {below, false, AERO_EXIT_DATA, "a new history is created by aerodb-primary --init"},
        {below, true, AERO_EXIT_DATA, "the directory above it does not exist"},
        {file, true, AERO_EXIT_DATA, "check its path and permissions"},
        {loop, true, AERO_EXIT_FAILURE, "look at the path, at the file lock there"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int exit_code = -1;
        set_key(bench->start.config, "data_dir", cases[i].path);
        assert_false(aero_host_start_open(&bench->start, cases[i].create, &exit_code));
        assert_int_equal(exit_code, cases[i].exit_code);
        assert_true(kept_log_take(&bench->log, cases[i].text));
    }
    unlink(loop);
    unlink(file);
}

static void test_open_of_a_directory_of_somebody_else_is_refused(void **state)
{
    struct bench *bench = *state;
    int exit_code = -1;
    bool was_root = geteuid() == 0;
    char data[CERTS_DIRECTORY_BYTES + 16];
    snprintf(data, sizeof data, "%s/data", bench->directory);
    assert_int_equal(mkdir(data, 0700), 0);
    set_key(bench->start.config, "data_dir", data);
    assert_int_equal(chmod(bench->directory, 0), 0);
    if (was_root) {
        assert_int_equal(seteuid(NOBODY), 0);
    }
    bool opened = aero_host_start_open(&bench->start, false, &exit_code);
    if (was_root) {
        assert_int_equal(seteuid(0), 0);
    }
    assert_int_equal(chmod(bench->directory, 0700), 0);
    assert_false(opened);
    assert_int_equal(exit_code, AERO_EXIT_DATA);
    assert_true(kept_log_has(&bench->log, "check its path and permissions"));
    assert_true(kept_log_take(&bench->log, "permission denied"));
    rmdir(data);
}

static void test_open_locks_against_a_second_process(void **state)
{
    struct bench *bench = *state;
    struct aero_host_start second = bench->start;
    int exit_code = -1;
    char lock[CERTS_DIRECTORY_BYTES + 16];
    set_key(bench->start.config, "data_dir", bench->directory);
    assert_true(aero_host_start_open(&bench->start, true, &exit_code));
    second.disk = NULL;
    assert_false(aero_host_start_open(&second, true, &exit_code));
    assert_int_equal(exit_code, AERO_EXIT_LOCKED);
    assert_true(kept_log_take(&bench->log, "one directory, one process"));
    snprintf(lock, sizeof lock, "%s/lock", bench->directory);
    unlink(lock);
}

/* ---- Creating ---- */

static void test_create_takes_the_name_from_where_it_can(void **state)
{
    struct bench *bench = *state;
    char host[256] = "";
    int exit_code;
    assert_int_equal(gethostname(host, sizeof host - 1), 0);
    write_certs(bench, "of-the-certificate");
    const struct {
        const char *node_name;
        const char *certs_dir;
        const char *name;
    } cases[] = {
        {"", "", host},
        {"", bench->certs, "of-the-certificate"},
        {"given", bench->certs, "given"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct power_disk *disk = power_disk_new();
        bench->start.port = power_disk_port(disk);
        set_key(bench->start.config, "node_name", cases[i].node_name);
        set_key(bench->start.config, "certs_dir", cases[i].certs_dir);
        assert_true(aero_host_start_create(&bench->start, AERO_ROLE_PRIMARY, &exit_code));
        struct outcome outcome = recover(disk);
        assert_int_equal(outcome.status.code, AERO_OK);
        assert_string_equal(outcome.recovered.manifest.node_name, cases[i].name);
        outcome_free(&outcome);
        power_disk_free(disk);
    }
}

static void test_create_with_bad_certificates_creates_nothing(void **state)
{
    struct bench *bench = *state;
    struct power_disk *disk = power_disk_new();
    int exit_code = -1;
    bench->start.port = power_disk_port(disk);
    set_key(bench->start.config, "certs_dir", "/nowhere");
    assert_false(aero_host_start_create(&bench->start, AERO_ROLE_PRIMARY, &exit_code));
    assert_int_equal(exit_code, AERO_EXIT_FAILURE);
    assert_int_equal(disk->seen.count, 0);
    assert_true(kept_log_take(&bench->log, "certificates_refused"));
    power_disk_free(disk);
}

static void test_create_says_why_it_could_not(void **state)
{
    struct bench *bench = *state;
    static const struct {
        const char *file; /* that is there already */
        int exit_code;
        const char *text;
    } cases[] = {
        {"manifest", AERO_EXIT_DATA, "start without --init"},
        {"letter", AERO_EXIT_DATA, "give an empty directory"},
        {NULL, AERO_EXIT_FAILURE, "check the directory and the disk"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct power_disk *disk = power_disk_new();
        int exit_code = -1;
        bench->start.port = power_disk_port(disk);
        set_key(bench->start.config, "node_name", "node");
        if (cases[i].file == NULL) {
            power_disk_fail_call(disk, 1, aero_error(AERO_IO));
        } else {
            power_put(disk, cases[i].file, aero_slice_text("?"));
        }
        assert_false(aero_host_start_create(&bench->start, AERO_ROLE_REPLICA, &exit_code));
        assert_int_equal(exit_code, cases[i].exit_code);
        assert_true(kept_log_take(&bench->log, cases[i].text));
        power_disk_free(disk);
    }
}

/* ---- Recovering ---- */

/* What a start finds on this disk. */
static bool recover_from(struct bench *bench, struct power_disk *disk, enum aero_role role,
                         int *out_exit_code)
{
    struct aero_recovered recovered;
    struct aero_recovery_report report;
    bool is_empty = true;
    *out_exit_code = -1;
    bench->start.port = power_disk_port(disk);
    bool good =
        aero_host_start_recover(&bench->start, role, &recovered, &report, &is_empty, out_exit_code);
    assert_false(is_empty);
    if (good) {
        aero_recovered_deinit(&recovered);
    }
    return good;
}

/* Nothing is lost, and the operator hears that a second fault would have been one too many. */
static void test_recover_tells_of_damage_that_it_could_do_without(void **state)
{
    struct bench *bench = *state;
    int exit_code;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    assert_true(recover_from(bench, world.power, AERO_ROLE_PRIMARY, &exit_code));
    assert_false(kept_log_has(&bench->log, "level=warn"));
    flip(world.power, snapshot_name(&world, 1), 300);
    assert_true(recover_from(bench, world.power, AERO_ROLE_PRIMARY, &exit_code));
    assert_true(kept_log_take(&bench->log, "level=warn event=older_snapshot_used"));
    flip(world.power, "manifest", 99);
    assert_true(recover_from(bench, world.power, AERO_ROLE_PRIMARY, &exit_code));
    assert_true(kept_log_take(&bench->log, "level=warn event=manifest_slot_rewritten"));
    world_free(&world);
}

static void test_recover_refuses_a_directory_of_the_other_role_and_says_what_serves_it(void **state)
{
    struct bench *bench = *state;
    static const struct {
        enum aero_role made_for;
        enum aero_role started_as;
        const char *reason;
        const char *advice;
    } cases[] = {
        {AERO_ROLE_REPLICA, AERO_ROLE_PRIMARY, "this directory belongs to a replica",
         "start it with aerodb-replica"},
        {AERO_ROLE_PRIMARY, AERO_ROLE_REPLICA, "this directory belongs to a primary",
         "start it with aerodb-primary"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int exit_code;
        struct world world = two_snapshots(cases[i].made_for);
        uint64_t changes = world.power->changes;
        assert_false(recover_from(bench, world.power, cases[i].started_as, &exit_code));
        assert_int_equal(exit_code, AERO_EXIT_DATA);
        assert_int_equal(world.power->changes, changes);
        assert_false(kept_log_has(&bench->log, "event=recovered"));
        assert_true(kept_log_has(&bench->log, cases[i].advice));
        assert_true(kept_log_take(&bench->log, cases[i].reason));
        world_free(&world);
    }
}

/* As the look at the role does, before recovery. */
static uint64_t calls_to_read_manifest(struct power_disk *disk)
{
    struct aero_manifest manifest;
    struct aero_manifest_found found;
    uint64_t before = disk->calls;
    assert_true(aero_is_ok(aero_manifest_read(power_disk_port(disk), &manifest, &found)));
    aero_manifest_deinit(&manifest);
    return disk->calls - before;
}

/* History: "nothing was changed", of a disk that failed where recovery had begun to write. */
static void test_recover_tells_a_disk_that_fails_from_data_that_is_damaged(void **state)
{
    struct bench *bench = *state;
    int exit_code;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    power_disk_fail_call(world.power, calls_to_read_manifest(world.power) + 1, aero_error(AERO_IO));
    assert_false(recover_from(bench, world.power, AERO_ROLE_PRIMARY, &exit_code));
    assert_int_equal(exit_code, AERO_EXIT_FAILURE);
    assert_false(kept_log_has(&bench->log, "nothing was changed"));
    assert_true(kept_log_take(&bench->log, "what this start began: the next one does it anew"));
    flip(world.power, world_segment_name(&world), world.bytes.length - 10);
    assert_false(recover_from(bench, world.power, AERO_ROLE_PRIMARY, &exit_code));
    assert_int_equal(exit_code, AERO_EXIT_DATA);
    assert_true(kept_log_take(&bench->log, "aeroctl salvage --primary-dir"));
    world_free(&world);
}

/* Well formed, and not this directory's: not damage, which salvage would be advised for. */
static void
test_recover_refuses_a_snapshot_of_another_cluster_without_calling_it_damage(void **state)
{
    struct bench *bench = *state;
    int exit_code;
    struct world world = primary();
    world_begin(&world, false);
    world_puts(&world, 1);
    world_flush(&world);
    world_snapshot(&world);
    world.manifest.cluster_id = world_id(0x99);
    power_forget(&world.power->seen, world_segment_name(&world));
    world_write_manifest(&world);
    assert_false(recover_from(bench, world.power, AERO_ROLE_PRIMARY, &exit_code));
    assert_int_equal(exit_code, AERO_EXIT_DATA);
    assert_true(kept_log_take(&bench->log, "see the reason; nothing was changed"));
    world_free(&world);
}

/* Judged before anything is changed, as the parts that do not belong together are. */
static void test_recover_leaves_data_of_a_version_to_come_as_they_are(void **state)
{
    struct bench *bench = *state;
    int exit_code;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    uint8_t *slot = power_bytes(world.power, AERO_MANIFEST_FILE)->data;
    slot[8] = 3;
    aero_store_u64(slot + 40, aero_checksum64(aero_slice_of(slot, 40)));
    uint64_t changes = world.power->changes;
    assert_false(recover_from(bench, world.power, AERO_ROLE_PRIMARY, &exit_code));
    assert_int_equal(exit_code, AERO_EXIT_FAILURE);
    assert_int_equal(world.power->changes, changes);
    assert_true(kept_log_has(&bench->log, "a newer version of AeroDB wrote it"));
    assert_true(kept_log_take(&bench->log, "see the reason; nothing was changed"));
    world_free(&world);
}

static uint64_t seconds_per_look; /* at the clock, on top of what passes */
int __real_clock_gettime(clockid_t clock, struct timespec *out_time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *out_time);

int __wrap_clock_gettime(clockid_t clock, struct timespec *out_time)
{
    static uint64_t passed;
    passed += seconds_per_look;
    int result = __real_clock_gettime(clock, out_time);
    out_time->tv_sec += (time_t)passed;
    return result;
}

/* An operator, and the service manager, see that it works; a start that takes no time says only its end. */
static void test_recover_tells_how_far_it_is_once_it_takes_long(void **state)
{
    struct bench *bench = *state;
    int exit_code;
    struct world world = two_snapshots(AERO_ROLE_PRIMARY);
    assert_true(recover_from(bench, world.power, AERO_ROLE_PRIMARY, &exit_code));
    assert_false(kept_log_has(&bench->log, "event=recovering"));
    seconds_per_look = 3; /* PROGRESS_INTERVAL_NS is two */
    assert_true(recover_from(bench, world.power, AERO_ROLE_PRIMARY, &exit_code));
    seconds_per_look = 0;
    assert_true(kept_log_has(&bench->log, "event=recovering stage=snapshot done_bytes=0 "));
    assert_true(kept_log_take(&bench->log, "event=recovering stage=wal "));
    world_free(&world);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_main_ends_with_one_line_or_runs),
        TEST(test_open_says_why_a_directory_will_not_do),
        TEST(test_open_of_a_directory_of_somebody_else_is_refused),
        TEST(test_open_locks_against_a_second_process),
        TEST(test_create_takes_the_name_from_where_it_can),
        TEST(test_create_with_bad_certificates_creates_nothing),
        TEST(test_create_says_why_it_could_not),
        TEST(test_recover_tells_of_damage_that_it_could_do_without),
        TEST(test_recover_refuses_a_directory_of_the_other_role_and_says_what_serves_it),
        TEST(test_recover_tells_a_disk_that_fails_from_data_that_is_damaged),
        TEST(test_recover_leaves_data_of_a_version_to_come_as_they_are),
        TEST(test_recover_refuses_a_snapshot_of_another_cluster_without_calling_it_damage),
        TEST(test_recover_tells_how_far_it_is_once_it_takes_long),
    };
    return cmocka_run_group_tests_name("host.start", tests, NULL, NULL);
}
