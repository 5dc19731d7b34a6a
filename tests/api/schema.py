"""The published XML schema, used in three ways: to validate XML answers, to turn
an XML answer into the JSON that must correspond to it, and to check the kinds of
the members of a JSON answer (booleans, numbers and strings follow the schema type).
"""

import copy
import os
import pathlib

from lxml import etree

from schema_exceptions import (BEFORE_ANOTHER, BEYOND_LISTS, CHILDREN_AS_ATTRIBUTES,
                               MAY_BE_EMPTY, NOT_VALIDATED, WITHOUT_PAGINATION)

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPEC = pathlib.Path(os.environ.get("EASEL_SPEC", ROOT.parent / "shared" / "spec"))
XSD = SPEC / "ts-api_3_29.xsd"
NS = "http://tableau.com/api"
XS = "{http://www.w3.org/2001/XMLSchema}"
ABSENT = f"specification not found in {SPEC} (set EASEL_SPEC)"

_NUMBERS = {"int", "long", "decimal", "short", "double", "float"}


def _local(name):
    return name.split(":")[-1]


class Schema:
    def __init__(self, path):
        tree = etree.parse(str(path))
        self.validator = etree.XMLSchema(tree)
        top = tree.getroot()
        self.complex = {t.get("name"): t for t in top.findall(XS + "complexType")}
        self.simple = {t.get("name"): t for t in top.findall(XS + "simpleType")}
        self.groups = {t.get("name"): t for t in top.findall(XS + "group")}
        self.roots = {e.get("name"): e for e in top.findall(XS + "element")}
        self._memo = {}

    # ---- what the schema says
    def kind_of_simple(self, name):
        """'boolean', 'number' or 'string' for a simple type."""
        name = _local(name or "string")
        while name in self.simple:
            restriction = self.simple[name].find(XS + "restriction")
            if restriction is None:
                return "string"
            name = _local(restriction.get("base"))
        return "boolean" if name == "boolean" else "number" if name in _NUMBERS else "string"

    def attribute_kind(self, attribute):
        if attribute.get("type"):
            return self.kind_of_simple(attribute.get("type"))
        base = attribute.find(f"{XS}simpleType/{XS}restriction")
        return self.kind_of_simple(base.get("base")) if base is not None else "string"

    def describe(self, element):
        """(attribute kinds, children by name -> (declaration, repeats), text kind or None)."""
        key = element
        if key in self._memo:
            return self._memo[key]
        type_name = element.get("type")
        node = self.complex.get(_local(type_name)) if type_name else element.find(XS + "complexType")
        if node is None:
            simple = element.find(f"{XS}simpleType/{XS}restriction")
            kind = self.kind_of_simple(simple.get("base") if simple is not None else type_name)
            result = ({}, {}, kind)
        else:
            attributes, children, text = {}, {}, [None]
            self._walk(node, attributes, children, text, False)
            result = (attributes, children, text[0])
        self._memo[key] = result
        return result

    def _walk(self, node, attributes, children, text, repeats):
        for part in node:
            if not isinstance(part.tag, str):
                continue
            tag = part.tag.replace(XS, "")
            many = repeats or part.get("maxOccurs", "1") not in ("0", "1")
            if tag == "attribute" and part.get("name"):
                attributes[part.get("name")] = self.attribute_kind(part)
            elif tag == "element" and part.get("name"):
                known = children.get(part.get("name"))
                children[part.get("name")] = (part, many or bool(known and known[1]))
            elif tag == "group" and part.get("ref"):
                self._walk(self.groups[_local(part.get("ref"))], attributes, children, text, many)
            elif tag in ("sequence", "choice", "all", "complexContent", "simpleContent"):
                self._walk(part, attributes, children, text, many)
            elif tag in ("extension", "restriction"):
                base = _local(part.get("base"))
                if base in self.complex:
                    self._walk(self.complex[base], attributes, children, text, repeats)
                elif node.tag == XS + "simpleContent":
                    text[0] = self.kind_of_simple(base)
                self._walk(part, attributes, children, text, repeats)

    # ---- XML answers
    def complaint(self, root):
        """Why an XML answer is not valid, or None."""
        if root.tag != f"{{{NS}}}tsResponse":
            return f"root element is {root.tag}"
        first = root[0] if len(root) else None
        if first is not None and etree.QName(first).localname in NOT_VALIDATED:
            return None
        copied = copy.deepcopy(root)
        if len(copied) == 2 and etree.QName(copied[1]).localname in WITHOUT_PAGINATION:
            copied.remove(copied[0])
        if len(copied) == 2 and BEFORE_ANOTHER.get(etree.QName(copied[0]).localname) == \
                etree.QName(copied[1]).localname:
            paged = etree.Element(copied.tag)
            etree.SubElement(paged, f"{{{NS}}}pagination",
                             dict(pageNumber="1", pageSize="1", totalAvailable="1"))
            paged.append(copied[0])
            if not self.validator.validate(paged):
                return str(self.validator.error_log.last_error)
        for element in list(copied.iter(f"{{{NS}}}*")):
            item = MAY_BE_EMPTY.get(etree.QName(element).localname)
            if item and not len(element):
                etree.SubElement(element, f"{{{NS}}}{item}")
            for (tag, attribute), values in BEYOND_LISTS.items():
                if etree.QName(element).localname == tag and element.get(attribute) in values:
                    del element.attrib[attribute]
            keep = CHILDREN_AS_ATTRIBUTES.get(etree.QName(element).localname)
            if keep is None:
                continue
            for child in list(element):
                name = etree.QName(child).localname
                if name not in keep and not len(child) and not child.attrib:
                    if element.get(name) is not None:
                        return f"{name} occurs twice in {etree.QName(element).localname}"
                    element.set(name, child.text or "")
                    element.remove(child)
            if not (element.text or "").strip():
                element.text = None
        if self.validator.validate(copied):
            return None
        return str(self.validator.error_log.last_error)

    def xml_to_json(self, root):
        """The JSON document that corresponds to an XML answer."""
        return self._element_to_json(root, self.roots["tsResponse"])

    @staticmethod
    def _value(text, kind):
        text = text or ""
        if kind == "boolean":
            return text == "true"
        if kind == "number":
            return float(text) if "." in text else int(text)
        return text

    def _element_to_json(self, element, declaration):
        attributes, children, text = self.describe(declaration)
        keep = CHILDREN_AS_ATTRIBUTES.get(etree.QName(element).localname)
        members = {}
        for name, value in element.attrib.items():
            if not name.startswith("{"):
                members[name] = self._value(value, attributes.get(name))
        for child in element:
            if not isinstance(child.tag, str):
                continue
            name = etree.QName(child).localname
            if keep is not None and name not in keep and name in attributes:
                members[name] = self._value(child.text, attributes[name])
                continue
            if name not in children:
                raise AssertionError(f"{name} is not known in {element.tag}")
            child_declaration, repeats = children[name]
            value = self._element_to_json(child, child_declaration)
            if repeats:
                members.setdefault(name, []).append(value)
            else:
                members[name] = value
        if text is not None:
            if not attributes and not children:
                return self._value(element.text, text)
            members["value"] = self._value(element.text, text)
        return members

    # ---- JSON answers
    def json_complaint(self, document):
        """Which member of a JSON answer has the wrong kind, or None."""
        return self._members_complaint(document, self.roots["tsResponse"], "")

    def _members_complaint(self, value, declaration, where):
        attributes, children, text = self.describe(declaration)
        if text is not None and not attributes and not children:
            return self._kind_complaint(value, text, where)
        if not isinstance(value, dict):
            return f"{where}: an object was expected, found {value!r:.60}"
        for name, member in value.items():
            at = f"{where}.{name}" if where else name
            if name in children:
                child, repeats = children[name]
                if repeats and not isinstance(member, list):
                    return f"{at}: an array was expected"
                if repeats and not member:
                    return f"{at}: an empty array instead of an absent member"
                for item in member if repeats else [member]:
                    complaint = self._members_complaint(item, child, at)
                    if complaint:
                        return complaint
            elif name in attributes:
                complaint = self._kind_complaint(member, attributes[name], at)
                if complaint:
                    return complaint
            elif name == "value" and text is not None:
                complaint = self._kind_complaint(member, text, at)
                if complaint:
                    return complaint
            else:
                return f"{at}: not a member that the schema knows"
        return None

    @staticmethod
    def _kind_complaint(value, kind, where):
        if where == "error.code":
            kind = "string"
        right = {
            "boolean": isinstance(value, bool),
            "number": isinstance(value, (int, float)) and not isinstance(value, bool),
            "string": isinstance(value, str),
        }[kind]
        return None if right else f"{where}: a {kind} was expected, found {value!r:.60}"


SCHEMA = Schema(XSD) if XSD.exists() else None
