/* SPDX-License-Identifier: Apache-2.0 */
#include "host/config_fault.h"

#include <string.h>

#include "host/sockets.h"
#include "server/config_keys.h"

typedef char address[AERO_CONFIG_WORD_MAX];

static bool is_replica(const struct aero_config *config)
{
    const struct aero_config_table *table = aero_config_table(config);
    return aero_config_find(table, "primary") < table->count;
}

static const char *find_address_fault(const struct aero_config *config)
{
    static const char *const keys[] = {"bind", "replication_bind"};
    address words[AERO_HOST_LISTENERS_MAX];
    for (unsigned i = 0; i < 2; i++) {
        size_t count =
            aero_config_words(aero_config_string(config, keys[i]), AERO_HOST_LISTENERS_MAX, words);
        if (count == SIZE_MAX) {
            return "bind, replication_bind: at most 16 addresses";
        }
        for (size_t word = 0; word < count; word++) {
            if (!aero_host_is_address(words[word])) {
                return "bind, replication_bind: an address must be numeric, IPv4 or IPv6, or *: no "
                       "names";
            }
        }
    }
    return NULL;
}

static bool overlap(const char *a, const char *b)
{
    static const char *const every[] = {"*", "0.0.0.0", "::"};
    a += a[0] == '-';
    b += b[0] == '-';
    for (size_t i = 0; i < sizeof every / sizeof every[0]; i++) {
        if (strcmp(a, every[i]) == 0 || strcmp(b, every[i]) == 0) {
            return true;
        }
    }
    return strcmp(a, b) == 0;
}

/* Clients and replicas at one port are fine as long as the addresses differ. */
static bool ports_clash(const struct aero_config *config)
{
    address clients[AERO_HOST_LISTENERS_MAX];
    address replicas[AERO_HOST_LISTENERS_MAX];
    uint16_t port = aero_config_port(config, "port");
    if (is_replica(config) || port == 0 || port != aero_config_port(config, "replication_port")) {
        return false;
    }
    size_t client_count =
        aero_config_words(aero_config_string(config, "bind"), AERO_HOST_LISTENERS_MAX, clients);
    size_t replica_count = aero_config_words(aero_config_string(config, "replication_bind"),
                                             AERO_HOST_LISTENERS_MAX, replicas);
    for (size_t i = 0; i < client_count; i++) {
        for (size_t j = 0; j < replica_count; j++) {
            if (overlap(clients[i], replicas[j])) {
                return true;
            }
        }
    }
    return false;
}

static const char *find_link_fault(const struct aero_config *config)
{
    struct aero_host_port primary;
    if (is_replica(config) &&
        !aero_config_host_port(aero_config_string(config, "primary"), &primary)) {
        return "primary: give HOST:PORT, the primary's replication port (--primary HOST:PORT)";
    }
    if (aero_config_duration_ns(config, "heartbeat") >=
        aero_config_duration_ns(config, "link_silence")) {
        return "heartbeat, link_silence: heartbeat must be the shorter one, or every idle link is "
               "taken for a dead one";
    }
    return NULL;
}

static const char *find_certificate_fault(const struct aero_config *config)
{
    struct aero_allowed_nodes allowed;
    bool replicates = is_replica(config) || aero_config_port(config, "replication_port") != 0;
    if (!aero_config_allowed_nodes(config, &allowed)) {
        return "allowed_nodes: at most 64 names";
    }
    if (replicates && aero_config_string(config, "certs_dir")[0] == '\0') {
        return "certs_dir: replication needs certificates: give --certs DIR (for development, "
               "'aeroctl certs init DIR --node NAME' makes DIR/NAME)";
    }
    return NULL;
}

const char *aero_config_find_fault(const struct aero_config *config)
{
    const char *fault = find_address_fault(config);
    if (fault == NULL && ports_clash(config)) {
        fault = "port, replication_port: one port of one address cannot serve both";
    }
    if (fault == NULL) {
        fault = find_link_fault(config);
    }
    if (fault == NULL) {
        fault = find_certificate_fault(config);
    }
    if (fault == NULL && aero_config_string(config, "data_dir")[0] == '\0') {
        fault = "data_dir: no data directory: give --data DIR";
    }
    return fault;
}
