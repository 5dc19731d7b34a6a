"""What the Python client (TSC) sends, and how it reads what comes back.

Small equivalents of its request factory and of the parsers of its models: documents
without a namespace, "True" in one place and "true" in another, multipart bodies whose
file comes first, elements found anywhere below the root in the namespace of the API.
A parser raises where the client would, and where it would go on with nothing.
"""

import datetime
import xml.etree.ElementTree as ET
from urllib.parse import urlencode

import requests

NS = {"t": "http://tableau.com/api"}
SITE_BOOLEANS = (
    "subscribeOthersEnabled", "disableSubscriptions", "revisionHistoryEnabled",
    "editingFlowsEnabled", "schedulingFlowsEnabled", "allowSubscriptionAttachments",
    "guestAccessEnabled", "cacheWarmupEnabled", "commentingEnabled", "requestAccessEnabled",
    "runNowEnabled", "catalogingEnabled", "derivedPermissionsEnabled")


class Client:
    """Calls as TSC makes them: text/xml, no Accept of its own, queries by requests."""

    def __init__(self, url, version, token=None):
        self.base, self.token = f"{url}/api/{version}", token
        self.http = requests.Session()
        self.http.trust_env = False

    def send(self, verb, path, body=None, content_type="text/xml", query=None):
        headers = {"User-Agent": "Tableau Server Client/0.38"}
        if self.token:
            headers["x-tableau-auth"] = self.token
        if verb in ("POST", "PUT"):
            headers["content-type"] = content_type
        reply = self.http.request(verb, self.base + path, data=body, headers=headers, params=query,
                                  timeout=60)
        assert reply.status_code in (200, 201, 202, 204), (verb, path, body, reply.status_code,
                                                           reply.text)
        return reply.content


# ---------------------------------------------------------------- requests
def request(element, /, *children, **attributes):
    """<tsRequest> without a namespace round one element."""
    root = ET.Element("tsRequest")
    root.append(node(element, *children, **attributes))
    return ET.tostring(root)


def node(tag, /, *children, **attributes):
    made = ET.Element(tag, {key: str(value) for key, value in attributes.items()})
    made.extend(children)
    return made


def rules(*entries):
    """Permission.add_req: entries are (kind, id, {capability: mode})."""
    return request("permissions", *(
        node("granteeCapabilities", node(kind, id=grantee), node("capabilities", *(
            node("capability", name=name, mode=mode) for name, mode in modes.items())))
        for kind, grantee, modes in entries))


def multipart(*parts):
    """_add_multipart: (name, file name, content, type) in the order given."""
    boundary = "5f6bb4ec5a5b4d7ab0e3"
    lines = []
    for name, filename, content, kind in parts:
        lines += [f"--{boundary}".encode(),
                  f'Content-Disposition: form-data; name="{name}"; filename="{filename}"'.encode(),
                  f"Content-Type: {kind}".encode(), b"", content]
    lines += [f"--{boundary}--".encode(), b""]
    return b"\r\n".join(lines), f"multipart/mixed; boundary={boundary}"


def publish(kind, filename, data, **attributes):
    """publish_req: the document first, then the file."""
    return multipart(("request_payload", "", request(kind, **attributes), "text/xml"),
                     (f"tableau_{kind}", filename, data, "application/octet-stream"))


def import_users(users):
    """User.import_from_csv_req: users are (name, full name, site role, e-mail)."""
    lines, root = [], ET.Element("tsRequest")
    for name, full_name, role, email in users:
        level = "Site" if role.startswith("SiteAdministrator") else ""
        publish = int(any(word in role for word in ("Creator", "Admin", "Publish")))
        lines.append(f"{name},,{full_name},{role.replace('SiteAdministrator', '')},{level},"
                     f"{publish},{email}\r\n")
        root.append(node("user", name=name, authSetting="ServerDefault"))
    return multipart(("tableau_user_import", "tsc_users_file.csv", "".join(lines).encode(), "file"),
                     ("request_payload", "", ET.tostring(root), "text/xml"))


def delete_users(names):
    lines = "".join(f"{name},,,,,,\r\n" for name in names)
    return multipart(("tableau_user_delete", "tsc_users_file.csv", lines.encode(), "file"))


def options(page_number=1, page_size=100, filters=(), sort=(), fields=None):
    """RequestOptions.get_query_params; filters are (field, operator, value)."""
    def text(value):
        return str(value).replace(" ", "").replace("'", "") if isinstance(value, list) else value

    query = {"pageNumber": page_number, "pageSize": page_size}
    if sort:
        query["sort"] = ",".join(sorted(f"{field}:{order}" for field, order in sort))
    if filters:
        query["filter"] = ",".join(sorted(f"{field}:{operator}:{text(value)}"
                                          for field, operator, value in filters))
    if fields:
        query["fields"] = fields
    return query


def raw(query):
    """Query of a client below version 3.7: put together without any encoding."""
    return "?" + "&".join(f"{name}={value}" for name, value in query.items())


def encoded(query):
    return "?" + urlencode(query)


# ---------------------------------------------------------------- answers
class Missing(AssertionError):
    """The client would find nothing where it needs something."""


def need(element, name):
    value = element.get(name)
    if value is None:
        raise Missing(f"{element.tag}@{name}")
    return value


def date(text):
    """parse_datetime."""
    return text if text is None else datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")


def boolean(text):
    if text not in ("true", "false"):
        raise Missing(f"{text!r} is no boolean")
    return text == "true"


def found(content, name):
    """Elements of a name anywhere below the root, of which there must be one."""
    elements = ET.fromstring(content).findall(f".//t:{name}", NS)
    if not elements:
        raise Missing(name)
    return elements


def child(element, name):
    made = element.find(f".//t:{name}", NS)
    if made is None:
        raise Missing(f"{element.tag}/{name}")
    return made


def pagination(content):
    """PaginationItem.from_response."""
    one = ET.fromstring(content).find("t:pagination", NS)
    if one is None:
        raise Missing("pagination")
    return tuple(int(need(one, name)) for name in ("pageNumber", "pageSize", "totalAvailable"))


def credentials(content):
    """What sign-in keeps: site, user, token."""
    root = ET.fromstring(content)
    site = root.find("t:credentials/t:site", NS)
    return (need(site, "id"), need(site, "contentUrl"), need(root.find(".//t:user", NS), "id"),
            need(root.find("t:credentials", NS), "token"))


def server_info(content):
    root = ET.fromstring(content)
    product = root.find(".//t:productVersion", NS)
    rest = root.find(".//t:restApiVersion", NS)
    return product.text, need(product, "build"), rest.text


def error(content):
    """ServerResponseError.from_response."""
    root = ET.fromstring(content)
    return (need(root.find("t:error", NS), "code"), root.find(".//t:summary", NS).text,
            root.find(".//t:detail", NS).text)


def users(content):
    made = []
    for user in found(content, "user"):
        domain = user.find(".//t:domain", NS)
        made.append({
            "id": need(user, "id"), "name": need(user, "name"), "role": need(user, "siteRole"),
            "last_login": date(user.get("lastLogin")), "full_name": user.get("fullName"),
            "email": user.get("email"), "auth": user.get("authSetting"),
            "language": user.get("language"), "locale": user.get("locale"),
            "external": user.get("externalAuthUserId"),
            "domain": None if domain is None else need(domain, "name")})
    return made


def groups(content):
    made = []
    for group in found(content, "group"):
        domain = group.find(".//t:domain", NS)
        brought = group.find(".//t:import", NS)
        made.append({
            "id": need(group, "id"), "name": need(group, "name"),
            "role": group.get("minimumSiteRole") or
            (None if brought is None else brought.get("siteRole")),
            "mode": None if brought is None else brought.get("grantLicenseMode"),
            "count": None if group.get("userCount") is None else int(group.get("userCount")),
            "domain": None if domain is None else need(domain, "name")})
    return made


def group_sets(content):
    return [{"id": need(one, "id"), "name": need(one, "name"), "count": int(need(one, "groupCount")),
             "groups": [(need(group, "id"), need(group, "name"))
                        for group in one.findall(".//t:group", NS)]}
            for one in found(content, "groupSet")]


def projects(content, full=False):
    made = []
    for project in found(content, "project"):
        one = {"id": need(project, "id"), "name": need(project, "name"),
               "description": project.get("description"), "parent": project.get("parentProjectId"),
               "mode": need(project, "contentPermissions"), "owner": None}
        for part in project:  # as older clients do: the last child is the owner
            one["owner"] = part.get("id")
        if full:
            owner, counts = child(project, "owner"), child(project, "contentsCounts")
            one.update(
                owner=need(owner, "id"), owner_name=need(owner, "name"),
                owner_role=need(owner, "siteRole"), owner_full_name=owner.get("fullName"),
                owner_login=date(owner.get("lastLogin")),
                top=boolean(need(project, "topLevelProject")),
                writeable=boolean(need(project, "writeable")),
                created=date(need(project, "createdAt")), updated=date(need(project, "updatedAt")),
                counts={name: int(need(counts, name)) for name in (
                    "projectCount", "workbookCount", "viewCount", "datasourceCount")})
        made.append(one)
    return made


def permissions(content):
    """PermissionsRule.from_response: the grantee is the last element that has an id."""
    made = {}
    for rule in ET.fromstring(content).findall(".//t:granteeCapabilities", NS):
        grantee = rule.findall(".//*[@id]")[-1]
        kind = grantee.tag.split("}")[-1]
        if kind not in ("user", "group", "groupSet", "virtualconnection"):
            raise Missing(f"grantee of kind {kind}")
        made[kind, need(grantee, "id")] = {
            need(capability, "name"): need(capability, "mode")
            for capability in rule.findall(".//t:capabilities/t:capability", NS)}
    return made


def sites(content, administrator=True):
    made = []
    for site in found(content, "site"):
        one = {"id": need(site, "id"), "name": need(site, "name"),
               "content_url": need(site, "contentUrl"), "state": need(site, "state")}
        if administrator:
            one.update({name: boolean(need(site, name)) for name in SITE_BOOLEANS})
            one["adminMode"] = need(site, "adminMode")
            one["extractEncryptionMode"] = need(site, "extractEncryptionMode")
            for name in ("revisionLimit", "userQuota", "storageQuota", "tierCreatorCapacity",
                         "tierExplorerCapacity", "tierViewerCapacity"):
                one[name] = None if site.get(name) is None else int(site.get(name))
            usage = site.find(".//t:usage", NS)
            one["usage"] = None if usage is None else (int(need(usage, "numUsers")),
                                                       int(need(usage, "storage")))
        made.append(one)
    return made


def jobs(content):
    return [{"id": need(job, "id"), "type": need(job, "type"), "mode": need(job, "mode"),
             "progress": int(need(job, "progress")), "created": date(need(job, "createdAt")),
             "started": date(job.get("startedAt")), "completed": date(job.get("completedAt")),
             "updated": date(job.get("updatedAt")), "code": int(job.get("finishCode", -1)),
             "notes": [(need(note, "type"), note.get("value"), note.get("text"))
                       for note in job.findall(".//t:statusNote", NS)]}
            for job in found(content, "job")]


def background_jobs(content):
    return [{"id": need(job, "id"), "type": need(job, "jobType"), "status": need(job, "status"),
             "created": date(need(job, "createdAt")), "started": date(job.get("startedAt")),
             "ended": date(job.get("endedAt")), "priority": int(need(job, "priority"))}
            for job in found(content, "backgroundJob")]


def flow_runs(content):
    """FlowRunItem.from_response: of one or of many, which have different names."""
    root = ET.fromstring(content)
    return [{"id": one.get("id"), "flow": one.get("flowId"), "status": one.get("status"),
             "started": date(one.get("startedAt")), "completed": date(one.get("completedAt")),
             "progress": one.get("progress"), "job": one.get("backgroundJobId")}
            for name in ("flowRun", "flowRuns")
            for one in root.findall(f".//t:{name}[@id]", NS)]
