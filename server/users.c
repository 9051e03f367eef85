/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what. A handful of users from the configuration; [0] is "default", which has requirepass for its
 * password and every category, unless the configuration lists a user of that name. */
#include "server/server_priv.h"

#include <stdlib.h>

#include "server/text.h"

/* Texts are borrowed from server->options. */
static void set_user(struct aero_user_record *record, const struct aero_user *user)
{
    *record = (struct aero_user_record){.name = user->name,
                                        .password = user->password,
                                        .allowed = user->allowed_categories,
                                        .denied = user->denied_categories};
}

void aero_users_build(struct aero_server *server)
{
    const struct aero_server_options *options = &server->options;
    const struct aero_user first = {
        .name = "default", .password = options->password, .allowed_categories = AERO_CATEGORY_ALL};
    server->users = aero_calloc(options->user_count + 1, sizeof *server->users);
    server->user_count = 1;
    set_user(&server->users[0], &first);
    for (size_t i = 0; i < options->user_count; i++) {
        const struct aero_user *user = &options->users[i];
        size_t known = aero_users_find(server, aero_slice_text(user->name));
        set_user(&server->users[known == AERO_NO_USER ? server->user_count++ : known], user);
    }
}

void aero_users_free(struct aero_server *server)
{
    free(server->users);
    server->users = NULL;
    server->user_count = 0;
}

size_t aero_users_find(const struct aero_server *server, struct aero_slice name)
{
    for (size_t i = 0; i < server->user_count; i++) {
        if (aero_slice_equal(name, aero_slice_text(server->users[i].name))) {
            return i;
        }
    }
    return AERO_NO_USER;
}

/* An unknown name costs a comparison as well, so that it takes as long as a wrong password. */
size_t aero_users_check(const struct aero_server *server, struct aero_slice name,
                        struct aero_slice password)
{
    size_t user = aero_users_find(server, name);
    const struct aero_user_record *record = &server->users[user == AERO_NO_USER ? 0 : user];
    bool equal = aero_secret_equal(password, aero_slice_text(record->password));
    if (user == AERO_NO_USER) {
        return AERO_NO_USER;
    }
    return equal || record->password[0] == '\0' ? user : AERO_NO_USER;
}

bool aero_users_permit(const struct aero_server *server, size_t user,
                       const struct aero_command *command)
{
    if ((command->flags & AERO_COMMAND_NOAUTH) != 0) {
        return true;
    }
    if (user == AERO_NO_USER) {
        return false;
    }
    const struct aero_user_record *record = &server->users[user];
    return (command->categories & record->allowed) != 0 &&
           (command->categories & record->denied) == 0;
}

bool aero_users_default_is_open(const struct aero_server *server)
{
    return server->users[0].password[0] == '\0';
}
