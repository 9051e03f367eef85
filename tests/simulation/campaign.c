/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulation/campaign.h"

#include <string.h>

#include "tests/simulation/limits.h"
#include "tests/simulation/shrink.h"

#define ULL(value) ((unsigned long long)(value))

struct outcome {
    struct aero_sim_verdict verdict;
    uint64_t trace_digest;
    struct aero_wal_world_report wal;
    struct aero_sim_report world;
};

struct totals {
    uint64_t histories;
    uint64_t failed;
    uint64_t substantial; /* of 200 commands and 4 faults or more */
    struct aero_wal_world_report wal;
    struct aero_sim_counts world;
    uint64_t virtual_ns;
};

static struct outcome run_seed(const struct aero_sim_campaign *campaign, uint64_t seed)
{
    struct outcome outcome = {.trace_digest = 0};
    FILE *print_to = campaign->with_trace ? stdout : NULL;
    if (campaign->is_wal) {
        aero_wal_world_run(seed, print_to, &outcome.wal);
        outcome.verdict = outcome.wal.verdict;
        outcome.trace_digest = outcome.wal.trace_digest;
    } else {
        aero_sim_world_run(seed, &campaign->limits, print_to, &outcome.world);
        outcome.verdict = outcome.world.verdict;
        outcome.trace_digest = outcome.world.trace_digest;
    }
    return outcome;
}

/* Of a seed that nobody reads about. */
static struct outcome run_mute(const struct aero_sim_campaign *campaign, uint64_t seed)
{
    struct aero_sim_campaign mute = *campaign;
    mute.limits.listening = campaign->with_trace ? AERO_SIM_TOLD : AERO_SIM_MUTE;
    return run_seed(&mute, seed);
}

static uint64_t faults_of(const struct aero_sim_counts *counts)
{
    return counts->kills + counts->power_losses + counts->disk_faults + counts->network_faults +
           counts->strangers + counts->damages + counts->disks_replaced;
}

/* Every count is a number of 64 bits, so that a new one cannot be forgotten here. */
static void add_counts(struct aero_sim_counts *to, const struct aero_sim_counts *counts)
{
    _Static_assert(sizeof *to % sizeof(uint64_t) == 0, "nothing but counts");
    uint64_t sums[sizeof *to / sizeof(uint64_t)];
    uint64_t more[sizeof *to / sizeof(uint64_t)];
    memcpy(sums, to, sizeof sums);
    memcpy(more, counts, sizeof more);
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++) {
        sums[i] += more[i];
    }
    memcpy(to, sums, sizeof sums);
}

static void add_up(struct totals *totals, const struct outcome *outcome)
{
    const struct aero_sim_counts *counts = &outcome->world.counts;
    totals->histories++;
    totals->failed += outcome->verdict.failed;
    totals->substantial += counts->commands >= 200 && faults_of(counts) >= 4;
    totals->wal.commits += outcome->wal.commits;
    totals->wal.acknowledged += outcome->wal.acknowledged;
    totals->wal.crashes += outcome->wal.crashes;
    totals->wal.recoveries += outcome->wal.recoveries;
    totals->wal.refusals += outcome->wal.refusals;
    totals->wal.failures += outcome->wal.failures;
    totals->wal.torn_tails += outcome->wal.torn_tails;
    add_counts(&totals->world, counts);
    totals->virtual_ns += outcome->world.virtual_ns;
}

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
    printf("%llu histories, %llu failed (%llu of 200 commands and 4 faults or more, %llu virtual "
           "seconds)\n",
           ULL(totals->histories), ULL(totals->failed), ULL(totals->substantial),
           ULL(totals->virtual_ns / 1000000000));
    printf("  clients  %llu commands, %llu writes acknowledged, %llu failed, %llu tokens reached\n",
           ULL(counts->commands), ULL(counts->acknowledged_writes), ULL(counts->failed_writes),
           ULL(counts->tokens));
    printf("  faults   %llu kills, %llu power losses, %llu of disks, %llu of networks, %llu "
           "strangers, %llu damages and lies, %llu disks replaced; %llu acts in all\n",
           ULL(counts->kills), ULL(counts->power_losses), ULL(counts->disk_faults),
           ULL(counts->network_faults), ULL(counts->strangers), ULL(counts->damages),
           ULL(counts->disks_replaced), ULL(counts->acts));
    printf("  nodes    %llu starts, %llu snapshots installed, %llu refused and said so\n",
           ULL(counts->restarts), ULL(counts->snapshots_installed), ULL(counts->refusals));
    printf(
        "  checks   %llu operations in an order (%llu keys undecided), %llu digests, %llu MiB of "
        "logs\n",
        ULL(counts->linear), ULL(counts->undecided), ULL(counts->digests),
        ULL(counts->prefix_bytes >> 20));
}

static void print_replay(const struct aero_sim_campaign *campaign, uint64_t seed)
{
    char limits[AERO_SIM_LIMITS_TEXT_MAX];
    aero_sim_limits_format(&campaign->limits, limits);
    printf("  replay: tests/sim %s%llu%s%s --trace\n", campaign->is_wal ? "--wal " : "", ULL(seed),
           limits[0] == '\0' ? "" : " ", limits);
}

static void print_failure(const struct aero_sim_campaign *campaign, uint64_t seed,
                          const struct aero_sim_verdict *verdict)
{
    printf("seed %llu: %s: %s\n", ULL(seed), verdict->checker, verdict->text);
    print_replay(campaign, seed);
    fflush(stdout);
}

int aero_sim_run_one(const struct aero_sim_campaign *campaign, uint64_t seed)
{
    struct outcome outcome = run_seed(campaign, seed);
    struct totals totals = {.histories = 0};
    add_up(&totals, &outcome);
    print_totals(campaign->is_wal, &totals);
    if (outcome.verdict.failed) {
        print_failure(campaign, seed, &outcome.verdict);
        if (!campaign->is_wal) {
            printf("  smaller: tests/sim %llu --shrink\n", ULL(seed));
        }
    }
    printf("trace digest %016llx\n", ULL(outcome.trace_digest));
    return outcome.verdict.failed ? 1 : 0;
}

int aero_sim_run_many(const struct aero_sim_campaign *campaign, uint64_t first, uint64_t count)
{
    struct totals totals = {.histories = 0};
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct outcome outcome = run_mute(campaign, seed);
        add_up(&totals, &outcome);
        if (outcome.verdict.failed) {
            print_failure(campaign, seed, &outcome.verdict);
        }
    }
    print_totals(campaign->is_wal, &totals);
    return totals.failed > 0 ? 1 : 0;
}

int aero_sim_run_twice(const struct aero_sim_campaign *campaign, uint64_t first, uint64_t count)
{
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct outcome once = run_seed(campaign, seed);
        struct outcome again = run_seed(campaign, seed);
        if (once.trace_digest != again.trace_digest) {
            printf("seed %llu tells two stories: %016llx and %016llx\n", ULL(seed),
                   ULL(once.trace_digest), ULL(again.trace_digest));
            return 1;
        }
        struct outcome mute = run_mute(campaign, seed);
        if (memcmp(&once.world.counts, &mute.world.counts, sizeof mute.world.counts) != 0) {
            printf("seed %llu runs in another way when nothing is told\n", ULL(seed));
            return 1;
        }
    }
    printf("%llu seeds told the same story twice\n", ULL(count));
    return 0;
}

int aero_sim_run_unheard(const struct aero_sim_campaign *campaign, uint64_t first, uint64_t count)
{
    struct aero_sim_campaign curious = *campaign;
    struct aero_sim_campaign deaf = *campaign;
    curious.limits.listening = AERO_SIM_CURIOUS;
    deaf.limits.listening = AERO_SIM_DEAF;
    for (uint64_t seed = first; seed < first + count; seed++) {
        uint64_t heard = run_seed(&curious, seed).trace_digest;
        uint64_t unheard = run_seed(&deaf, seed).trace_digest;
        if (heard != unheard) {
            printf("seed %llu is another history when nobody listens: %016llx and %016llx\n",
                   ULL(seed), ULL(heard), ULL(unheard));
            return 1;
        }
    }
    printf("%llu seeds were the same whether anybody listened or not\n", ULL(count));
    return 0;
}

int aero_sim_print_digests(const struct aero_sim_campaign *campaign, uint64_t first, uint64_t count)
{
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct outcome outcome = run_seed(campaign, seed);
        printf("%llu %016llx\n", ULL(seed), ULL(outcome.trace_digest));
    }
    return 0;
}

/* ---- Shrinking ------------------------------------------------------------------------------------------------- */

struct trial {
    uint64_t seed;
    char checker[16];
};

static bool still_fails(void *self, const struct aero_sim_limits *limits)
{
    const struct trial *trial = self;
    struct aero_sim_report report;
    struct aero_sim_limits mute = *limits;
    mute.listening = AERO_SIM_MUTE;
    aero_sim_world_run(trial->seed, &mute, NULL, &report);
    return report.verdict.failed && strcmp(report.verdict.checker, trial->checker) == 0;
}

static void tell_smaller(void *self, const struct aero_sim_limits *limits)
{
    const struct trial *trial = self;
    char text[AERO_SIM_LIMITS_TEXT_MAX];
    aero_sim_limits_format(limits, text);
    printf("still %s: %llu %s\n", trial->checker, ULL(trial->seed), text);
    fflush(stdout);
}

int aero_sim_print_shrunk(const struct aero_sim_campaign *campaign, uint64_t seed)
{
    struct outcome outcome = run_seed(campaign, seed);
    if (!outcome.verdict.failed) {
        printf("seed %llu breaks no promise\n", ULL(seed));
        return 0;
    }
    struct trial trial = {.seed = seed};
    struct aero_choice choice;
    struct aero_sim_swarm swarm;
    memcpy(trial.checker, outcome.verdict.checker, sizeof trial.checker);
    aero_choice_init_seed(&choice, seed);
    aero_sim_swarm_draw(&choice, &swarm);
    struct aero_sim_shrink shrink = {.fails = still_fails,
                                     .smaller = tell_smaller,
                                     .self = &trial,
                                     .swarm = &swarm,
                                     .acts = (uint32_t)outcome.world.counts.acts};
    struct aero_sim_campaign smallest = *campaign;
    smallest.limits = aero_sim_shrink(&shrink);
    return aero_sim_run_one(&smallest, seed);
}
