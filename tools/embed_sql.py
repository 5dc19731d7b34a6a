#!/usr/bin/env python3
"""Writes migrations as a C source: embed_sql.py OUT.c FILE.sql ...

Each FILE is named NNNN_words.sql; the numbers rise from 0001, and may leave gaps.
"""
import os
import re
import sys


def c_string(line):
    """One line of SQL as a C string literal."""
    escaped = line.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?")
    return f'"{escaped}\\n"'


def main(out, paths):
    paths = sorted(paths, key=os.path.basename)
    rows, last = [], 0
    for path in paths:
        name = os.path.basename(path)
        match = re.fullmatch(r"(\d{4})_[a-z0-9_]+\.sql", name)
        if not match or int(match.group(1)) <= last or (not last and int(match.group(1)) != 1):
            sys.exit(f"{name}: expected NNNN_words.sql, from 0001 on, with a number above {last:04d}")
        number = last = int(match.group(1))
        with open(path, encoding="utf-8") as file:
            text = "\n     ".join(c_string(line) for line in file.read().splitlines())
        rows.append(f'    {{{number}, "{name}",\n     {text}}},\n')
    with open(out, "w", encoding="utf-8") as file:
        file.write('/* Made by tools/embed_sql.py. */\n#include "store/db_priv.h"\n\n')
        file.write("const struct migration MIGRATIONS[] = {\n" + "".join(rows) + "};\n")
        file.write(f"const size_t MIGRATION_COUNT = {len(paths)};\n")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
