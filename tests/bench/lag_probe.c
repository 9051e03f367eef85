/* SPDX-License-Identifier: Apache-2.0 */
/* Measures replication lag as a client sees it: the time from the primary's acknowledgement of a SET until the replica
 * answers a GET with that value. One probe at a time, next to whatever load runs.
 *
 *     lag_probe PRIMARY_PORT REPLICA_PORT PROBES
 *
 * Prints the median, the 99th percentile and the maximum in milliseconds. Loopback only. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define POLLS_MAX 1000000

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int dial(const char *port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        perror(port);
        exit(1);
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/* One request, one reply that fits a single small read. */
static void ask(int fd, const char *request, char *out_reply, size_t reply_max)
{
    size_t length = strlen(request);
    if (write(fd, request, length) != (ssize_t)length) {
        perror("write");
        exit(1);
    }
    ssize_t got = read(fd, out_reply, reply_max - 1);
    if (got <= 0) {
        fprintf(stderr, "lag_probe: the connection ended\n");
        exit(1);
    }
    out_reply[got] = '\0';
}

static int compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

static double probe(int primary, int replica, unsigned number)
{
    char request[128];
    char value[32];
    char reply[256];
    snprintf(value, sizeof value, "value-%08u", number);
    snprintf(request, sizeof request, "*3\r\n$3\r\nSET\r\n$9\r\nlag-probe\r\n$%zu\r\n%s\r\n",
             strlen(value), value);
    ask(primary, request, reply, sizeof reply);
    if (strcmp(reply, "+OK\r\n") != 0) {
        fprintf(stderr, "lag_probe: %s", reply);
        exit(1);
    }
    double acknowledged = now_ms();
    for (unsigned polls = 0; polls < POLLS_MAX; polls++) {
        ask(replica, "*2\r\n$3\r\nGET\r\n$9\r\nlag-probe\r\n", reply, sizeof reply);
        if (strstr(reply, value) != NULL) {
            return now_ms() - acknowledged;
        }
        struct timespec pause = {.tv_nsec = 100000};
        nanosleep(&pause, NULL);
    }
    fprintf(stderr, "lag_probe: the replica never showed %s\n", value);
    exit(1);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: lag_probe PRIMARY_PORT REPLICA_PORT PROBES\n");
        return 2;
    }
    unsigned count = (unsigned)strtoul(argv[3], NULL, 10);
    double *lags = calloc(count + 1, sizeof *lags);
    if (count == 0 || lags == NULL) {
        return 2;
    }
    int primary = dial(argv[1]);
    int replica = dial(argv[2]);
    for (unsigned i = 0; i < count; i++) {
        lags[i] = probe(primary, replica, i);
    }
    qsort(lags, count, sizeof *lags, compare_doubles);
    printf("median_ms=%.3f p99_ms=%.3f max_ms=%.3f\n", lags[count / 2], lags[count * 99 / 100],
           lags[count - 1]);
    free(lags);
    return 0;
}
