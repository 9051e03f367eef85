/* SPDX-License-Identifier: Apache-2.0 */
#include "primary/host_mailbox.h"

#include <stdio.h>

#include "base/assert.h"

void aero_mailbox_init(struct aero_mailbox *mailbox)
{
    memset(mailbox, 0, sizeof *mailbox);
    pthread_mutex_init(&mailbox->mutex, NULL);
}

void aero_mailbox_deinit(struct aero_mailbox *mailbox)
{
    aero_shipping_view_release(mailbox->news.view);
    pthread_mutex_destroy(&mailbox->mutex);
}

static bool has_shipping_news(const struct aero_mailbox *mailbox)
{
    return mailbox->news.shipping && mailbox->audience;
}

void aero_mailbox_set_audience(struct aero_mailbox *mailbox, bool audience)
{
    pthread_mutex_lock(&mailbox->mutex);
    mailbox->audience = audience;
    pthread_mutex_unlock(&mailbox->mutex);
}

bool aero_mailbox_publish(struct aero_mailbox *mailbox, struct aero_shipping_view *view,
                          struct aero_wal_place durable)
{
    struct aero_shipping_view *old = NULL;
    pthread_mutex_lock(&mailbox->mutex);
    if (mailbox->news.view != view) {
        old = mailbox->news.view;
        mailbox->news.view = aero_shipping_view_retain(view);
    }
    mailbox->news.durable = durable;
    mailbox->news.shipping = true;
    bool wake = has_shipping_news(mailbox);
    pthread_mutex_unlock(&mailbox->mutex);
    aero_shipping_view_release(old);
    return wake;
}

void aero_mailbox_ask_reload(struct aero_mailbox *mailbox, const struct aero_allowed_nodes *allowed)
{
    pthread_mutex_lock(&mailbox->mutex);
    mailbox->news.reload = true;
    mailbox->news.allowed = *allowed;
    pthread_mutex_unlock(&mailbox->mutex);
}

void aero_mailbox_ask_stop(struct aero_mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->mutex);
    mailbox->news.stop = true;
    pthread_mutex_unlock(&mailbox->mutex);
}

bool aero_mailbox_has_mail(struct aero_mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->mutex);
    bool some = mailbox->event_count > 0 || mailbox->question_count > 0;
    pthread_mutex_unlock(&mailbox->mutex);
    return some;
}

bool aero_mailbox_take_event(struct aero_mailbox *mailbox, struct aero_fleet_event *out_event,
                             bool *out_wake_link)
{
    pthread_mutex_lock(&mailbox->mutex);
    bool some = mailbox->event_count > 0;
    if (some) {
        *out_event = mailbox->events[mailbox->event_first];
        mailbox->event_first = (mailbox->event_first + 1) % AERO_MAILBOX_EVENTS_MAX;
        mailbox->event_count--;
    }
    *out_wake_link = mailbox->link_waits_for_room && mailbox->event_count == 0;
    if (*out_wake_link) {
        mailbox->link_waits_for_room = false;
        mailbox->news.room = true;
    }
    pthread_mutex_unlock(&mailbox->mutex);
    return some;
}

/* There is one. */
static unsigned find_question(const struct aero_mailbox *mailbox)
{
    unsigned slot = 0;
    while (mailbox->slots[slot].state != AERO_MAILBOX_ASKED) {
        slot++;
        AERO_ASSERT(slot < AERO_FLEET_MAX);
    }
    return slot;
}

bool aero_mailbox_take_question(struct aero_mailbox *mailbox, unsigned *out_slot,
                                uint64_t *out_connection, char out_name[AERO_NODE_NAME_MAX])
{
    pthread_mutex_lock(&mailbox->mutex);
    bool some = mailbox->question_count > 0;
    if (some) {
        unsigned slot = find_question(mailbox);
        *out_slot = slot;
        *out_connection = mailbox->slots[slot].connection;
        memcpy(out_name, mailbox->slots[slot].name, AERO_NODE_NAME_MAX);
        mailbox->slots[slot].state = AERO_MAILBOX_TAKEN;
        mailbox->question_count--;
    }
    pthread_mutex_unlock(&mailbox->mutex);
    return some;
}

/* The slot may have gone to a newer connection meanwhile: its question stands, this answer is
 * void. */
void aero_mailbox_answer(struct aero_mailbox *mailbox, unsigned slot, uint64_t connection,
                         aero_lsn acknowledged)
{
    AERO_ASSERT(slot < AERO_FLEET_MAX);
    pthread_mutex_lock(&mailbox->mutex);
    if (mailbox->slots[slot].connection == connection &&
        mailbox->slots[slot].state == AERO_MAILBOX_TAKEN) {
        mailbox->slots[slot].state = AERO_MAILBOX_ANSWERED;
        mailbox->slots[slot].acknowledged = acknowledged;
        mailbox->news.answers = true;
    }
    pthread_mutex_unlock(&mailbox->mutex);
}

static bool is_news(const struct aero_mailbox *mailbox)
{
    const struct aero_mailbox_news *news = &mailbox->news;
    return has_shipping_news(mailbox) || news->reload || news->stop || news->answers || news->room;
}

bool aero_mailbox_has_news(struct aero_mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->mutex);
    bool some = is_news(mailbox);
    pthread_mutex_unlock(&mailbox->mutex);
    return some;
}

bool aero_mailbox_take_news(struct aero_mailbox *mailbox, struct aero_mailbox_news *out_news)
{
    pthread_mutex_lock(&mailbox->mutex);
    bool some = is_news(mailbox);
    if (some) {
        *out_news = mailbox->news;
        if (out_news->view != NULL) {
            out_news->view = aero_shipping_view_retain(out_news->view);
        }
        mailbox->news.shipping = false;
        mailbox->news.reload = false;
        mailbox->news.answers = false;
        mailbox->news.room = false;
    }
    pthread_mutex_unlock(&mailbox->mutex);
    return some;
}

void aero_mailbox_ask(struct aero_mailbox *mailbox, unsigned slot, uint64_t connection,
                      const char *name)
{
    AERO_ASSERT(slot < AERO_FLEET_MAX && connection != 0);
    pthread_mutex_lock(&mailbox->mutex);
    if (mailbox->slots[slot].state != AERO_MAILBOX_ASKED) {
        mailbox->question_count++;
    }
    mailbox->slots[slot].connection = connection;
    mailbox->slots[slot].state = AERO_MAILBOX_ASKED;
    snprintf(mailbox->slots[slot].name, AERO_NODE_NAME_MAX, "%s", name);
    pthread_mutex_unlock(&mailbox->mutex);
}

bool aero_mailbox_take_answer(struct aero_mailbox *mailbox, unsigned slot, uint64_t connection,
                              aero_lsn *out_acknowledged)
{
    AERO_ASSERT(slot < AERO_FLEET_MAX);
    pthread_mutex_lock(&mailbox->mutex);
    bool answered = mailbox->slots[slot].connection == connection &&
                    mailbox->slots[slot].state == AERO_MAILBOX_ANSWERED;
    if (answered) {
        mailbox->slots[slot].state = AERO_MAILBOX_FREE;
        *out_acknowledged = mailbox->slots[slot].acknowledged;
    }
    pthread_mutex_unlock(&mailbox->mutex);
    return answered;
}

bool aero_mailbox_post(struct aero_mailbox *mailbox, const struct aero_fleet_event *event)
{
    pthread_mutex_lock(&mailbox->mutex);
    bool room = mailbox->event_count < AERO_MAILBOX_EVENTS_MAX;
    if (room) {
        size_t at = (mailbox->event_first + mailbox->event_count) % AERO_MAILBOX_EVENTS_MAX;
        mailbox->events[at] = *event;
        mailbox->event_count++;
    } else {
        mailbox->link_waits_for_room = true;
    }
    pthread_mutex_unlock(&mailbox->mutex);
    return room;
}
