# SPDX-License-Identifier: Apache-2.0
"""Bytes of a data directory that no daemon would write, with checksums that hold (docs/formats.md): what only another version, a
second primary or a defect could have left."""
import ctypes
import struct

SLOT_BYTES = 4 << 20
HEAD_BYTES = 48
CLUSTER_ID, NODE_ID, EPOCH = 0, 16, 104  # offsets in the manifest's body
SEGMENT_HEADER_BYTES = 4096
SEGMENT_CLUSTER_ID = 16
RECORD_HEADER_BYTES = 64


def checksum(data):
    library = ctypes.CDLL("libxxhash.so.0")
    library.XXH3_64bits.restype = ctypes.c_uint64
    library.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    return library.XXH3_64bits(bytes(data), len(data))


def edit_manifest(path, offset, data):
    """Puts `data` at `offset` of the body, in both slots."""
    with open(path, "r+b") as file:
        for slot in (0, SLOT_BYTES):
            file.seek(slot)
            head = bytearray(file.read(HEAD_BYTES))
            body = bytearray(file.read(struct.unpack_from("<Q", head, 24)[0]))
            body[offset:offset + len(data)] = data
            struct.pack_into("<Q", head, 32, checksum(body))
            struct.pack_into("<Q", head, 40, checksum(head[:40]))
            file.seek(slot)
            file.write(head + body)


def edit_segment(path, offset, data):
    """Puts `data` at `offset` of the header."""
    with open(path, "r+b") as file:
        header = bytearray(file.read(SEGMENT_HEADER_BYTES))
        header[offset:offset + len(data)] = data
        struct.pack_into("<Q", header, SEGMENT_HEADER_BYTES - 8, checksum(header[:-8]))
        file.seek(0)
        file.write(header)


def fill_commit(path, offset, byte):
    """The operations of the commit at `offset` become `byte`: sound in its place, and nothing behind it follows any more."""
    with open(path, "r+b") as file:
        file.seek(offset)
        header = bytearray(file.read(RECORD_HEADER_BYTES))
        payload = bytearray(file.read(struct.unpack_from("<I", header, 8)[0]))
        payload[8:] = bytes([byte]) * (len(payload) - 8)  # behind the expiry clock
        struct.pack_into("<Q", header, 48, checksum(payload))
        struct.pack_into("<Q", header, 56, checksum(header[:56]))
        file.seek(offset)
        file.write(header + payload)


def change_memory(pid, old, new):
    """In all of a process's memory that can be written: a bit that flipped, where no checksum of a disk looks. How often."""
    assert len(old) == len(new)
    changed = 0
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        for line in maps:
            words = line.split()
            first, end = (int(word, 16) for word in words[0].split("-"))
            if not words[1].startswith("rw") or words[-1].startswith("[v"):
                continue
            memory.seek(first)
            data = memory.read(end - first)
            at = data.find(old)
            while at >= 0:
                memory.seek(first + at)
                memory.write(new)
                changed += 1
                at = data.find(old, at + 1)
    return changed
