/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/cmocka_setup.h"

#include <errno.h>

#include "engine/manifest.h"
#include "tests/unit/engine/power_disk.h"

static aero_id id_of(uint8_t fill)
{
    aero_id id;
    memset(id.bytes, fill, sizeof id.bytes);
    return id;
}

static struct aero_manifest sample(void)
{
    struct aero_manifest manifest = {
        .generation = 7,
        .cluster_id = id_of(0x11),
        .node_id = id_of(0x22),
        .node_name = "alpha",
        .role = AERO_ROLE_PRIMARY,
        .epoch = {.value = 3},
        .gate = AERO_GATE_CUT,
        .gate_reason = "bytes were cut",
        .halt_reason = "",
        .wal_floor_sequence = 4,
        .snapshot_count = 2,
        .pin_count = 1,
        .damaged_count = 1,
        .damaged_segments = {2},
    };
    manifest.snapshots[0] = (struct aero_snapshot_entry){
        .id = id_of(0x31), .position = {.lsn = {.value = 100}, .chain = 1}, .sequence = 4};
    manifest.snapshots[1] = (struct aero_snapshot_entry){
        .id = id_of(0x32),
        .position = {.lsn = {.value = 200}, .chain = 2},
        .sequence = 6,
        .size_bytes = 4711,
        .entry_count = 12,
        .digest = {.low = 5, .high = 6},
        .damaged = true,
    };
    manifest.pins[0] =
        (struct aero_pin){.node_name = "beta", .sequence = 5, .durable = {.value = 150}};
    struct aero_incarnation incarnation = {
        .epoch = {.value = 3}, .nonce = id_of(0x41), .node_id = id_of(0x22), .node_name = "alpha"};
    struct aero_segment_start segment = {
        .sequence = 1, .nonce = id_of(0x51), .incarnation = id_of(0x41)};
    assert_int_equal(aero_history_add_incarnation(&manifest.history, &incarnation).code, AERO_OK);
    aero_history_add_segment(&manifest.history, &segment);
    return manifest;
}

static struct aero_buffer bytes_of(const struct aero_manifest *manifest)
{
    struct aero_buffer bytes = {0};
    aero_manifest_encode(manifest, AERO_MANIFEST_FIRST, &bytes);
    return bytes;
}

static void assert_same(const struct aero_manifest *a, const struct aero_manifest *b)
{
    struct aero_buffer bytes_a = bytes_of(a);
    struct aero_buffer bytes_b = bytes_of(b);
    assert_true(aero_slice_equal(aero_buffer_slice(&bytes_a), aero_buffer_slice(&bytes_b)));
    aero_buffer_deinit(&bytes_a);
    aero_buffer_deinit(&bytes_b);
}

static void test_decode_returns_what_encode_wrote(void **state)
{
    (void)state;
    struct aero_manifest manifest = sample();
    struct aero_manifest decoded;
    enum aero_manifest_copy copy;
    struct aero_buffer bytes = {0};
    aero_manifest_encode(&manifest, AERO_MANIFEST_SECOND, &bytes);
    assert_int_equal(aero_manifest_decode(aero_buffer_slice(&bytes), &decoded, &copy).code,
                     AERO_OK);
    assert_int_equal(copy, AERO_MANIFEST_SECOND);
    assert_int_equal(decoded.generation, 7);
    assert_string_equal(decoded.gate_reason, "bytes were cut");
    assert_true(decoded.snapshots[1].damaged);
    assert_int_equal(decoded.snapshots[1].digest.high, 6);
    assert_string_equal(decoded.pins[0].node_name, "beta");
    assert_int_equal(decoded.damaged_segments[0], 2);
    assert_same(&manifest, &decoded);
    aero_buffer_deinit(&bytes);
    aero_manifest_deinit(&manifest);
    aero_manifest_deinit(&decoded);
}

/* Every bit of every byte, and every truncation: FM-8.2. */
static void test_decode_detects_every_flipped_bit(void **state)
{
    (void)state;
    struct aero_manifest manifest = sample();
    struct aero_manifest decoded;
    enum aero_manifest_copy copy;
    struct aero_buffer bytes = bytes_of(&manifest);
    for (size_t i = 0; i < bytes.length * 8; i++) {
        bytes.data[i / 8] ^= (uint8_t)(1U << i % 8);
        assert_int_not_equal(aero_manifest_decode(aero_buffer_slice(&bytes), &decoded, &copy).code,
                             AERO_OK);
        bytes.data[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    for (size_t length = 0; length < bytes.length; length++) {
        assert_int_equal(
            aero_manifest_decode(aero_slice_of(bytes.data, length), &decoded, &copy).code,
            AERO_INCOMPLETE);
    }
    aero_buffer_deinit(&bytes);
    aero_manifest_deinit(&manifest);
}

/* Formats are for ever. The checksums are part of it: XXH3 of these very bytes. */
static void test_encode_writes_the_golden_bytes(void **state)
{
    (void)state;
    static const uint8_t golden_head[48] = {
        'A',  'E',  'R',  'O',  'M',  'A',  'N',  '1',  1,    0,    0,    0,
        1,    0,    0,    0,    7,    0,    0,    0,    0,    0,    0,    0,
        0x50, 0x04, 0,    0,    0,    0,    0,    0,    0x28, 0x07, 0x1a, 0x40,
        0x0d, 0xe7, 0xf7, 0xa8, 0x2c, 0x50, 0x09, 0xe0, 0x74, 0x31, 0x2b, 0x2c,
    };
    struct aero_manifest manifest = sample();
    struct aero_buffer bytes = bytes_of(&manifest);
    assert_int_equal(bytes.length, 48 + 648 + 2 * 88 + 80 + 8 + 16 + 120 + 56);
    assert_memory_equal(bytes.data, golden_head, sizeof golden_head);
    const uint8_t *body = bytes.data + 48;
    assert_int_equal(body[0], 0x11);
    assert_int_equal(body[16], 0x22);
    assert_string_equal((const char *)body + 32, "alpha");
    assert_int_equal(body[96], AERO_ROLE_PRIMARY);
    assert_int_equal(body[100], AERO_GATE_CUT);
    assert_int_equal(body[104], 3);
    assert_string_equal((const char *)body + 112, "bytes were cut");
    assert_int_equal(body[624], 4);
    assert_int_equal(body[632], 2);
    assert_int_equal(body[636], 1);
    assert_int_equal(body[640], 1);
    assert_int_equal(body[648], 0x31);
    assert_int_equal(body[648 + 88 + 72], 1); /* damaged */
    assert_string_equal((const char *)body + 824, "beta");
    aero_buffer_deinit(&bytes);
    aero_manifest_deinit(&manifest);
}

static void test_write_then_read_gives_the_newest(void **state)
{
    (void)state;
    struct power_disk *power = power_disk_new();
    struct aero_disk disk = power_disk_port(power);
    struct aero_manifest manifest = sample();
    struct aero_manifest read;
    struct aero_manifest_found found;
    assert_int_equal(aero_manifest_read(disk, &read, &found).code, AERO_NOT_FOUND);
    assert_int_equal(aero_manifest_write(disk, &manifest).code, AERO_OK);
    manifest.epoch.value = 4;
    assert_int_equal(aero_manifest_write(disk, &manifest).code, AERO_OK);
    power_disk_return(power, POWER_LOST, 0);
    assert_int_equal(aero_manifest_read(disk, &read, &found).code, AERO_OK);
    assert_true(found.slot_valid[0] && found.slot_valid[1]);
    assert_int_equal(found.generation[0], found.generation[1]);
    assert_int_equal(read.epoch.value, 4);
    assert_same(&manifest, &read);
    aero_manifest_deinit(&read);
    aero_manifest_deinit(&manifest);
    power_disk_free(power);
}

/* A long history does not fit the first piece that is read of a slot. */
static struct aero_manifest long_sample(void)
{
    struct aero_manifest manifest = sample();
    for (uint64_t i = 2; i < 2000; i++) {
        struct aero_segment_start start = {
            .sequence = i, .before = {.lsn = {.value = i}}, .nonce = id_of(1)};
        aero_history_add_segment(&manifest.history, &start);
    }
    return manifest;
}

static void test_read_takes_a_manifest_of_many_incarnations(void **state)
{
    (void)state;
    struct power_disk *power = power_disk_new();
    struct aero_disk disk = power_disk_port(power);
    struct aero_manifest manifest = long_sample();
    struct aero_manifest read;
    struct aero_manifest_found found;
    assert_int_equal(aero_manifest_write(disk, &manifest).code, AERO_OK);
    assert_int_equal(aero_manifest_read(disk, &read, &found).code, AERO_OK);
    assert_same(&manifest, &read);
    aero_manifest_deinit(&read);
    aero_manifest_deinit(&manifest);
    power_disk_free(power);
}

static void test_read_with_one_bad_slot_uses_the_other_and_says_so(void **state)
{
    (void)state;
    for (unsigned bad = 0; bad < 2; bad++) {
        struct power_disk *power = power_disk_new();
        struct aero_disk disk = power_disk_port(power);
        struct aero_manifest manifest = sample();
        struct aero_manifest read;
        struct aero_manifest_found found;
        assert_int_equal(aero_manifest_write(disk, &manifest).code, AERO_OK);
        power_bytes(power, "manifest")->data[bad * POWER_FOLDED_SLOT + 60] ^= 1;
        assert_int_equal(aero_manifest_read(disk, &read, &found).code, AERO_OK);
        assert_false(found.slot_valid[bad]);
        assert_true(found.slot_valid[1 - bad]);
        assert_int_equal(found.dubious, bad);
        assert_same(&manifest, &read);
        aero_manifest_deinit(&read);
        /* An unreadable slot is a bad one too; both bad are a refusal. */
        snprintf(power->bad_name, sizeof power->bad_name, "manifest");
        power->bad_offset = (1 - bad) * AERO_MANIFEST_SLOT_BYTES;
        assert_int_equal(aero_manifest_read(disk, &read, &found).code, AERO_CORRUPT);
        aero_manifest_deinit(&manifest);
        power_disk_free(power);
    }
}

/* A slot whose first piece is whole and whose rest is not is a bad one, and there: the other one counts. */
static void test_read_with_the_rest_of_a_slot_unreadable_uses_the_other(void **state)
{
    (void)state;
    for (unsigned bad = 0; bad < 2; bad++) {
        struct power_disk *power = power_disk_new();
        struct aero_disk disk = power_disk_port(power);
        struct aero_manifest manifest = long_sample();
        struct aero_manifest read;
        struct aero_manifest_found found;
        assert_int_equal(aero_manifest_write(disk, &manifest).code, AERO_OK);
        snprintf(power->bad_name, sizeof power->bad_name, "manifest");
        power->bad_offset = bad * AERO_MANIFEST_SLOT_BYTES + 100000;
        assert_int_equal(aero_manifest_read(disk, &read, &found).code, AERO_OK);
        assert_true(found.slot_present[bad] && !found.slot_valid[bad]);
        assert_int_equal(found.dubious, bad);
        assert_same(&manifest, &read);
        aero_manifest_deinit(&read);
        aero_manifest_deinit(&manifest);
        power_disk_free(power);
    }
}

/* FM-6.2c: what the disk refuses to read now may be read later, so "restore it from a backup" would be wrong. What is lost
 * (EIO) is damage. */
static void test_read_that_is_refused_is_no_damage(void **state)
{
    (void)state;
    static const struct {
        int sys_errno;
        enum aero_code code;
    } cases[] = {{ENOMEM, AERO_IO},
                 {EACCES, AERO_PERMISSION},
                 {EPERM, AERO_PERMISSION},
                 {EIO, AERO_CORRUPT}};
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        unsigned lost = i % 2;
        struct power_disk *power = power_disk_new();
        struct aero_disk disk = power_disk_port(power);
        struct aero_manifest manifest = sample();
        struct aero_manifest read;
        struct aero_manifest_found found;
        assert_int_equal(aero_manifest_write(disk, &manifest).code, AERO_OK);
        snprintf(power->bad_name, sizeof power->bad_name, "manifest");
        power->bad_offset = lost * AERO_MANIFEST_SLOT_BYTES;
        power_disk_fail_call(power, lost == 0 ? 3 : 2, aero_error_errno(cases[i / 2].sys_errno));
        aero_status status = aero_manifest_read(disk, &read, &found);
        assert_int_equal(status.code, cases[i / 2].code);
        assert_int_equal(status.sys_errno,
                         status.code == AERO_CORRUPT ? 0 : cases[i / 2].sys_errno);
        assert_int_equal(aero_manifest_read(disk, &read, &found).code, AERO_OK);
        aero_manifest_deinit(&read);
        aero_manifest_deinit(&manifest);
        power_disk_free(power);
    }
}

/* At the open, and at each of the two pieces of each slot. */
static void test_read_that_dies_at_any_call_unwinds_at_once(void **state)
{
    (void)state;
    struct power_disk *power = power_disk_new();
    struct aero_disk disk = power_disk_port(power);
    struct aero_manifest manifest = long_sample();
    struct aero_manifest read;
    struct aero_manifest_found found;
    assert_int_equal(aero_manifest_write(disk, &manifest).code, AERO_OK);
    for (uint64_t call = 1; call <= 5; call++) {
        power_disk_fail_call(power, call, aero_error(AERO_CRASHED));
        assert_int_equal(aero_manifest_read(disk, &read, &found).code, AERO_CRASHED);
        assert_int_equal(power->calls_after_crash, 0);
        power_disk_return(power, POWER_KEPT, 0);
    }
    aero_manifest_deinit(&manifest);
    power_disk_free(power);
}

/* Decision 13: the newer slot counts, whichever it is; the other was not written, or its write never reached the disk. */
static void test_read_takes_the_newer_of_two_whole_slots(void **state)
{
    (void)state;
    for (unsigned old = 0; old < 2; old++) {
        struct power_disk *power = power_disk_new();
        struct aero_disk disk = power_disk_port(power);
        struct aero_manifest manifest = sample();
        struct aero_manifest read;
        struct aero_manifest_found found;
        struct aero_buffer before = {0};
        assert_int_equal(aero_manifest_write(disk, &manifest).code, AERO_OK);
        aero_manifest_encode(&manifest, AERO_MANIFEST_FIRST, &before);
        manifest.epoch.value = 4;
        assert_int_equal(aero_manifest_write(disk, &manifest).code, AERO_OK);
        memcpy(power_bytes(power, "manifest")->data + old * POWER_FOLDED_SLOT, before.data,
               before.length);
        assert_int_equal(aero_manifest_read(disk, &read, &found).code, AERO_OK);
        assert_true(found.slot_valid[old] && found.generation[old] < found.generation[1 - old]);
        assert_same(&manifest, &read);
        aero_buffer_deinit(&before);
        aero_manifest_deinit(&read);
        aero_manifest_deinit(&manifest);
        power_disk_free(power);
    }
}

static void test_read_of_an_empty_file_finds_nothing(void **state)
{
    (void)state;
    static const uint8_t zeros[8192];
    struct aero_manifest read;
    struct aero_manifest_found found;
    for (size_t length = 0; length <= sizeof zeros; length += sizeof zeros) {
        struct power_disk *power = power_disk_new();
        power_put(power, "manifest", aero_slice_of(zeros, length));
        assert_int_equal(aero_manifest_read(power_disk_port(power), &read, &found).code,
                         AERO_NOT_FOUND);
        power_disk_free(power);
    }
}

/* A lost first page is no slot that was never written: with both lost there was a manifest, whatever else there is. */
static void test_read_of_slots_that_begin_with_zeros_finds_damage(void **state)
{
    (void)state;
    for (size_t zeros = 4096; zeros <= 100000; zeros += 100000 - 4096) {
        struct power_disk *power = power_disk_new();
        struct aero_disk disk = power_disk_port(power);
        struct aero_manifest manifest = long_sample();
        struct aero_manifest read;
        struct aero_manifest_found found;
        assert_int_equal(aero_manifest_write(disk, &manifest).code, AERO_OK);
        uint8_t *slots = power_bytes(power, "manifest")->data;
        memset(slots, 0, zeros);
        assert_int_equal(aero_manifest_read(disk, &read, &found).code, AERO_OK);
        assert_true(found.slot_present[0] && !found.slot_valid[0]);
        assert_same(&manifest, &read);
        aero_manifest_deinit(&read);
        memset(slots + POWER_FOLDED_SLOT, 0, zeros);
        assert_int_equal(aero_manifest_read(disk, &read, &found).code, AERO_CORRUPT);
        aero_manifest_deinit(&manifest);
        power_disk_free(power);
    }
}

/* The last that ends with the first piece or the second, and the first that does not. */
static void test_read_takes_a_manifest_that_ends_where_a_piece_does(void **state)
{
    (void)state;
    static const size_t lengths[] = {4096, 4104, 128 << 10};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct power_disk *power = power_disk_new();
        struct aero_disk disk = power_disk_port(power);
        struct aero_manifest manifest = sample();
        struct aero_manifest read;
        struct aero_manifest_found found;
        struct aero_buffer bytes = bytes_of(&manifest);
        size_t missing = lengths[i] - bytes.length;
        aero_buffer_deinit(&bytes);
        while (missing % 56 != 0) {
            manifest.damaged_segments[manifest.damaged_count++] = 2;
            missing -= 8;
        }
        for (uint64_t more = 0; more < missing / 56; more++) {
            struct aero_segment_start start = {
                .sequence = 2 + more, .before = {.lsn = {.value = more}}, .nonce = id_of(1)};
            aero_history_add_segment(&manifest.history, &start);
        }
        bytes = bytes_of(&manifest);
        assert_int_equal(bytes.length, lengths[i]);
        aero_buffer_deinit(&bytes);
        assert_int_equal(aero_manifest_write(disk, &manifest).code, AERO_OK);
        assert_int_equal(aero_manifest_read(disk, &read, &found).code, AERO_OK);
        assert_true(found.slot_valid[0] && found.slot_valid[1]);
        assert_same(&manifest, &read);
        aero_manifest_deinit(&read);
        aero_manifest_deinit(&manifest);
        power_disk_free(power);
    }
}

/* A slot that was never written is no damage: the other one counts. */
static void test_read_with_one_empty_slot_uses_the_other(void **state)
{
    (void)state;
    for (unsigned empty = 0; empty < 2; empty++) {
        struct power_disk *power = power_disk_new();
        struct aero_disk disk = power_disk_port(power);
        struct aero_manifest manifest = sample();
        struct aero_manifest read;
        struct aero_manifest_found found;
        assert_int_equal(aero_manifest_write(disk, &manifest).code, AERO_OK);
        memset(power_bytes(power, "manifest")->data + empty * POWER_FOLDED_SLOT, 0,
               POWER_FOLDED_SLOT);
        assert_int_equal(aero_manifest_read(disk, &read, &found).code, AERO_OK);
        assert_false(found.slot_present[empty]);
        assert_true(found.slot_present[1 - empty]);
        assert_int_equal(found.dubious, empty);
        assert_same(&manifest, &read);
        aero_manifest_deinit(&read);
        aero_manifest_deinit(&manifest);
        power_disk_free(power);
    }
}

static void reseal(uint8_t *slot, uint8_t version)
{
    slot[8] = version;
    uint64_t checksum = aero_checksum64(aero_slice_of(slot, 40));
    memcpy(slot + 40, &checksum, 8);
}

/* A history that does not decode is not taken for none, however right the checksums around it are. */
static void test_decode_refuses_a_history_that_is_none(void **state)
{
    (void)state;
    struct aero_manifest manifest = sample();
    struct aero_manifest decoded;
    enum aero_manifest_copy copy;
    struct aero_buffer bytes = bytes_of(&manifest);
    memset(bytes.data + bytes.length - 32, 0, 16); /* the last segment's nonce */
    uint64_t checksum = aero_checksum64(aero_slice_of(bytes.data + 48, bytes.length - 48));
    memcpy(bytes.data + 32, &checksum, 8);
    reseal(bytes.data, 1);
    assert_int_equal(aero_manifest_decode(aero_buffer_slice(&bytes), &decoded, &copy).code,
                     AERO_CORRUPT);
    aero_buffer_deinit(&bytes);
    aero_manifest_deinit(&manifest);
}

/* A count where older readers expect zeros is of a version that they do not know; without one they read on. */
static void test_a_count_of_lost_records_has_a_version_of_its_own(void **state)
{
    (void)state;
    struct aero_manifest manifest = sample();
    struct aero_manifest decoded;
    enum aero_manifest_copy copy;
    manifest.gate = AERO_GATE_PRIMARY_LOST;
    struct aero_buffer bytes = bytes_of(&manifest);
    assert_int_equal(bytes.data[8], 1);
    reseal(bytes.data, 2); /* nothing is counted */
    assert_int_equal(aero_manifest_decode(aero_buffer_slice(&bytes), &decoded, &copy).code,
                     AERO_CORRUPT);
    aero_buffer_deinit(&bytes);
    manifest.lost_count = 17;
    bytes = bytes_of(&manifest);
    assert_int_equal(bytes.data[8], 2);
    assert_int_equal(aero_manifest_decode(aero_buffer_slice(&bytes), &decoded, &copy).code,
                     AERO_OK);
    assert_int_equal(decoded.lost_count, 17);
    aero_manifest_deinit(&decoded);
    reseal(bytes.data, 1); /* reserved bytes that are not zero */
    assert_int_equal(aero_manifest_decode(aero_buffer_slice(&bytes), &decoded, &copy).code,
                     AERO_CORRUPT);
    aero_buffer_deinit(&bytes);
    aero_manifest_deinit(&manifest);
}

/* Never guess: the newer version's slot may be the newer one. */
static void test_read_refuses_a_version_to_come(void **state)
{
    (void)state;
    struct power_disk *power = power_disk_new();
    struct aero_disk disk = power_disk_port(power);
    struct aero_manifest manifest = sample();
    struct aero_manifest read;
    struct aero_manifest_found found;
    assert_int_equal(aero_manifest_write(disk, &manifest).code, AERO_OK);
    uint8_t *slot = power_bytes(power, "manifest")->data + POWER_FOLDED_SLOT;
    reseal(slot, 3);
    assert_int_equal(aero_manifest_read(disk, &read, &found).code, AERO_UNSUPPORTED);
    aero_manifest_deinit(&manifest);
    power_disk_free(power);
}

/* Decision 13 and 2: crash at every operation of a write, then of the write that recovery makes, whatever the disk kept. The
 * manifest is always the old or the new one, never a refusal; once the write returned it is the new one. */
static void test_write_crashed_anywhere_twice_leaves_old_or_new(void **state)
{
    (void)state;
    for (uint64_t first = 1; first <= 5; first++) {
        for (uint64_t second = 1; second <= 5; second++) {
            for (uint64_t seed = 0; seed < 40; seed++) {
                struct power_disk *power = power_disk_new();
                struct aero_disk disk = power_disk_port(power);
                struct aero_manifest manifest = sample();
                struct aero_manifest read;
                struct aero_manifest_found found;
                assert_int_equal(aero_manifest_write(disk, &manifest).code, AERO_OK);
                manifest.epoch.value = 4;
                manifest.pins[0].durable.value = 200; /* in another sector of the slot */
                power_disk_crash_at(power, first);
                bool done = aero_is_ok(aero_manifest_write(disk, &manifest));
                /* The process dies; what it saw is in the page cache, not on the disk. */
                power_disk_return(power, POWER_KEPT, 0);
                assert_int_equal(aero_manifest_read(disk, &read, &found).code, AERO_OK);
                uint64_t seen = read.epoch.value;
                assert_true(seen == 4 || (seen == 3 && !done));
                read.pins[0].durable.value = 300;
                power_disk_crash_at(power, second);
                bool again = aero_is_ok(aero_manifest_write(disk, &read));
                aero_manifest_deinit(&read);
                power_disk_return(power, POWER_TORN, seed);
                assert_int_equal(aero_manifest_read(disk, &read, &found).code, AERO_OK);
                assert_true(read.epoch.value == seen || (read.epoch.value == 3 && !again && !done));
                aero_manifest_deinit(&read);
                aero_manifest_deinit(&manifest);
                power_disk_free(power);
            }
        }
    }
}

/* The first manifest of a directory is there whole or not at all. */
static void test_first_write_crashed_anywhere_leaves_all_or_nothing(void **state)
{
    (void)state;
    for (uint64_t at = 1; at <= 8; at++) {
        for (uint64_t seed = 0; seed < 20; seed++) {
            struct power_disk *power = power_disk_new();
            struct aero_disk disk = power_disk_port(power);
            struct aero_manifest manifest = sample();
            struct aero_manifest read;
            struct aero_manifest_found found;
            power_disk_crash_at(power, at);
            bool done = aero_is_ok(aero_manifest_write(disk, &manifest));
            power_disk_return(power, POWER_TORN, seed);
            aero_status status = aero_manifest_read(disk, &read, &found);
            if (aero_is_ok(status)) {
                assert_true(found.slot_valid[0] && found.slot_valid[1]);
                aero_manifest_deinit(&read);
            } else {
                assert_int_equal(status.code, AERO_NOT_FOUND);
                assert_false(done);
            }
            aero_manifest_deinit(&manifest);
            power_disk_free(power);
        }
    }
}

static void test_ops_write_both_slots_each_synced(void **state)
{
    (void)state;
    struct power_disk *power = power_disk_new();
    struct aero_disk disk = power_disk_port(power);
    struct aero_manifest manifest = sample();
    struct aero_manifest read;
    struct aero_manifest_found found;
    struct aero_disk_handles handles = {{0}};
    struct aero_disk_op ops[AERO_MANIFEST_OPS_MAX];
    struct aero_buffer bytes = {0};
    assert_int_equal(aero_manifest_write(disk, &manifest).code, AERO_OK);
    for (uint64_t epoch = 10; epoch < 12; epoch++) {
        manifest.epoch.value = epoch;
        uint32_t count = aero_manifest_ops(&manifest, 3, epoch == 10, &bytes, ops);
        struct aero_disk_request request = {.id = 1, .ops = ops, .op_count = count};
        struct aero_disk_completion completion;
        aero_disk_run(disk, &handles, &request, &completion);
        assert_int_equal(completion.status.code, AERO_OK);
        power_disk_return(power, POWER_LOST, 0);
        assert_int_equal(aero_manifest_read(disk, &read, &found).code, AERO_OK);
        assert_true(found.slot_valid[0] && found.slot_valid[1]);
        assert_int_equal(found.generation[0], found.generation[1]);
        assert_int_equal(found.copy[0], AERO_MANIFEST_FIRST);
        assert_int_equal(found.copy[1], AERO_MANIFEST_SECOND);
        assert_int_equal(read.epoch.value, epoch);
        aero_manifest_deinit(&read);
        /* The kernel forgets nothing: the handle stays good. */
    }
    aero_disk_handles_close(disk, &handles);
    aero_buffer_deinit(&bytes);
    aero_manifest_deinit(&manifest);
    power_disk_free(power);
}

/* Damage is shown as long as the segment may be there. */
static void test_settle_damaged_forgets_what_is_below_the_floor(void **state)
{
    (void)state;
    struct aero_manifest manifest = {
        .wal_floor_sequence = 4, .damaged_count = 3, .damaged_segments = {2, 4, 7}};
    aero_manifest_settle_damaged(&manifest);
    assert_int_equal(manifest.damaged_count, 2);
    assert_int_equal(manifest.damaged_segments[0], 4);
    assert_int_equal(manifest.damaged_segments[1], 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settle_damaged_forgets_what_is_below_the_floor),
        cmocka_unit_test(test_decode_returns_what_encode_wrote),
        cmocka_unit_test(test_decode_detects_every_flipped_bit),
        cmocka_unit_test(test_encode_writes_the_golden_bytes),
        cmocka_unit_test(test_write_then_read_gives_the_newest),
        cmocka_unit_test(test_read_takes_a_manifest_of_many_incarnations),
        cmocka_unit_test(test_read_with_one_bad_slot_uses_the_other_and_says_so),
        cmocka_unit_test(test_read_with_the_rest_of_a_slot_unreadable_uses_the_other),
        cmocka_unit_test(test_read_that_is_refused_is_no_damage),
        cmocka_unit_test(test_read_that_dies_at_any_call_unwinds_at_once),
        cmocka_unit_test(test_read_takes_the_newer_of_two_whole_slots),
        cmocka_unit_test(test_read_of_an_empty_file_finds_nothing),
        cmocka_unit_test(test_read_of_slots_that_begin_with_zeros_finds_damage),
        cmocka_unit_test(test_read_takes_a_manifest_that_ends_where_a_piece_does),
        cmocka_unit_test(test_read_with_one_empty_slot_uses_the_other),
        cmocka_unit_test(test_decode_refuses_a_history_that_is_none),
        cmocka_unit_test(test_a_count_of_lost_records_has_a_version_of_its_own),
        cmocka_unit_test(test_read_refuses_a_version_to_come),
        cmocka_unit_test(test_write_crashed_anywhere_twice_leaves_old_or_new),
        cmocka_unit_test(test_first_write_crashed_anywhere_leaves_all_or_nothing),
        cmocka_unit_test(test_ops_write_both_slots_each_synced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
