/* SPDX-License-Identifier: Apache-2.0 */
/* Ship, resume, replay, truncate and crash: one primary, two replicas, two segments of two records, three crashes anywhere.
 * Spin explores every order of every step, to the end (tests/model/run).
 *
 * What is modelled. A log is its contents by LSN; a content is the incarnation that wrote it, so that a record written
 * again under its LSN is another record. Written, durable and visible are three marks on it: a crash keeps any length
 * between durable and written, and recovery makes that durable anew before anybody sees it (decision 2). A crash in the
 * middle of recovery leaves what some crash before it would have left: a shorter tail. Checkpoint, the manifest's write
 * and its sync, and truncation are a step each (FM-9.2, FM-10). Replicas append, sync and apply; nothing waits for their
 * acknowledgements. A record under way when its connection ends is as good as not sent, and a connection that is cut is a
 * crash of the replica that loses nothing. A replica behind the floor loads a snapshot. Clients are as curious as can be:
 * what may be acknowledged is, and what may be seen is seen, at once.
 *
 * What is not. Bytes, damage and lying disks, authority and promotion: those are the simulator's and the
 * enumerations'. Disks here keep what they synced, so a halted replica or a lost record is always a fault of ours.
 *
 * What must hold, after every step:
 *   ACK      what was acknowledged is in the primary's log after every crash, with its content        (D-1)
 *   PREFIX   what a replica wrote down is durable on the primary, with the same content                (REP-2)
 *   SEEN     what a replica showed once it shows again after a crash                                    (FM-8.1)
 *   BASE     what was truncated is in a snapshot that the durable manifest names                        (FM-9.2)
 *   RESUME   no replica is found to have diverged, and none receives a record out of order              (REP-4)
 *   PROGRESS when nothing can happen any more, all is written, acknowledged and applied everywhere
 *
 * Each macro below breaks one rule. tests/model/run fails when one of them goes unnoticed. */

#ifdef SHIP_UNSYNCED
#define SHIPPABLE p_written
#else
#define SHIPPABLE p_visible
#endif

#ifdef ACK_BEFORE_SYNC
#define ACKNOWLEDGEABLE p_written
#else
#define ACKNOWLEDGEABLE p_visible
#endif

#ifdef TRUNCATE_BEFORE_MANIFEST
#define TRUNCATABLE p_naming
#else
#define TRUNCATABLE p_named
#endif

#ifdef SNAPSHOT_UNSYNCED
#define CHECKPOINTABLE p_written
#else
#define CHECKPOINTABLE p_visible
#endif

#ifdef APPLY_UNSYNCED
#define APPLICABLE(which) r_written[which]
#else
#define APPLICABLE(which) r_durable[which]
#endif

#define LSNS 4 /* 1 and 2 are the first segment, 3 and 4 the second */
#define SECOND_SEGMENT 3
#define CRASHES 3
#define REPLICAS 2
#define CONTENT(i, lsn) r_content[(i) * (LSNS + 1) + (lsn)]

byte crashes;

/* The primary. What has no prefix of durability is lost in a crash. */
bool p_up = true;
byte p_incarnation = 1;
byte p_content[LSNS + 1];
byte p_written;
byte p_durable;
byte p_visible;
byte p_acked;
byte acked_content[LSNS + 1]; /* what the client remembers */
byte p_snapshot;              /* LSN of the newest snapshot that is durable under its name */
byte p_naming;                /* the one that the manifest names, as the page cache shows it */
byte p_named;                 /* ... durably */
byte p_floor = 1;             /* the first LSN that is still in the WAL */

/* The replicas. */
bool r_up[REPLICAS] = true;
byte r_content[REPLICAS * (LSNS + 1)];
byte r_written[REPLICAS];
byte r_durable[REPLICAS];
byte r_seen[REPLICAS]; /* the highest LSN that a client saw there */
byte r_base[REPLICAS]; /* its log begins behind this LSN */

bool connected[REPLICAS];
byte next[REPLICAS]; /* the LSN that its connection brings next */

byte i;
byte l;

/* The clients: of the primary and of both replicas. */
inline observe()
{
    if
    :: p_up && p_acked < ACKNOWLEDGEABLE ->
        p_acked = ACKNOWLEDGEABLE;
        for (l : 1 .. LSNS) {
            if
            :: l <= p_acked -> acked_content[l] = p_content[l]
            :: else
            fi
        }
    :: else
    fi;
    for (i : 0 .. REPLICAS - 1) {
        if
        :: r_up[i] ->
            assert(r_seen[i] <= r_written[i]); /* SEEN */
            if
            :: r_seen[i] < APPLICABLE(i) -> r_seen[i] = APPLICABLE(i)
            :: else
            fi
        :: else
        fi
    }
}

inline check()
{
    d_step {
        assert(p_floor <= p_named + 1); /* BASE */
        for (i : 0 .. REPLICAS - 1) {
            for (l : 1 .. LSNS) {
                /* PREFIX */
                assert(l <= r_base[i] || l > r_written[i] ||
                       (l <= p_durable && CONTENT(i, l) == p_content[l]));
            }
        }
        observe();
        i = 0;
        l = 0;
    }
}

inline disconnect(which)
{
    connected[which] = false;
#ifndef RESUME_WHERE_SENT
    next[which] = 0;
#endif
}

/* Any length between durable and written is left. */
inline cut_tail(durable, written)
{
    do
    :: written > durable -> written--
    :: break
    od
}

inline crash_primary()
{
    crashes++;
    p_up = false;
    cut_tail(p_durable, p_written);
    for (l : 1 .. LSNS) {
        if
        :: l > p_written -> p_content[l] = 0
        :: else
        fi
    }
    l = 0;
    p_visible = 0;
    if
    :: p_naming != p_named -> p_naming = p_named /* the manifest's write was lost */
    :: p_named = p_naming                        /* ... or kept */
    fi;
    disconnect(0);
    disconnect(1)
}

inline recover_primary()
{
    /* ACK */
    assert(p_acked <= p_written);
    for (l : 1 .. LSNS) {
        assert(l > p_acked || p_content[l] == acked_content[l]);
    }
    l = 0;
    p_up = true;
    p_incarnation++;
#ifndef TRUST_THE_CACHE
    p_durable = p_written;
#endif
    p_visible = p_written
}

/* The handshake: the replica's end against the primary's history. */
inline connect(which)
{
    assert(r_written[which] <= p_visible); /* RESUME: primary lost */
    if
    :: r_written[which] > r_base[which] ->
        assert(CONTENT(which, r_written[which]) == p_content[r_written[which]]) /* RESUME: diverged */
    :: else
    fi;
    connected[which] = true;
    if
    :: next[which] == 0 -> next[which] = r_written[which] + 1
    :: else
    fi
}

inline load_snapshot(which)
{
    assert(p_named >= p_floor - 1);
    r_base[which] = p_named;
    r_written[which] = p_named;
    r_durable[which] = p_named;
    for (l : 1 .. LSNS) {
        CONTENT(which, l) = 0
    }
    l = 0;
    next[which] = p_named + 1
}

inline ship(which)
{
    assert(next[which] == r_written[which] + 1); /* RESUME: a gap or a repetition */
    r_written[which]++;
    CONTENT(which, r_written[which]) = p_content[next[which]];
    next[which]++
}

inline crash_replica(which)
{
    crashes++;
    r_up[which] = false;
    cut_tail(r_durable[which], r_written[which]);
    for (l : 1 .. LSNS) {
        if
        :: l > r_written[which] -> CONTENT(which, l) = 0
        :: else
        fi
    }
    l = 0;
    disconnect(which)
}

inline recover_replica(which)
{
    r_up[which] = true;
    r_durable[which] = r_written[which]
}

#define REPLICA(which)                                                                          \
    :: atomic { p_up && r_up[which] && !connected[which] -> connect(which); check() }           \
    :: atomic { connected[which] && next[which] <= SHIPPABLE && next[which] >= p_floor ->       \
                ship(which); check() }                                                          \
    :: atomic { connected[which] && next[which] < p_floor -> load_snapshot(which); check() }    \
    :: atomic { r_up[which] && r_durable[which] < r_written[which] ->                           \
                r_durable[which] = r_written[which]; check() }                                  \
    :: atomic { r_up[which] && crashes < CRASHES -> crash_replica(which); check() }             \
    :: atomic { !r_up[which] -> recover_replica(which); check() }

active proctype everything()
{
    do
    /* The primary at work. */
    :: atomic { p_up && p_written < LSNS ->
                p_written++; p_content[p_written] = p_incarnation; check() }
    :: atomic { p_up && p_durable < p_written ->
                p_durable = p_written; p_visible = p_written; check() }
    /* A checkpoint, when it makes the first segment dispensable. */
    :: atomic { p_up && p_snapshot < SECOND_SEGMENT - 1 && CHECKPOINTABLE >= SECOND_SEGMENT - 1 ->
                p_snapshot = CHECKPOINTABLE; check() }
    :: atomic { p_up && p_naming < p_snapshot -> p_naming = p_snapshot }
    :: atomic { p_up && p_named < p_naming -> p_named = p_naming }
    :: atomic { p_up && p_floor < SECOND_SEGMENT && TRUNCATABLE >= SECOND_SEGMENT - 1 ->
                p_floor = SECOND_SEGMENT; check() }
    /* The primary falls and stands up again. */
    :: atomic { p_up && crashes < CRASHES -> crash_primary(); check() }
    :: atomic { !p_up -> recover_primary(); check() }
    REPLICA(0)
    REPLICA(1)
    :: timeout ->
        /* PROGRESS */
        assert(p_acked == LSNS && r_seen[0] == LSNS && r_seen[1] == LSNS);
        break
    od
}
