#!/usr/bin/env python3
"""Writes migrations as a C source: embed_sql.py OUT.c FILE.sql ...

Each FILE is named NNNN_words.sql; the numbers count from 0001 without a gap.
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
    rows = []
    for number, path in enumerate(paths, start=1):
        name = os.path.basename(path)
        if not re.fullmatch(rf"{number:04d}_[a-z0-9_]+\.sql", name):
            sys.exit(f"{name}: expected {number:04d}_words.sql")
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
