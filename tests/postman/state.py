"""What stands on the server before a request of the collection is sent.

Each request gets a site of its own with a session of the server administrator, so
that no request depends on another. A variable gets its value when a request first
names it: `group-id` makes a group, `jwt` an app with a secret and a token of it.
"""

import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "api"))

import servers  # noqa: E402
import hypertable  # noqa: E402
from contents import (connection_xml, datasource_bytes, flow_bytes, png_bytes,  # noqa: E402
                      publish_datasource, publish_flow, publish_reply, publish_workbook,
                      workbook_bytes)
from easel_client import unique  # noqa: E402
from published import publish_custom_view  # noqa: E402

VARIABLE = re.compile(r"\{\{([^{}]+)\}\}")
EVERY_SCOPE = ["tableau:users:*", "tableau:groups:*", "tableau:projects:*", "tableau:content:read"]


class State:
    def __init__(self, server, home):
        self.server = server
        self.content_url = unique("postman")
        self.site_name = self.content_url.title()
        home.ok("POST", "/sites", {"site": {"name": self.site_name,
                                            "contentUrl": self.content_url}}, 201)
        self.admin = server.admin(self.content_url)
        self.known = {
            "server": f"{server.host}:{server.port}",
            "protocol": server.scheme,
            "api-version": "3.18",
            "content-url": self.content_url,
            "site-id": self.admin.session.site_id,
            "site-name": self.site_name,
            "api-key": self.admin.session.token,
            "admin-username": server.admin_name,
            "admin-password": server.admin_password,
            "user-password": unique("Password"),
            "new-site-name": unique("Made"),
            "new-content-url": unique("made"),
            "group-name": unique("group"),
            "project-name": unique("project"),
            "connected-app-name": unique("app"),
            "connected-app-enabled": "true",
            "unrestricted-embedding": "false",
            "domain-safelist": "https://www.example.com",
            "capability-name": "Read",
            "capability-mode": "Allow",
        }

    def get(self, name):
        """The value of a variable; what it names is made where it is not there yet."""
        if name not in self.known:
            make = getattr(self, "make_" + name.lower().replace("-", "_"), None)
            if make is None:
                return None
            make()
        return self.known[name]

    def fill(self, text):
        """The text with the variables in it replaced by their values."""
        return VARIABLE.sub(lambda match: self.get(match.group(1)) or match.group(0), text)

    def prepare(self, verb, path, document=None):
        """A call that comes before the request, on its site."""
        def filled(value):
            if isinstance(value, dict):
                return {name: filled(member) for name, member in value.items()}
            if isinstance(value, list):
                return [filled(member) for member in value]
            return self.fill(value) if isinstance(value, str) else value
        return self.admin.ok(verb, self.admin.site + self.fill(path), filled(document))

    # ---- one function for each variable that names something on the server
    def make_user_id(self):
        self.known["user-id"], self.known["username"] = self.admin.add_user(role="Creator")

    def make_username(self):
        self.make_user_id()

    def make_user_username(self):
        self.known["user-username"] = self.get("username")
        self.prepare("PUT", "/users/{{user-id}}", {"user": {"password": "{{user-password}}"}})

    def make_group_id(self):
        group = self.admin.ok("POST", f"{self.admin.site}/groups",
                              {"group": {"name": self.known["group-name"]}}, 201).doc["group"]
        self.known["group-id"] = group["id"]

    def make_project_id(self):
        self.known["project-id"] = self.admin.add_project(self.known["project-name"])["id"]

    def make_parent_project_id(self):
        self.known["parent-project-id"] = self.admin.add_project()["id"]

    def make_workbook_id(self):
        data = workbook_bytes(connection=connection_xml(), thumbnails=[("First", png_bytes())])
        item = publish_workbook(self.admin, data=data, project=self.get("project-id"))
        self.known["workbook-id"] = item["id"]

    def make_view_id(self):
        path = f"{self.admin.site}/workbooks/{self.get('workbook-id')}/views"
        self.known["view-id"] = self.admin.ok("GET", path).doc["views"]["view"][0]["id"]

    def make_datasource_id(self):
        item = publish_datasource(self.admin, project=self.get("project-id"))
        self.known["datasource-id"] = item["id"]

    def make_datasource_with_extract(self):
        data = datasource_bytes().replace(b"</datasource>", b"<extract enabled='true'/></datasource>")
        item = publish_datasource(self.admin, project=self.get("project-id"), data=data)
        self.known["datasource-with-extract"] = item["id"]

    def make_workbook_with_extract(self):
        data = workbook_bytes().replace(b"</datasource>", b"<extract enabled='true'/></datasource>", 1)
        item = publish_workbook(self.admin, project=self.get("project-id"), data=data)
        self.known["workbook-with-extract"] = item["id"]

    def make_flow_id(self):
        item = publish_flow(self.admin, data=flow_bytes(server="db.example.com"),
                            project=self.get("project-id"))
        self.known["flow-id"] = item["id"]

    def make_datasource_of_rows(self):
        """An extract with the table Extract, which has the column id."""
        data = hypertable.make(hypertable.Table("Extract", [("id", "BigInt")], [[1], [2]]))
        reply = publish_reply(self.admin, "datasource", "rows.hyper", data,
                              {"name": unique("rows"), "project": {"id": self.get("project-id")}})
        self.known["datasource-of-rows"] = reply.doc["datasource"]["id"]

    def make_flow_run_id(self):
        """A run that has ended: it would have to read a database."""
        job = self.prepare("POST", "/flows/{{flow-id}}/run").doc["job"]
        self._ended(job["id"])
        self.known["flow-run-id"] = job["runFlowJobType"]["flowRunId"]

    def make_flow_task_id(self):
        made = self.prepare("POST", "/tasks/flows", {
            "runFlow": {"flow": {"id": "{{flow-id}}"}},
            "schedule": {"frequency": "Daily", "frequencyDetails": {"start": "04:30:00"}}})
        self.known["flow-task-id"] = made.doc["task"]["flowRun"]["id"]

    def make_old_workbook_revision(self):
        """The first of two revisions."""
        self._again(publish_workbook, "workbook", workbook_bytes(("Other",)))

    def make_old_datasource_revision(self):
        self._again(publish_datasource, "datasource", datasource_bytes())

    def _again(self, publish, kind, data):
        path = f"{self.admin.site}/{kind}s/{self.get(kind + '-id')}"
        name = self.admin.ok("GET", path).doc[kind]["name"]
        publish(self.admin, name=name, project=self.get("project-id"), data=data,
                query="?overwrite=true")
        self.known[f"old-{kind}-revision"] = "1"

    def make_custom_view_luid(self):
        reply = publish_custom_view(self.admin, self.get("workbook-id"), unique("custom"))
        self.known["custom-view-luid"] = reply.doc["customView"]["id"]

    def make_label_id(self):
        labels = self.prepare("PUT", "/labels", {
            "contentList": {"content": [{"contentType": "datasource", "id": "{{datasource-id}}"}]},
            "label": {"value": "deprecated", "message": "old", "active": True, "elevated": False}})
        self.known["label-id"] = labels.doc["labelList"]["label"][0]["id"]

    def _connection(self, kind):
        path = f"{self.admin.site}/{kind}s/{self.get(kind + '-id')}/connections"
        return self.admin.ok("GET", path).doc["connections"]["connection"][0]["id"]

    def make_workbook_connection_id(self):
        self.known["workbook-connection-id"] = self._connection("workbook")

    def make_datasource_connection_id(self):
        self.known["datasource-connection-id"] = self._connection("datasource")

    def make_flow_connection_id(self):
        self.known["flow-connection-id"] = self._connection("flow")

    def make_upload_session_id(self):
        reply = self.admin.ok("POST", f"{self.admin.site}/fileUploads", status=201)
        self.known["upload-session-id"] = reply.doc["fileUpload"]["uploadSessionId"]

    def make_connected_app_id(self):
        self.app = self.admin.make_app()
        self.known["connected-app-id"] = self.app.client_id

    def make_connected_app_secret_id(self):
        self.get("connected-app-id")
        self.app.keys.append(self.admin.make_secret(self.app))
        self.known["connected-app-secret-id"] = self.app.keys[0].id
        self.known["connected-app-secret-value"] = self.app.keys[0].value

    def make_jwt(self):
        self.get("connected-app-secret-id")
        self.known["jwt"] = self.app.jwt(self.get("username"), EVERY_SCOPE)

    def make_session_id(self):
        """The session of another sign-in, named by its token."""
        self.known["session-id"] = self.server.admin(self.content_url).session.token

    def make_job_id(self):
        """The job of an import of users, which is done."""
        self.known["job-id"] = self.import_users()
        self._ended(self.known["job-id"])

    def _ended(self, job_id):
        path = f"{self.admin.site}/jobs/{job_id}"
        limit = time.monotonic() + 60
        while "completedAt" not in self.admin.ok("GET", path).doc["job"]:
            assert time.monotonic() < limit, path
            time.sleep(0.05)

    def make_admin_pat_name(self):
        self._token("admin-PAT", self.server.admin_name)

    make_admin_pat_secret = make_admin_pat_name

    def make_user_pat_name(self):
        self._token("user-PAT", self.get("username"))

    make_user_pat_secret = make_user_pat_name

    def _token(self, prefix, user):
        name = unique("pat")
        done = servers.run("token", *self.server.store_options(), "--user", user, "--site",
                           self.content_url, "--name", name, check=0)
        self.known[prefix + "-name"] = name
        self.known[prefix + "-secret"] = re.findall(r"[A-Za-z0-9_+/=:-]{20,}", done.stdout)[-1]

    def import_users(self):
        """Adds a user by a CSV file; the id of the job."""
        body = (b'--b\r\nContent-Disposition: name="request_payload"\r\nContent-Type: text/xml\r\n\r\n'
                b'<tsRequest><user authSetting="ServerDefault"/></tsRequest>\r\n'
                b'--b\r\nContent-Disposition: name="tableau_user_import"; filename="users.csv"\r\n'
                b'Content-Type: text/csv\r\n\r\n' + csv_line(unique("import")).encode() + b'\r\n--b--\r\n')
        return self.admin.ok("POST", f"{self.admin.site}/users/import", raw=body,
                             content_type="multipart/mixed; boundary=b").doc["job"]["id"]


class Nowhere(State):
    """For requests that reach no method: nothing is made, an id names nothing."""

    def get(self, name):
        return self.known.setdefault(name, "00000000-0000-4000-8000-000000000000")


def csv_line(user):
    """A line of an import: name, password, full name, license, admin level, publishing, e-mail."""
    return f"{user},,A User,Viewer,None,0,{user}@example.com\n"
