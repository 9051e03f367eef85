/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl/ctl.h"

int main(int argc, char **argv)
{
    /* A daemon that goes away in the middle of a request is an error to report, not a reason to die. */
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL); /* a file size limit arrives as EFBIG */
    struct aero_ctl ctl = {
        .out = stdout,
        .err = stderr,
        .show_progress = isatty(STDERR_FILENO) == 1,
        .password = getenv("AEROCTL_PASSWORD"),
        .clock = aero_clock_posix(),
    };
    int exit_code = aero_ctl_run(&ctl, argc, argv);
    (void)fflush(stdout); /* sets the mark that ferror reads, as each write before it does */
    if (ferror(stdout) && exit_code == AERO_EXIT_OK) {
        return AERO_EXIT_FAILURE; /* an answer that did not get out is no answer */
    }
    return exit_code;
}
