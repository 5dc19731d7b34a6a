#!/usr/bin/env python3
"""Runs the official request collection of the Tableau REST API against Easel.

    tests/postman/run.py MODULES [--write] [--only TEXT]

MODULES is the directory that holds node_modules. Each request of the collection
goes through newman unchanged but for what requests.json says of it (values that the
collection leaves to its reader, with the reason; `script` says why the collection's
own test of an answer cannot pass). The outcome of all requests must
be the one in results.json; --write writes that file, from which tools/compatibility
makes its table. --only runs the requests whose name holds TEXT and compares nothing.
"""

import copy
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from lxml import etree

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from state import Nowhere, State, VARIABLE, csv_line  # noqa: E402
import servers  # noqa: E402
from contents import (connection_xml, datasource_bytes, flow_bytes, package,  # noqa: E402
                      workbook_bytes)
from schema import SCHEMA, SPEC  # noqa: E402
from tables import implemented, spec_rows  # noqa: E402
from easel_client import Refused, unique  # noqa: E402

FIXTURES = SPEC.parent / "fixtures" / "postman"
COLLECTION = FIXTURES / "Tableau_REST_API.postman_collection.json"
ENVIRONMENT = FIXTURES / "Tableau Environment.postman_environment.json"
RESULTS = HERE / "results.json"
OVERRIDES = HERE / "requests.json"
MEMBERS = {"why", "body", "payload", "script", "path", "query", "values", "before", "expect"}


class Newman:
    """A process of node that answers one line for each request."""

    def __init__(self, modules):
        self.process = subprocess.Popen(["node", str(HERE / "newman.js"), os.path.abspath(modules)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, document):
        self.process.stdin.write(json.dumps(document) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"newman ended with status {self.process.wait()}")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)


def requests_of(collection):
    """(folder, item) of every request, in order."""
    def walk(items, folders):
        for item in items:
            if "item" in item:
                yield from walk(item["item"], folders + [item["name"]])
            else:
                yield "/".join(folders), item
    yield from walk(collection["item"], [])


def url_of(item):
    """The URL as an object (the collection writes some as plain text)."""
    url = item["request"]["url"]
    return {"raw": url} if isinstance(url, str) else url


def method_of(item, rows):
    """The row of the reference that the request addresses, or None."""
    path = re.sub(r"^\{\{(base|new)-path\}\}", "", url_of(item)["raw"]).split("?")[0].strip("/")
    mine = path.lower().split("/")
    found = []
    for row in rows:
        theirs = row["path"].split("?")[0].strip("/").lower().split("/")
        if row["verb"] != item["request"]["method"] or len(theirs) != len(mine):
            continue
        pairs = list(zip(mine, theirs))
        if all(wanted[0] == "{" or wanted == given for given, wanted in pairs):
            found.append((sum(wanted[0] == "{" for _, wanted in pairs), "?" in row["path"], row))
    return min(found, key=lambda entry: entry[:2])[2] if found else None


def change(item, override):
    """Puts what requests.json says of a request in its place."""
    request, url = item["request"], item["request"]["url"]
    for name, value in override.get("path", {}).items():
        entry = next(entry for entry in url["variable"] if entry["key"] == name)
        entry["value"] = value
    if "query" in override:
        url["query"] = [{"key": key, "value": value} for key, value in override["query"].items()]
    if "body" in override:
        language = "json" if override["body"].startswith("{") else "xml"
        request["body"] = {"mode": "raw", "raw": override["body"],
                           "options": {"raw": {"language": language}}}
    if "payload" in override:
        next(part for part in request["body"]["formdata"]
             if part["key"] == "request_payload")["value"] = override["payload"]


def file_of(key, state):
    """(name, bytes) of a file that the collection's author had at hand."""
    if key == "tableau_workbook":
        return "workbook.twb", workbook_bytes(connection=connection_xml())
    if key == "tableau_datasource":
        return "source.tdsx", package("source.tds", datasource_bytes())
    if key == "tableau_flow":
        return "flow.tfl", flow_bytes()
    if key == "tableau_file":
        return "piece.bin", b"a piece of a file"
    if "delete" in key:
        return "users.csv", f"{state.get('username')}\n".encode()
    return "users.csv", csv_line(unique("import")).encode()


def put_files(item, directory, state):
    """Files in place of those that lay with the collection's author."""
    body = item["request"].get("body") or {}
    for part in body.get("formdata", []):
        if part["type"] == "file":
            name, data = file_of(part["key"], state)
            path = pathlib.Path(directory) / name
            path.write_bytes(data)
            part["src"] = str(path)


def parsed(answer):
    """(XML document or None, error code or None) of an answer."""
    if answer["body"] and "xml" in answer["type"]:
        document = etree.fromstring(answer["body"].encode())
        error = document.find("{*}error")
        return document, error.get("code") if error is not None else None
    if answer["body"] and "json" in answer["type"]:
        return None, json.loads(answer["body"]).get("error", {}).get("code")
    return None, None


class Runner:
    def __init__(self, server, newman, directory):
        self.server, self.newman, self.directory = server, newman, directory
        self.home = server.admin()
        self.collection = json.loads(COLLECTION.read_text())
        self.environment = json.loads(ENVIRONMENT.read_text())
        self.rows = spec_rows("methods.tsv")
        self.overrides = json.loads(OVERRIDES.read_text())

    def send(self, items, state):
        """Requests through newman, with the variables that they name; an answer for each."""
        own = {entry["key"] for entry in self.collection["variable"]}
        for name in sorted(set(VARIABLE.findall(json.dumps(items))) - own):
            state.get(name)
        values = {entry["key"]: entry["value"] for entry in self.environment["values"]}
        values.update(state.known)
        environment = {**self.environment, "values": [
            {"key": key, "value": value, "enabled": True} for key, value in values.items()]}
        collection = {key: self.collection[key] for key in ("info", "auth", "event")}
        collection["variable"] = copy.deepcopy(self.collection["variable"])
        for entry in collection["variable"]:
            if entry["key"] in ("protocol", "api-key"):
                entry["value"] = state.known[entry["key"]]
        collection["item"] = items
        answers = self.newman.run({"collection": collection, "environment": environment,
                                   "workingDir": str(self.directory)})
        assert len(answers) == len(items)
        return answers

    def run(self, requests):
        """[(request, result, complaint)]: what becomes of each; a complaint where that is wrong."""
        requests = [Request(folder, item, self) for folder, item in requests]
        # What no method takes changes nothing and goes through newman at one time.
        idle = [request for request in requests if not request.served]
        if idle:
            state = Nowhere(self.server, self.home)
            answers = self.send([request.item for request in idle], state)
            for request, answer in zip(idle, answers):
                request.answer = answer
        for request in requests:
            if request.served:
                self.one(request)
            if request.answer:
                request.judge()
        return requests

    def one(self, request):
        state = State(self.server, self.home)
        try:
            put_files(request.item, self.directory, state)
            for call in request.override.get("before", []):
                state.prepare(*call)
            state.known.update({key: state.fill(value)
                                for key, value in request.override.get("values", {}).items()})
            [request.answer] = self.send([request.item], state)
        except Refused as refusal:
            request.complaint = f"could not be prepared: {refusal}"


class Request:
    """A request of the collection, what came back and what is wrong with that."""

    def __init__(self, folder, item, runner):
        self.key = f"{folder}/{item['name']}"
        self.item = copy.deepcopy(item)
        self.override = runner.overrides.get(self.key, {})
        self.row = method_of(self.item, runner.rows)
        self.served = self.row is not None and \
            (self.row["verb"], self.row["path"]) in implemented()
        self.answer = self.complaint = None
        change(self.item, self.override)
        self.result = {"folder": folder, "name": item["name"], "verb": item["request"]["method"],
                       "outcome": "fails", "status": None, "code": None, "filled": None,
                       "why": None}

    def judge(self):
        answer = self.answer
        self.result["status"] = answer["status"]
        self.result["filled"] = self.override.get("why") if self.served else None
        self.complaint = f"no answer: {answer['error']}" if answer["error"] else self.wrong(
            self.result, answer)
        if self.complaint:
            self.complaint += (f"\n    sent {answer['verb']} {answer['url']} {answer['sent']!r}"
                               f"\n    got {answer['status']} {answer['body']!r}"
                               f"\n    {answer['failures']}")

    def wrong(self, result, answer):
        """Fills the outcome in; says what is wrong with the answer, or None."""
        document, result["code"] = parsed(answer)
        if self.row and self.row["path"].endswith("/content") and result["code"] is None:
            document = None  # a file, not an answer of the schema
        if self.row is None:
            result.update(outcome="not in the reference",
                          why=self.override.get("why", "the reference has no such method"))
            return None if result["code"] in ("404003", "405000", "404000") else "answered"
        if not self.served:
            result.update(outcome="not served", why="the method is not served yet")
            return None if result["code"] in ("404003", "405000") else "served against the table"
        if document is not None and SCHEMA.complaint(document):
            return f"not valid: {SCHEMA.complaint(document)}"
        expected = self.override.get("expect")
        if expected:
            result.update(outcome="refused", why=expected["why"])
            return None if result["code"] == expected["code"] else f"expected {expected['code']}"
        if str(answer["status"]) not in re.findall(r"\d{3}", self.row["success"]):
            return "must succeed"
        if answer["failures"] and "script" in self.override:
            result.update(outcome="answered", why=self.override["script"])
            return None
        if answer["failures"]:
            return "the collection's own test fails"
        result["outcome"] = "passes"
        return wrong_credentials(document, answer)


def wrong_credentials(document, answer):
    """The collection's script takes the token and the site of a sign-in from the answer."""
    found = document.find("{*}credentials") if document is not None else None
    if found is None:
        return None
    site = found.find("{*}site").get("id")
    if answer["variables"].get("api-key") != found.get("token") or \
            answer["environment"].get("site-id") != site:
        return "the collection's script did not find token and site"
    return None


def complaints_of_overrides(overrides, names):
    """Entries that mean nothing or give no reason."""
    for name, override in overrides.items():
        if name not in names:
            yield f"requests.json: no request {name!r} in the collection"
        reasons = (override.get("why"), override.get("script"), override.get("expect", {}).get("why"))
        if set(override) - MEMBERS or not any(reasons):
            yield f"requests.json: {name}: unknown members, or no reason"


def compare(results):
    """Lines in which the run differs from results.json."""
    recorded = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    for old, new in zip(recorded, results):
        if old != new:
            yield f"recorded {old}\n    found {new}"
    if len(recorded) != len(results):
        yield f"recorded {len(recorded)} requests, found {len(results)}"


def text_of(results):
    """One line for each request, so that a change shows as one."""
    lines = ",\n".join(json.dumps(result, ensure_ascii=False) for result in results)
    return f"[\n{lines}\n]\n"


def run_all(modules, only):
    """(results, complaints) of the requests whose name holds `only`."""
    complaints = []
    server = servers.Server("sqlite", env=servers.RELAXED)
    newman = Newman(modules)
    try:
        with tempfile.TemporaryDirectory(prefix="easel-postman-") as directory:
            runner = Runner(server, newman, directory)
            requests = list(requests_of(runner.collection))
            names = {f"{folder}/{item['name']}" for folder, item in requests}
            complaints += complaints_of_overrides(runner.overrides, names)
            done = runner.run([(folder, item) for folder, item in requests
                               if only in f"{folder}/{item['name']}"])
            complaints += [f"{request.key}: {request.complaint}" for request in done
                           if request.complaint]
        server.stop()
    finally:
        newman.close()
        server.discard()
    return [request.result for request in done], complaints


def main(arguments):
    write, only = "--write" in arguments, ""
    if "--only" in arguments:
        only = arguments[arguments.index("--only") + 1]
    if not COLLECTION.exists():
        print(f"skipped: no request collection in {FIXTURES} (set EASEL_SPEC)")
        return
    results, complaints = run_all(arguments[0], only)
    if write and not only and not complaints:
        RESULTS.write_text(text_of(results))
    if not write and not only:
        complaints += compare(results)
    for complaint in complaints:
        print(complaint)
    count = sum(result["outcome"] == "passes" for result in results)
    print(f"{count} of {len(results)} requests of the collection pass, {len(complaints)} complaints")
    sys.exit(1 if complaints else 0)


main(sys.argv[1:])
