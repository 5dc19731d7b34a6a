"""Rows of the specification's tables, and what the binary says of its own."""

import csv
import functools
import json
import re

import pytest

from schema import ABSENT, SPEC
from servers import run


# Methods that the reference documents, without a row in methods.tsv: "methods for label
# values and categories exist in the reference; their paths were not confirmed"
# (resources.md). Verbs, paths and statuses are those that clients send and expect; no
# scope is documented, so no JWT admits to them.
BEYOND = {
    ("GET", "/sites/{site-id}/labelValues"),
    ("GET", "/sites/{site-id}/labelValues/{label-value-name}"),
    ("PUT", "/sites/{site-id}/labelValues"),
    ("PUT", "/sites/{site-id}/labelValues/{label-value-name}"),
    ("DELETE", "/sites/{site-id}/labelValues/{label-value-name}"),
    ("GET", "/sites/{site-id}/labelCategories"),
    ("POST", "/sites/{site-id}/labelCategories"),
    ("PUT", "/sites/{site-id}/labelCategories/{label-category-name}"),
    ("DELETE", "/sites/{site-id}/labelCategories/{label-category-name}"),
}


def spec_rows(name):
    path = SPEC / name
    if not path.exists():
        pytest.skip(ABSENT)
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@functools.lru_cache(None)
def binary_methods():
    """`easel methods --json`: a list of objects."""
    document = json.loads(run("methods", "--json", check=0).stdout)
    return document["methods"] if isinstance(document, dict) else document


def listed(text):
    """The items of a cell or member that lists: 'a;b', or a list already."""
    if isinstance(text, list):
        return text
    return [item for item in (text or "").split(";") if item]


@functools.lru_cache(None)
def implemented():
    """(verb, path) of the methods that the server answers."""
    return {(row["verb"], row["path"]) for row in binary_methods() if row["implemented"]}


def unimplemented_rows():
    return [row for row in spec_rows("methods.tsv") if (row["verb"], row["path"]) not in
            implemented()]


def fill(path, **ids):
    """A path with its {parameters} replaced; unknown ones by a UUID of zeros."""
    return re.sub(r"\{([^}]+)\}", lambda match: ids.get(
        match.group(1), "00000000-0000-4000-8000-000000000000"), path)


def version_key(version):
    return tuple(int(part) for part in version.split("."))
