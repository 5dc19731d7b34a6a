#!/usr/bin/env python3
"""Writes the hand-made files of this folder: small ones that are read, and bad
ones, each wrong in one way. They are committed; run this after a change here.

    tests/data/content/make.py
"""
import pathlib
import struct
import zlib

HERE = pathlib.Path(__file__).resolve().parent
BOOK = b"<workbook version='18.1'><worksheets><worksheet name='Sheet 1'/></worksheets></workbook>"
SOURCE = b"<datasource formatted-name='x' version='18.1'><connection class='sqlserver'/></datasource>"


class Entry:
    """An entry of a zip archive, every field of which may be a lie."""

    def __init__(self, name, data=b"", *, deflate=True, flags=0, method=None, system=0, mode=0,
                 size=None, packed=None, crc=None, offset=None):
        self.name = name if isinstance(name, bytes) else name.encode()
        squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
        self.bytes = squeeze.compress(data) + squeeze.flush() if deflate else data
        self.method = method if method is not None else 8 if deflate else 0
        self.crc = zlib.crc32(data) if crc is None else crc
        self.size = len(data) if size is None else size
        self.packed = len(self.bytes) if packed is None else packed
        self.flags, self.system, self.mode, self.offset = flags, system, mode, offset

    def common(self):
        return struct.pack("<HHHHHIIIHH", 20, self.flags, self.method, 0, 0x21, self.crc,
                           self.packed, self.size, len(self.name), 0)

    def local(self):
        return b"PK\3\4" + self.common() + self.name + self.bytes

    def record(self, offset):
        offset = offset if self.offset is None else self.offset
        return (b"PK\1\2" + struct.pack("<H", self.system << 8 | 20) + self.common() +
                struct.pack("<HHHII", 0, 0, 0, self.mode << 16, offset) + self.name)


def archive(*entries, count=None, disk=0, comment=b"", before=b"", extra=b""):
    body, directory = before, b""
    for entry in entries:
        directory += entry.record(len(body))
        body += entry.local()
    count = len(entries) if count is None else count
    directory += extra
    return body + directory + b"PK\5\6" + struct.pack(
        "<HHHHIIH", disk, disk, count, count, len(directory), len(body), len(comment)) + comment


def archive64(count, size, *entries):
    """Counts and sizes in the long form, as they are claimed."""
    whole = archive(*entries)
    end = len(whole) - 22
    at = struct.unpack("<I", whole[-6:-2])[0]
    size = end - at if size is None else size
    return (whole[:end] + b"PK\6\6" + struct.pack(
                "<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, size, at) +
            b"PK\6\7" + struct.pack("<IQI", 0, end, 1) +
            b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0))


def book(*more, **options):
    return archive(Entry("Book.twb", BOOK), *more, **options)


def named(name):
    return book(Entry(name, b"x"))


def overlap():
    """Two records of one body, which together are larger than the file."""
    entries = [Entry(f"{i}.twb", BOOK + b" " * 2000, deflate=False, offset=0) for i in range(2)]
    body, directory = entries[0].local(), b"".join(entry.record(0) for entry in entries)
    return body + directory + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 2, 2, len(directory),
                                                      len(body), 0)


def workbook(inside, root="version='18.1'"):
    return f"<workbook {root}>{inside}</workbook>".encode()


def sheets(inside):
    return workbook(f"<worksheets>{inside}</worksheets>")


def deep(levels):
    return workbook("<a>" * levels + "</a>" * levels)


def crowd(count):
    return workbook("<a " + " ".join(f"a{i}='1'" for i in range(count)) + "/>")


GOOD = {
    "zip64.twbx": archive64(1, None, Entry("Book.twb", BOOK)),
    "stored.twbx": archive(Entry("Book.twb", BOOK, deflate=False)),
    "folders.twbx": archive(Entry("a/", deflate=False), Entry("a/Book.twb", BOOK),
                            Entry("Image/logo.png", b"x"), Entry("Data/x.hyper", b"Hyper\x08..")),
    "mac.twbx": archive(Entry("__MACOSX/._Book.twb", b"\0\5\x16\7"), Entry("Book.twb", BOOK)),
    "comment.twbx": book(comment=b"made by hand"),
    "unix.twbx": archive(Entry("Book.twb", BOOK, system=3, mode=0o100644)),
    "nested.twbx": archive(Entry("Data/inner.xlsx", archive(Entry("a", b"b")), deflate=False),
                           Entry("Book.twb", BOOK)),
    "plain.tdsx": archive(Entry("x.tds", SOURCE)),
    "bom.twb": b"\xef\xbb\xbf" + BOOK,
    "prefixes.twb": BOOK.replace(b"<worksheets>", b"<a xmlns:n='u'/>" * 20 + b"<worksheets>"),
    "declared.twb": b'<?xml version="1.0" encoding="UTF-8"?>\n' + BOOK,
    "flow.tfl": archive(Entry("flow", (HERE / "flow.json").read_bytes())),
}

BAD = {
    # not what the name says
    "empty.twbx": b"",
    "text.twbx": b"Dear reader,\n",
    "xml.twbx": BOOK,
    "zip.twb": book(),
    "zip.hyper": book(),
    "text.hyper": b"a,b\n1,2\n",
    "binary.csv": b"\0\1\2\3",
    "text.parquet": b"a,b\n",
    "hyper.tds": b"Hyper\x08\0\0",
    # whole archives
    "cut.twbx": book()[:-30],
    "cut-in-entry.twbx": archive(Entry("Book.twb", BOOK * 20))[:90],
    "garbage-behind.twbx": book() + b"more",
    "junk-before.twbx": b"PK\3\4" + book(),
    "count-high.twbx": book(count=3),
    "count-low.twbx": book(Entry("b", b"x"), count=1),
    "count-huge-64.twbx": archive64(1 << 40, None, Entry("Book.twb", BOOK)),
    "size-huge-64.twbx": archive64(1, 1 << 40, Entry("Book.twb", BOOK)),
    "end64-outside.twbx": archive64(1, None, Entry("Book.twb", BOOK))[:-34] +
                          struct.pack("<Q", 1 << 50) + struct.pack("<I", 1) +
                          archive64(1, None, Entry("Book.twb", BOOK))[-22:],
    "disks.twbx": book(disk=1),
    "no-workbook.twbx": archive(Entry("readme.txt", b"x")),
    "folder-workbook.twbx": archive(Entry("Book.twb/", deflate=False)),
    "no-source.tdsx": archive(Entry("Book.twb", BOOK)),
    "no-entries.twbx": archive(),
    # names
    "name-up.twbx": named("../evil"),
    "name-up-inside.twbx": named("Data/../../evil"),
    "name-up-end.twbx": named("Data/.."),
    "name-absolute.twbx": named("/etc/evil"),
    "name-backslash.twbx": named("..\\evil"),
    "name-drive.twbx": named("c:evil"),
    "name-nul.twbx": named(b"Image/a\0.png"),
    "name-control.twbx": named("a\nb"),
    "name-dot.twbx": named("./a"),
    "name-double-slash.twbx": named("a//b"),
    "name-empty.twbx": named(""),
    "name-latin1.twbx": named(b"caf\xe9"),
    "name-twice.twbx": book(Entry("Book.twb", BOOK)),
    "name-twice-case.twbx": book(Entry("BOOK.TWB", BOOK)),
    "name-file-and-folder.twbx": archive(Entry("a", b"x"), Entry("a/", deflate=False)),
    # what entries are
    "link.twbx": book(Entry("Data/x", b"/etc/passwd", system=3, mode=0o120777)),
    "pipe.twbx": book(Entry("Data/x", b"", system=3, mode=0o010644)),
    "encrypted.twbx": book(Entry("Data/x", b"x" * 20, flags=1)),
    "method.twbx": book(Entry("Data/x", b"x", method=12)),
    "bomb.twbx": archive(Entry("Book.twb", b" " * (17 << 20))),
    "bomb-claimed.twbx": book(Entry("Data/x.hyper", b"x", size=(1 << 32) - 2)),
    "overlap.twbx": overlap(),
    "longer.twbx": archive(Entry("Book.twb", BOOK, size=40)),
    "shorter.twbx": archive(Entry("Book.twb", BOOK, size=400)),
    "checksum.twbx": archive(Entry("Book.twb", BOOK, crc=1)),
    "stored-two-sizes.twbx": archive(Entry("Book.twb", BOOK, deflate=False, size=40)),
    # XML
    "blank.twb": b" \n ",
    "declaration-alone.twb": b"<?xml version='1.0'?>",
    "cut.twb": BOOK[:50],
    "cut-in-package.twbx": archive(Entry("a/Book.twb", b"<workbook>\n<datasources>")),
    "mismatch.twb": b"<workbook><a></b></workbook>",
    "behind.twb": BOOK + b"<workbook/>",
    "behind-nul.twb": BOOK + b"\0<x>garbage",
    "behind-nul.twbx": archive(Entry("Book.twb", BOOK + b"\n\0<x>garbage")),
    "behind-nul.tds": SOURCE + b"\0",
    "html.twb": b"<html><body>502 Bad Gateway</body></html>",
    "source.twb": SOURCE,
    "book.tds": BOOK,
    "laughs.twb": b"<!DOCTYPE workbook [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;'>]>"
                  b"<workbook version='&b;'/>",
    "external.twb": b"<!DOCTYPE workbook SYSTEM 'file:///etc/passwd'><workbook/>",
    "external-entity.tds": b"<!DOCTYPE datasource [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"
                           b"<datasource>&x;</datasource>",
    "entity.twb": workbook("&unknown;"),
    "utf16.twb": BOOK.decode().encode("utf-16"),
    "utf16-unmarked.twb": BOOK.decode().encode("utf-16-le"),
    "latin1.twb": b"<?xml version='1.0' encoding='iso-8859-1'?><workbook/>",
    "utf7.twb": b"<?xml version='1.0' encoding=\"UTF-7\"?><workbook/>",
    "not-utf8.twb": sheets("<worksheet name='caf?'/>").replace(b"caf?", b"caf\xe9"),
    "nul.twb": b"<workbook>\0</workbook>",
    "control.twb": b"<workbook>\1</workbook>",
    "deep.twb": deep(201),
    "crowd.twb": crowd(300),
    "namespaces.twb": workbook("".join(f"<a xmlns:n{i}='u{i}'>" for i in range(17)) + "</a>" * 17),
    "attribute-twice.twb": workbook("", "version='1' version='2'"),
    "sheet-twice.twb": sheets("<worksheet name='A'/><worksheet name='A'/>"),
    "sheet-unnamed.twb": sheets("<worksheet/>"),
    # flows
    "no-flow.tfl": archive(Entry("displaySettings", b"{}")),
    "broken.tfl": archive(Entry("flow", b'{"nodes": {')),
    "twice.tfl": archive(Entry("flow", b'{"nodes": {}, "nodes": {}}')),
    "list.tfl": archive(Entry("flow", b"[]")),
    "no-nodes.tfl": archive(Entry("flow", b"{}")),
    "node-text.tflx": archive(Entry("flow", b'{"nodes": {"a": "b"}}')),
    "xml.tfl": b"<flow/>",
}


def main():
    for folder, files in (("good", GOOD), ("bad", BAD)):
        (HERE / folder).mkdir(exist_ok=True)
        for name, data in files.items():
            (HERE / folder / name).write_bytes(data)


main()
