/* SPDX-License-Identifier: Apache-2.0 */
/* sim: replays one history, runs a campaign of many, makes a failing one smaller. */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simulation/campaign.h"
#include "tests/simulation/limits.h"

static const char usage[] =
    "Usage: sim [--wal] SEED [--trace] [LIMIT ...]   one history\n"
    "       sim SEED --shrink                        the smallest that breaks the same promise\n"
    "       sim [--wal] --campaign FIRST COUNT [LIMIT ...]   seeds FIRST, FIRST + 1, ...\n"
    "       sim [--wal] --twice FIRST COUNT          each seed twice: both must tell one story\n"
    "       sim --unheard FIRST COUNT                each seed with somebody who asks and logs "
    "everything, and\n"
    "                                                without: both must be one history\n"
    "       sim [--wal] --digests FIRST COUNT        a line a seed, to compare builds\n"
    "\n"
    "  --wal      the small world of one WAL writer and recovery instead of the whole system\n"
    "  --trace    tells the story, one line an event, with a legend\n"
    "\n"
    "Limits leave something out of what the seed draws:\n"
    "  --without ACT[,ACT]   kinds of fault and of operators' acts (tests/simulation/act.h)\n"
    "  --replicas N, --clients N, --commands N (each client)\n"
    "  --acts N              the first N of fate and of operators\n"
    "  --luck N              another course of the same swarm\n"
    "\n"
    "Exit status: 0 all promises held, 1 one was broken, 2 usage.\n"
    "docs/simulation.md explains what is simulated and what is checked.\n";

static const char legend[] =
    "# TIME       WHO       WHAT\n"
    "# Time is virtual. Who: a node, a client, net, operator, stranger, swarm (what the seed "
    "drew), checker\n"
    "# (a broken promise, or what it learnt). What: a node's `disk ...` is what its disk did, `log "
    "...` what its\n"
    "# daemon would have logged, `link of R: event N` what its sender learnt (shipping/sender.h). "
    "A client's line is the\n"
    "# answer that it heard: command, key, number of the write, reply with `..` for line ends.\n";

static int fail_usage(void)
{
    fputs(usage, stderr);
    return 2;
}

static bool parse_number(const char *text, uint64_t *out_number)
{
    char *end;
    errno = 0;
    *out_number = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

struct command_line {
    struct aero_sim_campaign campaign;
    const char *mode; /* "campaign", ...; NULL: one seed */
    bool shrink;
    uint64_t numbers[2];
    int number_count;
};

static bool parse(int argc, char **argv, struct command_line *line)
{
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        bool is_number =
            line->number_count < 2 && parse_number(word, &line->numbers[line->number_count]);
        if (is_number) {
            line->number_count++;
        } else if (strcmp(word, "--wal") == 0) {
            line->campaign.is_wal = true;
        } else if (strcmp(word, "--trace") == 0) {
            line->campaign.with_trace = true;
        } else if (strcmp(word, "--shrink") == 0) {
            line->shrink = true;
        } else if (strcmp(word, "--campaign") == 0 || strcmp(word, "--twice") == 0 ||
                   strcmp(word, "--unheard") == 0 || strcmp(word, "--digests") == 0) {
            line->mode = word + 2;
        } else if (strncmp(word, "--", 2) == 0 && i + 1 < argc &&
                   aero_sim_limits_parse(&line->campaign.limits, word + 2, argv[i + 1])) {
            i++;
        } else {
            return false;
        }
    }
    bool is_unheard = line->mode != NULL && strcmp(line->mode, "unheard") == 0;
    return line->number_count == (line->mode == NULL ? 1 : 2) &&
           !(is_unheard && line->campaign.is_wal); /* nobody asks or logs anything there */
}

int main(int argc, char **argv)
{
    struct command_line line = {.mode = NULL};
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (!parse(argc, argv, &line)) {
        return fail_usage();
    }
    /* Buffers of some hundred KiB come and go with every simulated process: not to the kernel and back. */
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 30);
    (void)mallopt(M_TRIM_THRESHOLD, 1 << 30);
    if (line.campaign.with_trace) {
        fputs(legend, stdout);
    }
    if (line.mode == NULL) {
        return line.shrink && !line.campaign.is_wal
                   ? aero_sim_print_shrunk(&line.campaign, line.numbers[0])
                   : aero_sim_run_one(&line.campaign, line.numbers[0]);
    }
    if (strcmp(line.mode, "campaign") == 0) {
        return aero_sim_run_many(&line.campaign, line.numbers[0], line.numbers[1]);
    }
    if (strcmp(line.mode, "twice") == 0) {
        return aero_sim_run_twice(&line.campaign, line.numbers[0], line.numbers[1]);
    }
    if (strcmp(line.mode, "unheard") == 0) {
        return aero_sim_run_unheard(&line.campaign, line.numbers[0], line.numbers[1]);
    }
    return aero_sim_print_digests(&line.campaign, line.numbers[0], line.numbers[1]);
}
