# SPDX-License-Identifier: Apache-2.0
"""A replica's log is a prefix of its primary's, byte for byte (REP-2), looked at on two directories at rest.

For each segment of the replica, header and whole records are what the primary's file of that name holds; only segments that
are older than all of the primary's may be missing there, which truncated them. So a replica that began from a snapshot is
judged by what it has.
The walk follows docs/formats.md by itself; `aeroctl compare` says the same of chains and states by the engine's own."""
import os
import struct
import subprocess

from support.daemons import binary
from support.forge import RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES, checksum
from workload import Surprise

AT_FIRST_LSN, AT_NONCE, AT_CHECKSUM = 64, 72, SEGMENT_HEADER_BYTES - 8


def number(data, at):
    return struct.unpack_from("<Q", data, at)[0]


def record_end(data, at, lsn):
    """Where the record of this LSN ends, or None when no whole one of this segment stands there."""
    if at + RECORD_HEADER_BYTES > len(data) or data[at:at + 4] != b"AREC":
        return None
    payload_bytes = struct.unpack_from("<I", data, at + 8)[0]
    payload = at + RECORD_HEADER_BYTES
    end = payload + (payload_bytes + 7) // 8 * 8
    is_whole = (data[at + 32:at + 40] == data[AT_NONCE:AT_NONCE + 8] and number(data, at + 16) == lsn
                and end <= len(data) and not any(data[payload + payload_bytes:end])
                and checksum(data[payload:payload + payload_bytes]) == number(data, at + 48)
                and checksum(data[at:at + 56]) == number(data, at + 56))
    return end if is_whole else None


def logical_bytes(path):
    """Header and whole records; nothing when there is not even a header."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:8] != b"AEROSEG1" or checksum(data[:AT_CHECKSUM]) != number(data, AT_CHECKSUM):
        return b""
    end, lsn = SEGMENT_HEADER_BYTES, number(data, AT_FIRST_LSN)
    while (behind := record_end(data, end, lsn)) is not None:
        end, lsn = behind, lsn + 1
    return data[:end]


def segments(data_directory):
    directory = os.path.join(data_directory, "wal")
    return {name: os.path.join(directory, name) for name in sorted(os.listdir(directory))
            if name.endswith(".seg")}


def expect_prefix(primary, replica):
    """Raises Surprise with the segment and the first byte that differs."""
    theirs = segments(primary)
    compared = 0
    for name, path in segments(replica).items():
        ours = logical_bytes(path)
        if name not in theirs:
            if not theirs or name > min(theirs):
                raise Surprise(f"the primary has no {name}, of which the replica has {len(ours)} bytes")
            continue
        other = logical_bytes(theirs[name])[:len(ours)]
        if ours != other:
            at = next((i for i, pair in enumerate(zip(ours, other)) if pair[0] != pair[1]), len(other))
            raise Surprise(f"{name} of the replica is not what the primary has, from byte {at} on")
        compared += len(ours)
    if compared <= SEGMENT_HEADER_BYTES:
        raise Surprise("primary and replica have no record in common, so nothing was compared")


def judge_logs(primary, replica):
    """Of two data directories at rest: the bytes of their logs, then history and state as `aeroctl compare` sees them."""
    expect_prefix(primary, replica)
    done = subprocess.run([binary("aeroctl"), "compare", primary, replica], capture_output=True,
                          text=True, timeout=120)
    if done.returncode != 0:
        raise Surprise(f"aeroctl compare, {done.returncode}: {done.stdout}{done.stderr}")
