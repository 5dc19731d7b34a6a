"""Server Info: open to all, the first thing every client asks."""

import re

from easel_client import NEWEST


def test_without_a_token(server, fmt):
    info = server.client(fmt=fmt).ok("GET", "/serverinfo", status=200).doc["serverInfo"]
    assert info["restApiVersion"] == NEWEST
    assert re.fullmatch(r"\d+\.\d+.*", info["productVersion"]["value"])
    assert info["productVersion"]["build"]


def test_json_members(server):
    reply = server.client(fmt="json").ok("GET", "/serverinfo")
    assert set(reply.json) == {"serverInfo"}
    assert isinstance(reply.json["serverInfo"]["restApiVersion"], str)


def test_path_without_regard_to_case_and_slash(server):
    client = server.client()
    for path in ("/serverInfo", "/SERVERINFO", "/serverinfo/", "/serverInfo/"):
        assert client.ok("GET", path).doc == client.ok("GET", "/serverinfo").doc


def test_from_2_4(server, fmt):
    client = server.client(fmt=fmt)
    assert client.ok("GET", "/serverInfo", version="2.4").doc["serverInfo"]["restApiVersion"] == NEWEST
    reply = client.refused(404003, "GET", "/serverInfo", version="2.3")
    assert reply.detail == "Unknown resource '/2.3/serverInfo' specified in URI."


def test_wrong_verb(server, fmt):
    for verb in ("POST", "PUT", "DELETE", "PATCH"):
        reply = server.client(fmt=fmt).refused(405000, verb, "/serverinfo")
        assert reply.detail == f"The HTTP method '{verb}' is not supported for the given resource"


def test_a_bad_token_does_not_matter(server):
    server.client().ok("GET", "/serverinfo", token="not-a-token")


def test_envelope(server):
    """Prolog, namespace and schema location, by which clients know the dialect."""
    reply = server.client().ok("GET", "/serverinfo")
    text = reply.body.decode("utf-8")
    assert re.match(r"<\?xml version=['\"]1\.0['\"] encoding=['\"]UTF-8['\"]", text)
    assert 'xmlns="http://tableau.com/api"' in text
    location = reply.xml.get("{http://www.w3.org/2001/XMLSchema-instance}schemaLocation")
    assert re.fullmatch(r"http://tableau\.com/api \S*ts-api_3_29\.xsd", location)
    assert "utf-8" in reply.headers["Content-Type"].lower()


def test_content_negotiation(server):
    client = server.client()
    for accept, kind in (("application/json", "json"), ("application/json;charset=UTF-8", "json"),
                         ("text/html, application/json;q=0.9", "json"), ("APPLICATION/JSON", "json"),
                         ("application/xml", "xml"), ("text/xml", "xml"), ("*/*", "xml"),
                         ("image/png", "xml"), ("", "xml")):
        reply = client.call("GET", "/serverinfo", accept=accept)
        assert reply.status == 200, accept
        assert (reply.json is not None) == (kind == "json"), accept
