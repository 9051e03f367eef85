/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive circular lists: an element is in a list through a link of its own, so that joining and leaving cost no
 * allocation and no search. A link that is in no list points to itself. */
#ifndef AERO_SERVER_LIST_H
#define AERO_SERVER_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct aero_link {
    struct aero_link *previous;
    struct aero_link *next;
};

/* The object that `link` is the member `member` of. */
#define AERO_CONTAINER(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))

/* For heads and for elements alike. */
static inline void aero_link_init(struct aero_link *link)
{
    link->previous = link;
    link->next = link;
}

static inline bool aero_link_alone(const struct aero_link *link)
{
    return link->next == link;
}

static inline void aero_link_leave(struct aero_link *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    aero_link_init(link);
}

/* Behind `position`; with a head: in front of all. */
static inline void aero_link_join_behind(struct aero_link *position, struct aero_link *link)
{
    link->previous = position;
    link->next = position->next;
    position->next->previous = link;
    position->next = link;
}

static inline void aero_link_join_last(struct aero_link *head, struct aero_link *link)
{
    aero_link_join_behind(head->previous, link);
}

/* Moves all elements of `from` to the end of `to`. */
static inline void aero_link_move_all(struct aero_link *to, struct aero_link *from)
{
    if (!aero_link_alone(from)) {
        from->next->previous = to->previous;
        to->previous->next = from->next;
        from->previous->next = to;
        to->previous = from->previous;
        aero_link_init(from);
    }
}

#endif
