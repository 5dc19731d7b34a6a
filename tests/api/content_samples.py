"""Shorthands over contents.py: an item of any kind in a project, and its views."""

import contents
from contents import grant, new_project, workbook_bytes

closed_project = new_project  # whose content no rule opens to anyone


def publish_workbook(client, project, sheets=("Overview", "Detail"), **members):
    return contents.publish_workbook(client, project=project, data=workbook_bytes(sheets),
                                     **members)


def publish_datasource(client, project, **members):
    return contents.publish_datasource(client, project=project, **members)


def publish_flow(client, project, **members):
    return contents.publish_flow(client, project=project, **members)


PUBLISH = {"workbook": publish_workbook, "datasource": publish_datasource, "flow": publish_flow}


def views_of(client, workbook_id):
    """The views of a workbook, by name."""
    doc = client.ok("GET", f"{client.site}/workbooks/{workbook_id}/views").doc
    return {view["name"]: view for view in doc["views"].get("view", [])}


def let(client, project, grantee, *capabilities, type="workbooks", mode="Allow"):
    """A default permission of the project for a user."""
    grant(client, project, grantee, type, **dict.fromkeys(capabilities, mode))
