"""Extract files (.hyper) taken apart and put together by other code than the server's:
header, directory, blobs, catalog. Columns are left as bytes, but for their number of
rows; LZ4 and CRC-32C are written out.
"""

import json
import struct
from dataclasses import dataclass, field

IDENTITY, CATALOG, ROWS, DATA, DELETED, SAMPLE = range(1, 7)
PAGE = 4096


def _crc_table():
    table = []
    for i in range(256):
        crc = i
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


_TABLE = _crc_table()


def crc32c(seed, data):
    for byte in data:
        seed = seed >> 8 ^ _TABLE[(seed ^ byte) & 0xFF]
    return seed


def unpack_lz4(data, length):
    """One raw block."""
    out, at = bytearray(), 0

    def more(n):
        nonlocal at
        while n >= 15:
            n += data[at]
            at += 1
            if data[at - 1] != 255:
                break
        return n

    while at < len(data):
        token = data[at]
        at += 1
        literals = more(token >> 4)
        out += data[at:at + literals]
        at += literals
        if at == len(data):
            break
        back = data[at] | data[at + 1] << 8
        at += 2
        for _ in range(more(token & 15) + 4):
            out.append(out[-back])
    assert len(out) == length, (len(out), length)
    return bytes(out)


def pack_lz4(data):
    """The same bytes as a block of literals alone: valid, and no smaller."""
    n, head = len(data), b""
    if n >= 15:
        rest = n - 15
        head = b"\xFF" * (rest // 255) + bytes([rest % 255])
    return struct.pack("<I", n) + bytes([min(n, 15) << 4]) + head + data


@dataclass
class Blob:
    stored: bytes
    packed: bool = False
    tag: int = 0

    @property
    def bytes(self):
        if not self.packed:
            return self.stored
        return unpack_lz4(self.stored[4:], struct.unpack_from("<I", self.stored)[0])


@dataclass
class Hyper:
    page: bytes
    version: int
    generation: int
    blobs: dict = field(default_factory=dict)  # (kind, table, block, column) -> Blob

    @property
    def catalog(self):
        return json.loads(self.blobs[CATALOG, 0, 0, 0].bytes)

    @catalog.setter
    def catalog(self, value):
        self.blobs[CATALOG, 0, 0, 0] = Blob(json.dumps(value).encode())

    @property
    def tables(self):
        """Index and relation of each table that was not dropped."""
        return [(i, r) for i, r in enumerate(self.catalog["relations"]) if not r.get("dropped")]

    @property
    def table(self):
        (_, relation), = self.tables
        return relation

    def rows(self, table=0):
        """The number of rows, and the kinds of the blocks."""
        listed = self.blobs[ROWS, table, 0, 0].bytes
        return struct.unpack_from("<Q", listed)[0], struct.unpack(f"<{(len(listed) - 8) // 4}I",
                                                                  listed[8:])

    def block_rows(self, table=0):
        return [struct.unpack("<Q", self.blobs[DATA, table, block, 0].bytes)[0]
                for block in range(len(self.rows(table)[1]))]

    def block(self, block, table=0):
        """The blobs of a block, by column, as they are stored."""
        return {key[3]: (blob.stored, blob.packed) for key, blob in self.blobs.items()
                if key[:3] == (DATA, table, block)}

    def write(self, slots=8, align=65536):
        """The bytes of a file; slots: of its directory, as a power of two."""
        seed = 0x1234 if self.version == 2 else 0
        out = bytearray(2 * PAGE)
        entries = []

        def add(data):
            at = len(out)
            out.extend(data + struct.pack("<I", crc32c(seed, data)))
            out.extend(bytes(-len(out) % 64))
            return at

        for (kind, table, block, column), blob in sorted(self.blobs.items()):
            at = add(blob.stored)
            entries.append(struct.pack("<QQQQQBB6x", kind << 48 | blob.tag << 24 | column,
                                       table << 32 | block, len(blob.stored), at, len(out) - at, 1,
                                       blob.packed))
        while 1 << slots < len(entries):
            slots += 1
        directory = struct.pack("<Q", slots) + b"".join(entries)
        directory += bytes(48 * ((1 << slots) - len(entries)))
        directory += struct.pack("<Q", 0) + bytes.fromhex("1ada1ada00000000")
        at = add(directory)
        out.extend(bytes(-len(out) % align))
        for index in (0, 1):
            page = bytearray(self.page)
            struct.pack_into("<H", page, 0x0A, self.version)
            struct.pack_into("<QQQQQ", page, 0x30, self.generation + index, len(out), at,
                             len(directory), len(directory) + 64)
            struct.pack_into("<I", page, 0xFFC, crc32c(0, page[:0xFFC]))
            out[index * PAGE:(index + 1) * PAGE] = page
        return bytes(out)


def read(data):
    """Takes a file apart and checks every checksum, and that no two parts overlap."""
    pages = []
    for at in (0, PAGE):
        page = data[at:at + PAGE]
        assert page[:8] == b"Hyper\x08\0\0"
        assert crc32c(0, page[:0xFFC]) == struct.unpack_from("<I", page, 0xFFC)[0]
        pages.append((struct.unpack_from("<Q", page, 0x30)[0], page))
    generation, page = max(pages)
    assert pages[0][0] != pages[1][0]
    one, version = struct.unpack_from("<HH", page, 8)
    assert one == 1 and version in (0, 2)
    size, directory, length, reserved = struct.unpack_from("<QQQQ", page, 0x38)
    assert size == len(data) and size % 65536 == 0 and reserved >= length + 4
    seed = 0x1234 if version == 2 else 0
    used = [(0, 2 * PAGE)]

    def part(at, n):
        used.append((at, at + n + 4))
        found = data[at:at + n]
        assert crc32c(seed, found) == struct.unpack_from("<I", data, at + n)[0]
        return found

    hyper = Hyper(page, version, generation)
    table = part(directory, length)
    slots = 1 << struct.unpack_from("<Q", table)[0]
    hyper.states = []
    for i in range(slots):
        low, high, n, at, room, state, packed = struct.unpack_from("<QQQQQBB", table, 8 + 48 * i)
        hyper.states.append(state)
        if state != 1:
            continue
        assert at % 64 == 0 and room >= n + 4 and packed in (0, 1)
        key = (low >> 48, high >> 32, high & 0xFFFFFFFF, low & 0xFFFFFF)
        assert key not in hyper.blobs
        hyper.blobs[key] = Blob(part(at, n), packed == 1, low >> 24 & 0xFFFFFF)
    areas, = struct.unpack_from("<Q", table, 8 + 48 * slots)
    for i in range(areas):
        at, n = struct.unpack_from("<QQ", table, 16 + 48 * slots + 16 * i)
        used.append((at, at + n))
    assert table[16 + 48 * slots + 16 * areas:].rstrip(b"\0") == bytes.fromhex("1ada1ada")
    used.sort()
    assert all(a[1] <= b[0] for a, b in zip(used, used[1:])) and used[-1][1] <= size
    return hyper


def check(hyper):
    """That the parts of every table fit each other."""
    for index, relation in hyper.tables:
        columns = len(relation["attributes"])
        rows, kinds = hyper.rows(index)
        assert all(kind == 2 for kind in kinds)
        if kinds:
            assert hyper.blobs[DELETED, index, 0, 0].bytes == b"\0"
        counts = hyper.block_rows(index)
        assert sum(counts) == rows
        data = [key for key in hyper.blobs if key[:2] == (DATA, index)]
        assert len(data) == len(kinds) * (columns + 1)
        for block, count in enumerate(counts):
            for column in range(1, columns + 1):
                found = hyper.blobs[DATA, index, block, column].bytes
                assert struct.unpack_from("<Q", found)[0] == count
    return hyper
