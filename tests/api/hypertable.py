"""Tables of extract files (.hyper) with their values, made and read by other code than the
server's. A table is made in one scheme for all columns: dictionaries with codes of 16 bits.
It is read in every scheme that the format is known to have.

Values are those of Python: bool, int, float, str, date, datetime, None.
"""

import struct
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import hyperfile
from hyperfile import CATALOG, DATA, DELETED, ROWS, Blob, Hyper

HEADER = 48
JULIAN = 1721425  # of the day before 0001-01-01, so that ordinals add to it
WIDTHS = {"Bool": 1, "SmallInt": 2, "Integer": 4, "Date": 4, "BigInt": 8, "Double": 8,
          "Timestamp": 8, "Varchar": 0}
MICROS = timedelta(microseconds=1)
DAY = 86_400_000_000


def to_number(kind, value):
    """The bits of a fixed value, unsigned."""
    if kind == "Double":
        return struct.unpack("<Q", struct.pack("<d", value))[0]
    if kind == "Date":
        return value.toordinal() + JULIAN
    if kind == "Timestamp":
        return (value.toordinal() + JULIAN) * DAY + (value - datetime.combine(
            value.date(), datetime.min.time())) // MICROS
    return int(value) & (1 << 8 * WIDTHS[kind]) - 1


def to_value(kind, number):
    width = WIDTHS[kind]
    if kind == "Double":
        return struct.unpack("<d", struct.pack("<Q", number))[0]
    if kind == "Date":
        return date.fromordinal(number - JULIAN)
    if kind == "Timestamp":
        return datetime.combine(date.fromordinal(number // DAY - JULIAN),
                                datetime.min.time()) + number % DAY * MICROS
    if kind == "Bool":
        return bool(number)
    return number - (1 << 8 * width) if number >> 8 * width - 1 else number


def pad(data):
    return data + bytes(-len(data) % 16)


def ranges_of(kind, values, low):
    """{slot: (first row, last row + 1)} of the rows that a value leads to."""

    def turned(value):
        bits = to_number(kind, value)
        if kind == "Double":
            return ~bits & (1 << 64) - 1 if bits >> 63 else bits | 1 << 63
        return bits

    found = {}
    for row, value in enumerate(values):
        if value is None:
            continue
        if kind == "Varchar":
            slot = (value.encode() or b"\0")[0]
        else:
            far = turned(value) - turned(low) & (1 << 8 * WIDTHS[kind]) - 1
            byte = max(0, (far.bit_length() - 1) // 8)
            slot = 256 * byte + (far >> 8 * byte)
        found[slot] = (found.get(slot, (row,))[0], row + 1)
    return found


# ---------------------------------------------------------------- making
def encode(kind, values):
    """A column: a dictionary in the order of first use, codes of 16 bits."""
    nulls = [i for i, value in enumerate(values) if value is None]
    entries = list(dict.fromkeys(value for value in values if value is not None))
    places = {value: i + bool(nulls) for i, value in enumerate(entries)}
    width, area, dictionary = WIDTHS[kind], b"", b""
    if nulls:
        dictionary += bytes(width or 4)
    for value in entries:
        if width:
            dictionary += to_number(kind, value).to_bytes(width, "little")
            continue
        text = value.encode()
        assert len(text) < 256
        if len(text) <= 3:
            dictionary += bytes([len(text)]) + text.ljust(3, b"\0")
        else:
            dictionary += bytes([len(text)]) + len(area).to_bytes(3, "little")
            area += text
    sort = None if width else str.encode
    bounds = [min(entries, key=sort), max(entries, key=sort)] if entries else []
    if width:
        head = b"".join(to_number(kind, value).to_bytes(width, "little") for value in bounds)
        head = head.ljust(max(4, 2 * width), b"\0")
    else:
        head = b"".join(struct.pack("<I", len(text)) + (
            text.ljust(12, b"\0") if len(text) <= 12 else
            struct.pack("<IQ", 0, area.index(text))) for text in map(str.encode, bounds))
        head = head.ljust(32, b"\0")
    found = ranges_of(kind, values, bounds[0]) if bounds else {}
    head += b"".join(struct.pack("<II", *found.get(slot, (0, 0)))
                     for slot in range(256 * (width or 1)))
    head += struct.pack("<III", *((nulls[0], nulls[-1] + 1) if nulls else (0, 0)),
                        len(entries) + bool(nulls))
    head = pad(head)
    coded = pad(head + dictionary)
    codes = struct.pack(f"<{len(values)}H", *(0 if v is None else places[v] for v in values))
    whole = pad(coded + codes)
    scheme = (0x0E if nulls else 0x02) if width else (0x29 if nulls else 0x25)
    return struct.pack("<6Q", len(values), len(head), len(coded), scheme, len(whole), 0) + \
        whole + pad(area)


@dataclass
class Table:
    """columns: (name, type) or (name, type, more) with more of "null", a collation."""
    name: str
    columns: list
    rows: list = field(default_factory=list)
    schema: str = "Extract"


def make(*tables, block=65536):
    """The bytes of a file with these tables."""
    page = bytearray(hyperfile.PAGE)
    page[:10] = b"Hyper\x08\0\0\1\0"
    hyper = Hyper(bytes(page), 0, 1)
    schemas = list(dict.fromkeys(table.schema for table in tables))
    relations = []
    for index, table in enumerate(tables):
        attributes = []
        for name, kind, *more in table.columns:
            attribute = {"name": name, "type": [kind] + (["nullable"] if "null" in more else [])}
            attribute.update({"collate": word for word in more if word != "null"})
            attributes.append(attribute)
        counts = [sum(row[i] is None for row in table.rows) for i in range(len(table.columns))]
        relations.append({"name": table.name, "parent": 32 + schemas.index(table.schema),
                          "type": "block", "attributes": attributes, "nullCounts": counts})
        blocks = [table.rows[at:at + block] for at in range(0, len(table.rows), block)]
        for number, rows in enumerate(blocks):
            hyper.blobs[DATA, index, number, 0] = Blob(struct.pack("<Q", len(rows)))
            for i, (_, kind, *_) in enumerate(table.columns):
                hyper.blobs[DATA, index, number, i + 1] = Blob(
                    encode(kind, [row[i] for row in rows]))
        hyper.blobs[ROWS, index, 0, 0] = Blob(
            struct.pack(f"<Q{len(blocks)}I", len(table.rows), *[2] * len(blocks)))
        if blocks:
            hyper.blobs[DELETED, index, 0, 0] = Blob(b"\0")
    hyper.catalog = {"namespaces": [{"name": name} for name in schemas], "relations": relations}
    return hyper.write()


# ---------------------------------------------------------------- reading
DICTIONARY = {0x01: 8, 0x02: 16, 0x0E: 16, 0x18: 1, 0x19: 2, 0x1A: 4, 0x1F: 2, 0x20: 4}
SHORT = {0x24: 8, 0x25: 16, 0x28: 8, 0x29: 16, 0x2C: 1, 0x2D: 2, 0x2E: 4, 0x2F: 1, 0x30: 2,
         0x31: 4}
TRUNCATED = {0x07: 8, 0x08: 16, 0x13: 8}
RAW, DIRECT, SINGLE = 0x0A, 0x27, 0x32
NULLABLE = {0x0E, 0x13, 0x1F, 0x20, 0x28, 0x29, 0x2F, 0x30, 0x31}


def codes_of(data, rows, bits):
    if bits >= 8:
        size = bits // 8
        return [int.from_bytes(data[i * size:(i + 1) * size], "little") for i in range(rows)]
    return [data[i * bits // 8] >> 8 - bits - i * bits % 8 & (1 << bits) - 1 for i in range(rows)]


def decode(kind, data):
    """The values of a column. Checks what stands beside them: the places of its parts, least
    and greatest value, the ranges of rows, the number of different values."""
    rows, dictionary, codes_at, scheme, strings, zero = struct.unpack_from("<6Q", data)
    body, width = data[HEADER:], WIDTHS[kind]
    assert zero == 0

    def number(at):
        return int.from_bytes(body[at:at + width], "little")

    def area(offset, length):
        return body[strings + offset:strings + offset + length]

    def bound(at):
        length, = struct.unpack_from("<I", body, at)
        if length <= 12:
            return body[at + 4:at + 4 + length].decode()
        return area(struct.unpack_from("<Q", body, at + 8)[0], length).decode()

    def short(at):
        if width:
            return struct.unpack_from("<f", body, at)[0]
        length = body[at]
        return (body[at + 1:at + 1 + length] if length <= 3 else
                area(int.from_bytes(body[at + 1:at + 4], "little"), length)).decode()

    def wide(at):
        if width:
            return to_value(kind, number(at))
        length, offset = struct.unpack_from("<II", body, at)
        return area(offset, length).decode()

    if scheme == SINGLE:
        assert (dictionary, codes_at, strings) == (0, 0, 16)
        return [to_value(kind, number(0)) if width else bound(0)] * rows
    ranges = max(4, 2 * width) if width else 32
    after = ranges + 256 * (width or 1) * 8
    first, end, different = struct.unpack_from("<III", body, after)
    assert dictionary == len(pad(bytes(after + 12)))
    nullable = scheme in NULLABLE
    if scheme in DICTIONARY or scheme in SHORT:
        entry = 4 if scheme in SHORT else width or 8
        read = short if scheme in SHORT else wide
        assert codes_at == len(pad(bytes(dictionary + entry * different)))
        bits = DICTIONARY.get(scheme) or SHORT[scheme]
        entries = [None if nullable and i == 0 else read(dictionary + entry * i)
                   for i in range(different)]
        values = [entries[code] for code in codes_of(body[codes_at:], rows, bits)]
    elif scheme in TRUNCATED:
        least = to_value(kind, number(0)) if kind != "Date" else number(0)
        values = [None if nullable and code == 0 else least + code - nullable
                  for code in codes_of(body[codes_at:], rows, TRUNCATED[scheme])]
        if kind == "Date":
            values = [v if v is None else to_value(kind, v) for v in values]
    elif scheme == RAW:
        values = [to_value(kind, number(codes_at + 8 * i)) for i in range(rows)]
    else:
        assert scheme == DIRECT, scheme
        values = [short(codes_at + 4 * i) for i in range(rows)]
    there = [v for v in values if v is not None]
    nulls = [i for i, v in enumerate(values) if v is None]
    assert (first, end) == ((nulls[0], nulls[-1] + 1) if nulls else (0, 0))
    if there:
        key = None if width else str.encode
        low, high = min(there, key=key), max(there, key=key)
        assert low == (to_value(kind, number(0)) if width else bound(0))
        assert high == (to_value(kind, number(width)) if width else bound(16))
        assert different == len(set(there)) + bool(nulls)
        found = ranges_of(kind, values, low)
        for slot in range((after - ranges) // 8):
            assert struct.unpack_from("<II", body, ranges + 8 * slot) == found.get(slot, (0, 0))
    return values


def tables(data, check=True):
    """{name: rows} of a file, whose checksums and lists are checked."""
    hyper = hyperfile.check(hyperfile.read(data))
    found = {}
    for index, relation in hyper.tables:
        kinds = [attribute["type"][0] for attribute in relation["attributes"]]
        rows = []
        for block in range(len(hyper.rows(index)[1])):
            columns = [decode(kind, hyper.blobs[DATA, index, block, i + 1].bytes)
                       for i, kind in enumerate(kinds)]
            rows += [list(row) for row in zip(*columns)]
        counts = [sum(row[i] is None for row in rows) for i in range(len(kinds))]
        assert not check or relation.get("nullCounts", counts) == counts
        found[relation["name"]] = rows
    assert CATALOG in {key[0] for key in hyper.blobs}
    return found
