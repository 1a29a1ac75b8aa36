"""Holds /api/openapi.json of a job-api that trusts nuvla-authn-info against what the server does.

Usage: description_check.py PORT PASSWORD structure|routes|answers|bounds
Prints what did not hold and exits with 1.
"""

import json
import re
import sys

import description_document
from description_document import Server

ADMIN = {"nuvla-authn-info": "group/nuvla-admin"}
JANE = {"nuvla-authn-info": "user/jane user/jane group/nuvla-user"}
METHODS = ("get", "put", "post", "delete", "patch")
# Offered, and described by the path of the resource or the collection itself.
BY_PATH = {"edit", "delete", "add", "bulk-delete"}

complaints = []


def expect(holds, text):
    if not holds:
        complaints.append(text)


def structure(server, document):
    complaints.extend(description_document.structural_errors(document))
    # The same document as long as the server is the same.
    first = server.call("GET", "/api/openapi.json")
    again = server.call("GET", "/api/openapi.json", headers={"If-None-Match": first.headers["etag"]})
    expect(first.headers["cache-control"] == "public, no-cache", "openapi.json: cache-control")
    expect(again.status == 304 and again.text == "", f"openapi.json: {again.status} for its own ETag")


def filled(path):
    return path.replace("{uuid}", "00000000-0000-0000-0000-000000000000")


def routes(server, document):
    """Everything described is served, and everything served is described."""
    paths = document["paths"]
    for path, item in paths.items():
        for method in METHODS:
            server.patch = method == "patch" and path.endswith("/{uuid}")
            reply = server.call(method.upper(), filled(path), [] if server.patch else None, ADMIN, only_head=True)
            server.patch = False
            known = reply.status not in (404, 405) or reply.message().endswith(" not found")
            if method in item:
                expect(known, f"{method} {path} is described, but answered {reply.status} {reply.message()}")
            elif not operation_path(path) and not bulk_path(path):  # an operation is run by any method
                expect(reply.status in (404, 405) and not reply.message().endswith(" not found"),
                       f"{method} {path} is not described, but answered {reply.status} {reply.text[:200]}")
    entry = server.call("GET", "/api/cloud-entry-point").document
    described = {path.split("/")[2] for path, item in paths.items() if path.endswith("/{uuid}")}
    expect(set(entry["collections"]) == described,
           f"collections {sorted(entry['collections'])}, described {sorted(described)}")
    for name in entry["collections"]:
        reply = server.call("GET", f"/api/resource-metadata/{name}")
        if name != "resource-metadata":
            expect(reply.status == 200, f"resource-metadata/{name}: {reply.status}")
    # Nothing runs that is not described: not even words that other collections know.
    words = {path.split("/")[4] for path in paths if operation_path(path)} | {"stop", "events", "describe"}
    for name in described - {"resource-metadata"}:
        for word in words:
            path = f"/api/{name}/{{uuid}}/{word}"
            method = next((one for one in METHODS if one in paths.get(path, {})), "post")
            reply = server.call(method.upper(), filled(path), headers=ADMIN, only_head=True)
            undefined = reply.status == 404 and reply.message().startswith("undefined action")
            expect(undefined != (path in paths), f"{path}: {reply.status} {reply.message()}")


def operation_path(path):
    return path.count("/") == 4


def bulk_path(path):
    """For other methods the name of a bulk action is that of a resource."""
    return path.count("/") == 3 and not path.endswith("/{uuid}")


class Validated:
    """A server each of whose answers is looked at in the light of the document."""

    def __init__(self, server, document):
        self.server = server
        self.document = document
        self.seen = set()

    def call(self, method, path, template, body=None, headers=None):
        reply = self.server.call(method, path, body, headers=ADMIN if headers is None else headers)
        operation = self.document["paths"][template][method.lower()]
        errors = description_document.answer_errors(self.document, operation, reply)
        for error in errors:
            complaints.append(f"{method} {path} -> {reply.status}: {error}")
        if reply.status < 400:
            self.seen.add(operation["operationId"])
            self.offered(reply.document)
        if self.document["paths"][template][method.lower()].get("requestBody") and isinstance(body, dict):
            valid = description_document.request_valid(self.document, operation, body)
            expect(valid or reply.status >= 400, f"{method} {path} accepted {json.dumps(body)[:200]}, undescribed")
        return reply

    def offered(self, found):
        """What a resource, or a row of an answer, says may be done is described."""
        for one in [found, *found.get("resources", [])] if isinstance(found, dict) else []:
            for operation in one.get("operations", []):
                steps = operation["href"].split("/")
                path = "/".join(["/api", steps[0], "{uuid}", *steps[2:]]) if len(steps) == 3 else "/api/" + operation["href"]
                if operation["rel"] not in BY_PATH:
                    expect(path in self.document["paths"], f"{operation['href']} is offered, but not described")

    def add(self, collection, body, headers=None):
        reply = self.call("POST", f"/api/{collection}", f"/api/{collection}", body, headers)
        expect(reply.status == 201, f"add {collection} {json.dumps(body)[:200]}: {reply.text[:300]}")
        return reply.document["resource-id"] if reply.status == 201 else f"{collection}/none"

    def one(self, method, identifier, operation="", body=None, headers=None, query=""):
        collection = identifier.split("/")[0]
        behind = f"/{operation}" if operation else ""
        reply = self.call(method, f"/api/{identifier}{behind}{query}", f"/api/{collection}/{{uuid}}{behind}", body,
                          headers)
        if reply.status == 200 and method == "GET" and not operation:
            self.one("GET", identifier, "events", headers=headers)
        return reply

    def queries(self, collection):
        path = f"/api/{collection}"
        self.call("GET", path + "?last=3&orderby=created:desc&aggregation=terms:resource-type", path)
        self.call("GET", path + "?select=name,operations&filter=id!=null", path)
        self.call("GET", path + "?filter=(", path)
        self.call("GET", path, path, headers={})
        self.server.form = True
        self.call("PUT", path, path, "last=0")
        self.server.form = False

    def refusals(self, collection):
        self.one("GET", f"{collection}/none")
        if "post" not in self.document["paths"][f"/api/{collection}"]:
            return
        self.call("POST", f"/api/{collection}", f"/api/{collection}", {"colour": "red"}, headers={})
        self.call("POST", f"/api/{collection}", f"/api/{collection}", "no JSON")


def jobs(api):
    first = api.add("job", {"action": "dummy_test_action", "target-resource": {"href": "deployment/1"}})
    api.one("GET", first)
    api.one("GET", first, query="?select=state,operations")
    etag = api.one("PUT", first, body={"state": "RUNNING", "status-message": "begun"}).headers["etag"]
    api.one("PUT", first, body={"progress": 10})
    stale = api.server.call("PUT", f"/api/{first}", {"progress": 11}, headers={**ADMIN, "If-Match": etag})
    expect(stale.status == 412, f"stale If-Match: {stale.status}")
    api.one("GET", first, headers=JANE)
    api.one("PUT", first, body={"progress": 101})
    api.one("POST", first, "get-context")
    api.one("POST", first, "timeout")
    api.one("POST", first, "timeout")
    lines = [{"time": "2024-05-06T07:08:09.123Z", "stream": "stdout", "text": "one"},
             {"time": "2024-05-06T07:08:10Z", "stream": "log", "level": "info", "text": "two"}]
    api.one("POST", first, "logs", {"attempt": 1, "first": 0, "lines": lines})
    api.one("POST", first, "logs", {"attempt": 1, "first": 7, "lines": lines})
    api.one("POST", first, "logs", {"attempt": 0, "first": 0, "lines": lines})
    api.one("POST", first, "logs", {"attempt": 1, "first": 0, "lines": [{**lines[0], "colour": "red"}]})
    api.one("GET", first, "logs", query="?last=1&stream=log")
    api.one("GET", first, "logs", query="?last=many")
    api.one("GET", first, "logs", headers=JANE)
    api.one("GET", first, "logs", headers={**ADMIN, "Accept": "text/event-stream"})
    api.one("PUT", first, body={"progress": 12})
    api.one("DELETE", first)
    bulk = api.add("job", {"action": "bulk_stop_deployment", "execution-mode": "pull",
                           "acl": {"owners": ["group/nuvla-admin"], "view-meta": ["user/jane"]}})
    api.one("GET", bulk, headers=JANE)
    api.one("POST", bulk, "cancel")
    api.one("POST", bulk, "cancel")
    api.call("DELETE", "/api/job", "/api/job")
    api.call("DELETE", "/api/job?filter=state%3D'CANCELED'", "/api/job", headers={**ADMIN, "bulk": "yes"})


def accounts(api):
    for collection, name in (("session-template", "password"), ("user-template", "username-password"),
                             ("credential-template", "generate-api-key"), ("group-template", "generic")):
        api.one("GET", f"{collection}/{name}")
    group = api.add("group", {"template": {"href": "group-template/generic", "group-identifier": "described"}})
    api.one("GET", group)
    user = api.add("user", {"template": {"href": "user-template/username-password", "username": "described",
                                         "password": "a-fine-password", "groups": [group]}})
    api.one("PUT", user, body={"description": "somebody"})
    found = api.one("GET", user).document
    api.one("PUT", group, body={"users": [user, user]})
    api.one("PUT", group, body={"users": []})
    change = {"new-password": "another-fine-password"}
    api.one("POST", found["credential-password"], "change-password", change)
    api.one("GET", found["credential-password"])
    key = api.add("credential", {"template": {"href": "credential-template/generate-api-key", "ttl": 60}})
    api.one("GET", key)
    api.one("PUT", key, body={"name": "a key"})
    api.one("DELETE", key)
    sessions(api)
    api.one("DELETE", user)
    api.one("DELETE", group)


def sessions(api):
    login = {"template": {"href": "session-template/password", "username": "described",
                          "password": "another-fine-password"}}
    reply = api.call("POST", "/api/session", "/api/session", login, {})
    expect(reply.status == 201, reply.text)
    session, mine = reply.document["resource-id"], {"Cookie": reply.headers["set-cookie"].split(";")[0]}
    me = api.one("GET", session, headers=mine).document["user"]
    api.one("POST", session, "get-groups", headers=mine)
    api.one("POST", session, "get-peers", headers=mine)
    api.one("POST", session, "switch-group", {"claim": me}, mine)
    api.one("POST", session, "switch-group", {"claim": "group/none"}, mine)
    api.one("DELETE", session, headers=mine)


def ended(api, reply):
    """The job that does it succeeds."""
    for state in ("RUNNING", "SUCCESS"):
        api.one("PUT", reply.document["location"], body={"state": state})


def declared(api):
    """Resource types of deploy/resources."""
    deployment = api.add("deployment", {"module": {"href": "module/1"}})
    api.one("GET", deployment)
    api.one("PUT", deployment, body={"name": "one"})
    ended(api, api.one("POST", deployment, "start", {"low-priority": True}))
    api.one("POST", deployment, "start")
    ended(api, api.one("POST", deployment, "update"))
    api.one("POST", deployment, "fetch-log")
    api.one("POST", deployment, "check-dct")
    ended(api, api.one("POST", deployment, "stop", {"delete": False}))
    edge = api.add("nuvlabox", {"version": 2})
    api.one("GET", edge)
    api.one("PUT", edge, body={"description": "an edge"})
    for operation in ("activate", "commission", "reboot", "update", "add-ssh-key", "suspend", "decommission"):
        api.one("POST", edge, operation, {})
    web = api.add("web-check", {"url": "http://127.0.0.1:1/"})
    api.one("GET", web)
    api.one("PUT", web, body={"url": "nowhere"})
    api.server.patch = True
    for one in (deployment, edge, web):
        for method in ("PUT", "PATCH"):
            api.one(method, one, body=[{"op": "add", "path": "/name", "value": "two"}])
            api.one(method, one, body=[{"op": "test", "path": "/name", "value": "three"}])
            api.one(method, one, body=[{"op": "add"}])
    api.server.patch = False
    api.one("PUT", web, body={"url": "https://127.0.0.1:1/"})
    api.one("POST", web, "check")
    bulk = {**ADMIN, "bulk": "yes"}
    for path, item in api.document["paths"].items():
        if bulk_path(path) and "patch" in item:
            tags = {"doc": {"tags": ["a"]}} if path.endswith("-tags") else {}
            api.call("PATCH", path, path, {"filter": "name='two'", **tags}, bulk)
            api.call("PATCH", path, path, {"filter": "name="}, bulk)
            api.call("PATCH", path, path, {})
    for one in (deployment, edge, web):
        api.one("DELETE", one)
        collection = "/api/" + one.split("/")[0]
        api.call("DELETE", collection + "?filter=name%3D'none'", collection, headers=bulk)


def public(api):
    api.call("GET", "/api/events?filter=state%3D'QUEUED'", "/api/events")
    api.call("GET", "/api/events?filter=(", "/api/events")
    for path in ("/api/cloud-entry-point", "/api/openapi.json", "/api/resource-metadata"):
        api.call("GET", path, path, headers={})
    api.call("PUT", "/api/resource-metadata", "/api/resource-metadata")
    for path in api.document["paths"]:
        if re.fullmatch(r"/api/[a-z-]+/\{uuid\}", path) and "resource-metadata" not in path:
            name = path.split("/")[2]
            reply = api.call("GET", f"/api/resource-metadata/{name}", "/api/resource-metadata/{uuid}", headers={})
            metadata(api.document, name, reply.document)


def metadata(document, name, found):
    """resource-metadata says the same as the OpenAPI document."""
    properties = document["components"]["schemas"][name]["properties"]
    listed = {attribute["name"]: attribute for attribute in found["attributes"]}
    expect(set(listed) == set(properties) - {"operations"}, f"resource-metadata/{name}: other attributes")
    expect(found["type-uri"] == name, f"resource-metadata/{name}: type-uri {found['type-uri']}")
    for attribute, schema in properties.items():
        scope = listed.get(attribute, {}).get("value-scope", {})
        for here, there in (("values", "enum"), ("minimum", "minimum"), ("maximum", "maximum")):
            expect(scope.get(here) == schema.get(there), f"resource-metadata/{name}: {attribute} {here}")
    operations = {path.split("/")[4] for path in document["paths"] if path.startswith(f"/api/{name}/{{uuid}}/")}
    actions = {action["name"] for action in found.get("actions", [])}
    expect(actions == operations, f"resource-metadata/{name}: actions {actions}, described {operations}")


def answers(server, document):
    """What is answered is what the document says, for each operation in it."""
    api = Validated(server, document)
    for path in document["paths"]:
        name = path.split("/")[2]
        if path == f"/api/{name}" and f"/api/{name}/{{uuid}}" in document["paths"] and name != "resource-metadata":
            api.queries(name)
            api.refusals(name)
    public(api)
    jobs(api)
    accounts(api)
    declared(api)
    known = {operation["operationId"] for item in document["paths"].values()
             for method, operation in item.items() if method in METHODS}
    for operation in sorted(known - api.seen):
        complaints.append(f"{operation}: never answered with success here")


VALUES = [
    None, True, False, 0, 1, -1, 2, 99, 100, 101, 999, 1000, 1001, 2**31, 2**63 - 1, 2**63, 2**64, -2**63, 0.5, 1.0, 100.5,
    "", " ", "\t\n", " x ", "x", "X", "7", "é", "\u00a0", "QUEUED", "queued", "RUNNING", "CANCELLED", "CANCELED", "SUCCESS",
    "FAILED", "push", "pull", "mixed", "Push", "job", "jobs", "job/1", "job/a-b", "job/a--b", "job/-a", "job/A", "job/", "job/1\n",
    "job/01234567-89ab-7def-8123-456789abcdef", "deployment", "deployment/1", "deployment-set/x", "Deployment/1", "a-/1",
    "deployment/1/2", "deployment/a_b", "deployment/a-", "-a/1", "user/jane", "user/Jane", "group/x", "x" * 70000, "{}",
    "2024-05-06T07:08:09.123Z", "2024-05-06T07:08:09Z", "2024-05-06T07:08:09.Z", "2024-05-06T07:08:09.1+02:00",
    "2024-05-06T07:08:09.1234Z", "2024-05-06 07:08:09Z", "2024-05-06T07:08:09", "2024-02-30T07:08:09Z", "2024-05-06T24:00:00Z",
    "2024-05-06T07:08:60Z", "2024-13-06T07:08:09Z", "2024-05-06t07:08:09z", "2024-05-06", "24-05-06T07:08:09Z",
    "2024-05-06T07:08:09+24:00", "2023-02-29T00:00:00.000Z", "2024-02-29T00:00:00.000Z",
    [], ["x"], ["x", "y"], ["x", "x"], [1], ["job/1"], ["job/1", "job/1"], ["job/A"], [None], [[]], ["x", 1],
    [{"href": "deployment/1"}], [{"href": "deployment/1"}, {"href": "module/2", "name": "x"}], [{"href": "Deployment"}], [{}],
    [{"href": 7}], ["deployment/1"],
    {}, {"href": "deployment/1"}, {"href": "deployment/1", "zone": {"a": [1]}}, {"href": "Deployment/1"}, {"href": None},
    {"name": "x"}, {"owners": ["user/jane"]}, {"owners": []}, {"owners": ["jane"]}, {"owners": ["user/jane", "user/jane"]},
    {"owners": ["user/jane"], "manage": ["group/x"], "delete": []}, {"owners": ["user/jane"], "view": ["group/x"]},
    {"owners": ["user/jane"], "manage": "group/x"}, {"manage": ["group/x"]}, {"owners": "user/jane"},
]


def shown(value):
    return json.dumps(value)[:100]


def bounds(server, document):
    """For every attribute of the job: the server takes what its schema allows, and nothing else."""
    schema = document["components"]["schemas"]["job-sent"]
    whole = document["components"]["schemas"]["job"]
    expect(schema["additionalProperties"] is False, "job-sent is open")
    body = {"action": "a", "execution-mode": "pull"}
    edited = None
    for name, described in schema["properties"].items():
        given = False
        for value in VALUES[::7] if described.get("readOnly") else VALUES:
            fits = description_document.fits(document, described, value)
            if described.get("readOnly"):
                fits = True
            given = given or fits
            # A new job is QUEUED whatever is asked for.
            if name != "state":
                added = server.call("POST", "/api/job", {**body, name: value}, headers=ADMIN)
                expect(added.status == (201 if fits else 400), f"add {name}: {shown(value)}: {added.text[:300]}")
                if not fits and added.status == 400:
                    first = added.document["message"].split("\n")[1]
                    said = "expected" in first or "unknown attribute" in first
                    expect(first.startswith(name) and said, f"add {name}: {shown(value)}: {first}")
                elif added.status == 201 and described.get("readOnly"):
                    stored = server.call("GET", f"/api/{added.document['resource-id']}", headers=ADMIN).document
                    expect(name in stored or name not in whole["x-stored"], f"{name} is missing")
                    if name in stored:
                        kept = description_document.fits(document, whole["properties"][name], stored[name])
                        expect(kept and stored[name] != value, f"{name} became {shown(stored[name])}")
            # The id of an edit must be that of the resource, and nobody becomes another creator.
            if name in ("id", "created-by"):
                continue
            if edited is None:
                edited = server.call("POST", "/api/job", body, headers=ADMIN).document["resource-id"]
            changed = server.call("PUT", f"/api/{edited}", {name: value}, headers=ADMIN)
            expect(changed.status == (200 if fits else 400), f"edit {name}: {shown(value)}: {changed.text[:300]}")
            if changed.status == 200:
                edited = None
        expect(given, f"no value here fits {name}")
    unknown = server.call("POST", "/api/job", {**body, "colour": "red"}, headers=ADMIN)
    expect(unknown.status == 400 and "colour: unknown attribute" in unknown.text, unknown.text)
    missing = server.call("POST", "/api/job", {"execution-mode": "pull"}, headers=ADMIN)
    expect(missing.status == 400 and "action: missing" in missing.text, missing.text)


def main(port, password, check):
    server = Server(int(port), password)
    document = server.call("GET", "/api/openapi.json").document
    {"structure": structure, "routes": routes, "answers": answers, "bounds": bounds}[check](server, document)
    for complaint in complaints[:40]:
        print(complaint)
    if complaints:
        print(f"{len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
