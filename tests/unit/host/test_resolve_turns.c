/* SPDX-License-Identifier: Apache-2.0 */
/* A name with several addresses. Which ones a name has is the machine's to say, so this program brings a getaddrinfo of its
 * own: "several" has the three addresses below. */
#include "tests/unit/cmocka_setup.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "host/resolve.h"

static const char *const addresses[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3"};
#define ADDRESS_COUNT (sizeof addresses / sizeof addresses[0])

static struct sockaddr_in places[ADDRESS_COUNT];
static struct addrinfo entries[ADDRESS_COUNT];

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **out_found)
{
    AERO_ASSERT(strcmp(name, "several") == 0 && service == NULL && hints != NULL);
    for (size_t i = 0; i < ADDRESS_COUNT; i++) {
        places[i] = (struct sockaddr_in){.sin_family = AF_INET};
        inet_pton(AF_INET, addresses[i], &places[i].sin_addr);
        entries[i] = (struct addrinfo){.ai_family = AF_INET,
                                       .ai_addr = (struct sockaddr *)&places[i],
                                       .ai_addrlen = sizeof places[i],
                                       .ai_next = &entries[i + 1]};
    }
    entries[ADDRESS_COUNT - 1].ai_next = NULL;
    *out_found = entries;
    return 0;
}

void freeaddrinfo(struct addrinfo *found)
{
    AERO_ASSERT(found == entries);
}

/* One that is down does not hide the others: each dial gets the next one. */
static void test_each_question_is_answered_with_the_next_address(void **state)
{
    (void)state;
    struct aero_host_wake wake;
    char address[AERO_HOST_ADDRESS_BYTES];
    char text[AERO_HOST_RESOLVE_TEXT_BYTES];
    aero_host_wake_init(&wake);
    struct aero_host_resolver *resolver = aero_host_resolver_new(&wake);
    for (size_t i = 0; i < 2 * ADDRESS_COUNT; i++) {
        struct pollfd answered = {.fd = wake.fd, .events = POLLIN};
        uint64_t rings;
        aero_host_wake_arm(&wake);
        aero_host_resolver_ask(resolver, "several");
        assert_int_equal(poll(&answered, 1, -1), 1);
        assert_int_equal(read(wake.fd, &rings, sizeof rings), sizeof rings);
        assert_int_equal(aero_host_resolver_take(resolver, address, text), AERO_RESOLVE_FOUND);
        assert_string_equal(address, addresses[i % ADDRESS_COUNT]);
    }
    aero_host_resolver_free(resolver);
    aero_host_wake_deinit(&wake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_question_is_answered_with_the_next_address),
    };
    return cmocka_run_group_tests_name("host.resolve_turns", tests, NULL, NULL);
}
