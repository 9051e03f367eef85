/* SPDX-License-Identifier: Apache-2.0 */
/* sim: replays one history, or runs a campaign of many. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/wal_world.h"
#include "tests/sim/world.h"

static const char usage[] =
    "Usage: sim [--wal] SEED [--trace]      one history; --trace tells its story, one line an "
    "event\n"
    "       sim [--wal] --campaign FIRST COUNT   histories of seeds FIRST, FIRST + 1, ...\n"
    "       sim [--wal] --twice FIRST COUNT  each seed twice: both must tell the same story\n"
    "\n"
    "  --wal   the small world of one WAL writer and recovery instead of the whole system\n"
    "\n"
    "Exit status: 0 all promises held, 1 one was broken, 2 usage.\n"
    "docs/simulation.md explains what is simulated and what is checked.\n";

struct outcome {
    struct aero_sim_verdict verdict;
    uint64_t trace_digest;
    struct aero_wal_world_report wal;
    struct aero_sim_report world;
};

struct totals {
    uint64_t histories;
    uint64_t failed;
    struct aero_wal_world_report wal;
    struct aero_sim_counts world;
    uint64_t virtual_ns;
};

static struct outcome run_seed(bool is_wal, uint64_t seed, FILE *print_to)
{
    struct outcome outcome = {.trace_digest = 0};
    if (is_wal) {
        aero_wal_world_run(seed, print_to, &outcome.wal);
        outcome.verdict = outcome.wal.verdict;
        outcome.trace_digest = outcome.wal.trace_digest;
    } else {
        aero_sim_world_run(seed, print_to, &outcome.world);
        outcome.verdict = outcome.world.verdict;
        outcome.trace_digest = outcome.world.trace_digest;
    }
    return outcome;
}

static void add_up(struct totals *totals, const struct outcome *outcome)
{
    totals->histories++;
    totals->failed += outcome->verdict.failed;
    totals->wal.commits += outcome->wal.commits;
    totals->wal.acknowledged += outcome->wal.acknowledged;
    totals->wal.crashes += outcome->wal.crashes;
    totals->wal.recoveries += outcome->wal.recoveries;
    totals->wal.refusals += outcome->wal.refusals;
    totals->wal.failures += outcome->wal.failures;
    totals->wal.torn_tails += outcome->wal.torn_tails;
    const struct aero_sim_counts *counts = &outcome->world.counts;
    totals->world.commands += counts->commands;
    totals->world.acknowledged_writes += counts->acknowledged_writes;
    totals->world.failed_writes += counts->failed_writes;
    totals->world.kills += counts->kills;
    totals->world.power_losses += counts->power_losses;
    totals->world.restarts += counts->restarts;
    totals->world.disk_faults += counts->disk_faults;
    totals->world.network_faults += counts->network_faults;
    totals->world.snapshots_installed += counts->snapshots_installed;
    totals->world.prefix_bytes += counts->prefix_bytes;
    totals->world.digests += counts->digests;
    totals->virtual_ns += outcome->world.virtual_ns;
}

#define ULL(value) ((unsigned long long)(value))

static void print_totals(bool is_wal, const struct totals *totals)
{
    if (is_wal) {
        printf("%llu histories, %llu failed: %llu commits, %llu acknowledged, %llu crashes, %llu "
               "recoveries (%llu refused under faults), %llu torn tails, %llu WAL failures\n",
               ULL(totals->histories), ULL(totals->failed), ULL(totals->wal.commits),
               ULL(totals->wal.acknowledged), ULL(totals->wal.crashes), ULL(totals->wal.recoveries),
               ULL(totals->wal.refusals), ULL(totals->wal.torn_tails), ULL(totals->wal.failures));
        return;
    }
    const struct aero_sim_counts *counts = &totals->world;
    printf(
        "%llu histories, %llu failed: %llu commands, %llu writes acknowledged, %llu failed, %llu "
        "kills, %llu power losses, %llu starts, %llu disk faults, %llu network faults, %llu "
        "snapshots installed, %llu MiB compared, %llu digests compared, %llu virtual seconds\n",
        ULL(totals->histories), ULL(totals->failed), ULL(counts->commands),
        ULL(counts->acknowledged_writes), ULL(counts->failed_writes), ULL(counts->kills),
        ULL(counts->power_losses), ULL(counts->restarts), ULL(counts->disk_faults),
        ULL(counts->network_faults), ULL(counts->snapshots_installed),
        ULL(counts->prefix_bytes >> 20), ULL(counts->digests),
        ULL(totals->virtual_ns / 1000000000));
}

static void print_failure(bool is_wal, uint64_t seed, const struct aero_sim_verdict *verdict)
{
    printf("seed %llu: %s: %s\n  replay: tests/sim/run %s%llu --trace\n", ULL(seed),
           verdict->checker, verdict->text, is_wal ? "--wal " : "", ULL(seed));
    fflush(stdout);
}

static int run_one(bool is_wal, uint64_t seed, bool with_trace)
{
    struct outcome outcome = run_seed(is_wal, seed, with_trace ? stdout : NULL);
    struct totals totals = {.histories = 0};
    add_up(&totals, &outcome);
    print_totals(is_wal, &totals);
    if (outcome.verdict.failed) {
        print_failure(is_wal, seed, &outcome.verdict);
    }
    printf("trace digest %016llx\n", ULL(outcome.trace_digest));
    return outcome.verdict.failed ? 1 : 0;
}

static int run_campaign(bool is_wal, uint64_t first, uint64_t count)
{
    struct totals totals = {.histories = 0};
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct outcome outcome = run_seed(is_wal, seed, NULL);
        add_up(&totals, &outcome);
        if (outcome.verdict.failed) {
            print_failure(is_wal, seed, &outcome.verdict);
        }
    }
    print_totals(is_wal, &totals);
    return totals.failed > 0 ? 1 : 0;
}

static int run_twice(bool is_wal, uint64_t first, uint64_t count)
{
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct outcome once = run_seed(is_wal, seed, NULL);
        struct outcome again = run_seed(is_wal, seed, NULL);
        if (once.trace_digest != again.trace_digest) {
            printf("seed %llu tells two stories: %016llx and %016llx\n", ULL(seed),
                   ULL(once.trace_digest), ULL(again.trace_digest));
            return 1;
        }
    }
    printf("%llu seeds told the same story twice\n", ULL(count));
    return 0;
}

static bool parse_number(const char *text, uint64_t *out_number)
{
    char *end;
    errno = 0;
    *out_number = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

int main(int argc, char **argv)
{
    bool is_wal = argc > 1 && strcmp(argv[1], "--wal") == 0;
    argc -= is_wal;
    argv += is_wal;
    uint64_t first;
    uint64_t count;
    if (argc == 4 && parse_number(argv[2], &first) && parse_number(argv[3], &count)) {
        if (strcmp(argv[1], "--campaign") == 0) {
            return run_campaign(is_wal, first, count);
        }
        if (strcmp(argv[1], "--twice") == 0) {
            return run_twice(is_wal, first, count);
        }
    }
    bool with_trace = argc == 3 && strcmp(argv[2], "--trace") == 0;
    if ((argc == 2 || with_trace) && parse_number(argv[1], &first)) {
        return run_one(is_wal, first, with_trace);
    }
    fputs(usage, argc == 2 && strcmp(argv[1], "--help") == 0 ? stdout : stderr);
    return argc == 2 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
}
