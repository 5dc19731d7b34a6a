#!/usr/bin/env python3
"""Makes the seeds of tests/fuzz/fuzz_hyper.c: the samples with small directories."""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
TESTS = HERE.parent.parent
sys.path.insert(0, str(TESTS / "api"))

import hyperfile  # noqa: E402

for name, slots in (("pantab_types", 4), ("pantab_empty", 2), ("pantab_notnull", 3), ("sales_v2", 4),
                    ("superstore_denormalized", 4), ("superstore_sample", 5)):
    hyper = hyperfile.read((HERE / f"{name}.hyper").read_bytes())
    (TESTS / "fuzz/corpus/hyper" / name).write_bytes(hyper.write(slots, align=64))

packed = hyperfile.read((HERE / "pantab_notnull.hyper").read_bytes())
catalog = hyperfile.pack_lz4(json.dumps(packed.catalog).encode())
packed.blobs[hyperfile.CATALOG, 0, 0, 0] = hyperfile.Blob(catalog, True)
(TESTS / "fuzz/corpus/hyper/packed_catalog").write_bytes(packed.write(3, align=64))
