"""The tables of the binary against those of the specification."""

import re

import pytest

from schema import ABSENT, ROOT, XSD
from tables import BEYOND, binary_methods, listed, spec_rows

COLUMNS = {"category": "category", "method": "name", "since": "since", "deprecated": "retired",
           "allowed_to": "allowedTo", "success": "success", "request": "request",
           "response": "response"}


def test_schema_is_there():
    """Without it no XML answer of this suite was validated."""
    if not XSD.exists():
        pytest.skip(ABSENT)
    assert XSD.stat().st_size > 100_000


def test_methods():
    ours = {(row["verb"], row["path"]): row for row in binary_methods()}
    theirs = {(row["verb"], row["path"]): row for row in spec_rows("methods.tsv")}
    assert len(ours) == len(binary_methods())
    assert not BEYOND & set(theirs), "these have rows now: take them out of BEYOND"
    assert set(ours) == set(theirs) | BEYOND
    assert all(listed(ours[key]["scopes"]) == ["no-scope-exists"] for key in BEYOND)
    for key, row in theirs.items():
        mine = ours[key]
        assert listed(mine["scopes"]) == listed(row["scopes_any"]), key
        for column, member in COLUMNS.items():
            if member in mine:
                assert (mine[member] or "") == (row[column] or ""), (key, column)
        if "errors" in mine:
            assert set(listed(mine["errors"])) == set(listed(row["errors"])), key


def test_errors():
    """Code, status and summary of every documented error."""
    text = (ROOT / "src/tbl/errors.def").read_text()
    ours = {int(code): (int(status), summary) for code, status, summary in
            re.findall(r'^ERROR\((\d+), (\d+), "([^"]*)"', text, re.M)}
    codes = [int(code) for code in re.findall(r"^ERROR\((\d+)", text, re.M)]
    assert codes == sorted(set(codes))
    for row in spec_rows("errors.tsv"):
        if not re.fullmatch(r"\d{6}", row["code"]):
            continue
        assert int(row["code"]) in ours, row
    # Of flow runs, by the error codes that the MCP server tells apart.
    clients = {403135, 404036}
    transport = {408000, 413000, 414000, 415000, 429000, 431000, 503000}
    documented = {int(row["code"]) for row in spec_rows("errors.tsv") if row["code"].isdigit()}
    assert set(ours) - documented <= transport | clients


def test_the_codes_that_a_status_of_their_own_have():
    text = (ROOT / "src/tbl/errors.def").read_text()
    odd = {code: status for code, status in re.findall(r"^ERROR\((\d+), (\d+)", text, re.M)
           if code[:3] != status}
    assert odd == {"409023": "404", "409028": "403", "409029": "403", "409030": "403",
                   "409087": "403"}
