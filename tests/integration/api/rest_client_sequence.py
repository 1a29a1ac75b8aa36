"""Speaks to job-api exactly as Nuvla's Python REST client does (spec 3.3), with nothing but http.client.

Usage: rest_client_sequence.py PORT PASSWORD
Prints what did not hold and exits with 1.
"""

import gzip
import http.client
import json
import sys
import urllib.parse

FORM = "application/x-www-form-urlencoded"
COOKIE = "com.com.sixsq.nuvla.cookie"


class Client:
    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.cookie = None

    def call(self, method, path, body=None, headers=None):
        sent = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "python-requests/2.31.0"}
        sent.update(headers or {})
        if self.cookie:
            sent["Cookie"] = f"{COOKIE}={self.cookie}"
        self.connection.request(method, path, body=body, headers=sent)
        response = self.connection.getresponse()
        content = response.read()
        if response.getheader("Content-Encoding") == "gzip":  # as python-requests does by itself
            content = gzip.decompress(content)
        text = content.decode()
        for name, value in response.getheaders():
            if name.lower() == "set-cookie" and value.startswith(COOKIE + "="):
                self.cookie = value.split(";")[0].split("=", 1)[1]
        document = json.loads(text) if text else None
        return response.status, document, dict((k.lower(), v) for k, v in response.getheaders())

    def json(self, method, path, document):
        return self.call(method, path, json.dumps(document), {"Content-Type": "application/json"})

    def search(self, collection, **parameters):
        return self.call("PUT", f"/api/{collection}", urllib.parse.urlencode(parameters, doseq=True),
                         {"Content-Type": FORM})

    def add(self, collection, document):
        status, found, _ = self.search(collection, last=0)
        expect(status, 200)
        expect(found["resources"], [])
        return self.json("POST", f"/api/{found['id']}", document)

    def delete(self, resource):
        status, _, _ = self.call("GET", f"/api/{resource}")
        expect(status, 200)
        return self.call("DELETE", f"/api/{resource}")

    def delete_bulk(self, collection, condition):
        return self.call("DELETE", f"/api/{collection}", urllib.parse.urlencode({"filter": condition}),
                         {"bulk": "yes", "Content-Type": FORM})


def expect(actual, wanted):
    if actual != wanted:
        raise AssertionError(f"got {actual!r}, wanted {wanted!r}")


def rels(document):
    return [one["rel"] for one in document.get("operations", [])]


def log_in(client, password):
    status, refused, _ = client.json("POST", "/api/session", {"template": {
        "href": "session-template/password", "username": "admin", "password": "wrong"}})
    expect((status, refused["message"]), (403, "invalid credentials for 'admin'"))
    status, made, headers = client.json("POST", "/api/session", {"template": {
        "href": "session-template/password", "username": "admin", "password": password}})
    expect(status, 201)
    expect(headers["location"], made["resource-id"])
    expect(made["message"], made["resource-id"] + " created")
    for attribute in ("HttpOnly", "Path=/", "SameSite=Strict", "Expires="):
        expect(attribute in headers["set-cookie"], True)
    status, sessions, _ = client.call("GET", "/api/session")
    expect([one["id"] for one in sessions["resources"]], [made["resource-id"]])
    return made["resource-id"]


def life_of_a_job(client):
    status, made, headers = client.add("job", {
        "action": "dummy_test_action", "target-resource": {"href": "deployment/abc-1"}, "priority": 50,
        "payload": json.dumps({"name": "h\u00e9"}), "execution-mode": "pull"})
    expect(status, 201)
    job = made["resource-id"]
    expect(made, {"status": 201, "message": f"{job} created", "resource-id": job})
    expect(headers["location"], job)

    status, document, headers = client.call("GET", f"/api/{job}")
    expect(status, 200)
    expect(document["state"], "QUEUED")
    expect(document["version"], 2)
    expect(document["affected-resources"], [{"href": "deployment/abc-1"}])
    expect(rels(document), ["edit", "delete", "cancel", "get-context"])
    expect(json.loads(document["payload"]), {"name": "h\u00e9"})

    status, document, _ = client.json("PUT", f"/api/{job}", {"state": "RUNNING"})
    expect((status, document["state"], document["priority"]), (200, "RUNNING", 50))
    expect("operations" in document, False)
    etag = headers["etag"]
    status, _, _ = client.call("PUT", f"/api/{job}", "{}", {"Content-Type": "application/json", "If-Match": etag})
    expect(status, 412)

    status, document, _ = client.json("PUT", f"/api/{job}?select=payload,target-resource", {"progress": 10})
    expect((status, document["progress"], "payload" in document), (200, 10, False))
    status, document, _ = client.call("GET", f"/api/{job}?select=progress")
    expect(document, {"id": job, "progress": 10})

    status, context, _ = client.json("POST", f"/api/{job}/get-context", {})
    expect((status, context), (200, {}))
    status, document, _ = client.json("POST", f"/api/{job}/cancel", {})
    expect((status, document["state"], document["progress"]), (200, "CANCELED", 100))
    status, document, _ = client.json("PUT", f"/api/{job}", {"progress": 10})
    expect((status, document["message"]), (409, "edit is not allowed in final state"))
    status, document, _ = client.json("POST", f"/api/{job}/cancel", {})
    expect((status, document["message"]), (403, f"invalid credentials for '{job}'"))
    status, document, _ = client.json("POST", f"/api/{job}/stop", {})
    expect((status, document["message"]), (404, f'undefined action (post, ["job" "stop"]) for /api/{job}/stop'))

    status, document, _ = client.delete(job)
    expect(document, {"status": 200, "message": f"{job} deleted", "resource-id": job})
    status, document, _ = client.call("GET", f"/api/{job}")
    expect(document, {"status": 404, "message": f"{job} not found", "resource-id": job})


def searching(client):
    jobs = []
    for number in range(5):
        _, made, _ = client.json("POST", "/api/job", {
            "action": "search_test", "execution-mode": "pull", "progress": number,
            "target-resource": {"href": f"deployment/t-{number % 2}"}})
        jobs.append(made["resource-id"])
    status, found, _ = client.search("job", filter="action='search_test'", orderby="progress:desc", last=2,
                                     select="id, progress")
    expect(status, 200)
    expect(found["count"], 5)
    expect(found["resource-type"], "job-collection")
    expect(found["resources"], [{"id": jobs[4], "progress": 4}, {"id": jobs[3], "progress": 3}])
    expect(found["operations"], [{"rel": "add", "href": "job"}, {"rel": "bulk-delete", "href": "job"}])
    _, found, _ = client.search("job", filter=["action='search_test'", "target-resource/href='deployment/t-1'"],
                                orderby="target-resource/href,progress")
    expect([one["progress"] for one in found["resources"]], [1, 3])
    expect(rels(found["resources"][0]), ["edit", "delete", "cancel", "get-context"])
    status, found, _ = client.search("job", filter="action='missing end quote")
    expect((status, found["message"].startswith("Invalid CIMI filter. Parse error at line 1, column ")), (400, True))
    status, found, _ = client.search("job", last=10001)
    expect(status, 400)
    status, found, _ = client.call("DELETE", "/api/job", urllib.parse.urlencode({"filter": "progress=1"}),
                                   {"Content-Type": FORM})
    expect((status, found["message"]), (400, "Bulk request should contain bulk http header."))
    status, found, _ = client.call("DELETE", "/api/job", headers={"bulk": "yes"})
    expect((status, found["message"]), (400, "Bulk request should contain a non empty cimi filter."))
    status, done, _ = client.delete_bulk("job", "action='search_test' and created<'now+1d'")
    expect((status, done["timed_out"], done["deleted"], done["failures"]), (200, False, 5, []))


def bulk_cancel(client):
    _, made, _ = client.json("POST", "/api/job", {"action": "bulk_stop_deployment", "execution-mode": "pull"})
    bulk = made["resource-id"]
    status, _, _ = client.json("POST", f"/api/{bulk}/cancel", {})
    expect(status, 200)
    _, found, _ = client.search("job", filter=f"action='cancel_children_jobs' and target-resource/href='{bulk}'")
    expect(found["count"], 1)
    expect((found["resources"][0]["priority"], found["resources"][0]["created-by"]), (10, "internal"))
    client.delete_bulk("job", "action!=null")


def engine_edits(client):
    """What the Python engine sends while it runs one job (spec B2), and what its class Job relies on."""
    _, made, _ = client.add("job", {"action": "dummy_test_action", "target-resource": {"href": "job"}})
    job = made["resource-id"]
    edit = lambda changes, query="": client.json("PUT", f"/api/{job}{query}", changes)
    expect(edit({"state": "RUNNING"})[1]["state"], "RUNNING")
    _, document, _ = client.call("GET", f"/api/{job}")
    expect(rels(document), ["edit", "delete", "cancel", "timeout", "get-context"])
    _, document, _ = edit({"affected-resources": [{"href": "job"}, {"href": "deployment/x"}]})
    expect([one["href"] for one in document["affected-resources"]], ["job", "deployment/x"])
    expect(edit({"nested-jobs": ["job/abc"]})[1]["nested-jobs"], ["job/abc"])
    expect(edit({"status-message": "", "progress": 30})[1]["status-message"], "")
    packed = gzip.compress(json.dumps({"description": "x" * 5000}).encode())
    status, document, _ = client.call("PUT", f"/api/{job}", packed, {
        "Content-Type": "application/json", "Content-Encoding": "gzip"})
    expect((status, document["description"]), (200, "x" * 5000))
    _, document, _ = edit({"output": "o"}, "?select=description&select=output,nested-jobs")
    expect(("description" in document, "nested-jobs" in document, document["output"]), (False, False, "o"))
    _, document, _ = client.call("GET", f"/api/{job}?select=state&select=progress")
    expect(document, {"id": job, "state": "RUNNING", "progress": 30})
    status, document, _ = client.call("PUT", f"/api/{job}", json.dumps([{"op": "add", "path": "/name", "value": "x"}]),
                                      {"Content-Type": "application/json-patch+json"})
    expect(status, 415)
    status, done, _ = client.delete_bulk("job", "state=['SUCCESS', 'FAILED', 'CANCELED'] and created<'now-7d'")
    expect((status, done["timed_out"], done["deleted"]), (200, False, 0))
    _, document, _ = edit({"state": "SUCCESS", "return-code": 0})
    expect((document["progress"], document["return-code"], document["duration"] >= 0), (100, 0, True))
    expect(edit({"progress": 5})[0], 409)
    status, document, _ = client.json("PATCH", "/api/job/stop", {"a": 1, "filter": "state='QUEUED'"})
    expect((status, document["message"]), (404, 'undefined action (patch, ["job" "stop"]) for /api/job/stop'))
    client.delete_bulk("job", "action!=null")


def bulk_job_under_monitor(client):
    """A bulk job, its children, one run of the monitor, its cancel (spec 7.2, 7.3, B3)."""
    _, made, _ = client.add("job", {"action": "bulk_stop_deployment", "target-resource": {"href": "deployment"}})
    bulk = made["resource-id"]
    client.json("PUT", f"/api/{bulk}", {"state": "RUNNING"})
    client.json("PUT", f"/api/{bulk}", {"status-message": json.dumps({"total_actions": 3}), "progress": 0})
    expect(client.json("PUT", f"/api/{bulk}", {"tags": ["monitor"]})[1]["tags"], ["monitor"])
    children = []
    for number in range(3):
        _, made, _ = client.json("POST", "/api/job", {
            "action": "stop_deployment", "parent-job": bulk, "target-resource": {"href": f"deployment/{number}"}})
        children.append(made["resource-id"])
    _, found, _ = client.search("job", filter='action^="bulk" and state="RUNNING"and tags="monitor"', last=10000,
                                select=["id"])
    expect(found["resources"], [{"id": bulk}])
    _, found, _ = client.search("job", last=0, filter=(
        "state=['RUNNING', 'QUEUED'] and action='monitor_bulk_job' and target-resource/href='" + bulk + "'"))
    expect(found["count"], 0)
    client.json("PUT", f"/api/{children[0]}", {"state": "SUCCESS"})
    _, found, _ = client.search("job", filter=f'parent-job="{bulk}"', last=10000, select="id, target-resource, state")
    expect(sorted((one["state"], one["target-resource"]["href"]) for one in found["resources"]),
           [("QUEUED", "deployment/1"), ("QUEUED", "deployment/2"), ("SUCCESS", "deployment/0")])
    expect([sorted(one) for one in found["resources"]], [["id", "state", "target-resource"]] * 3)
    _, found, _ = client.search("job", filter=f'(id="{bulk}" and created>"now-1h")', last=0)
    expect(found["count"], 1)
    expect(client.call("POST", f"/api/{bulk}/cancel")[1]["state"], "CANCELED")
    _, found, _ = client.search("job", select="id, operations",
                                filter=f"parent-job=\"{bulk}\" and state=['RUNNING', 'QUEUED']")
    expect(found["count"], 2)
    for one in found["resources"]:
        expect("cancel" in rels(one), True)
        expect(client.call("POST", f"/api/{one['id']}/cancel")[0], 200)
    _, found, _ = client.search("job", filter=f'parent-job="{bulk}"', last=0,
                                aggregation=["terms:state", "avg:progress"])
    expect([(one["key"], one["doc_count"]) for one in found["aggregations"]["terms:state"]["buckets"]],
           [("CANCELED", 2), ("SUCCESS", 1)])
    expect(found["aggregations"]["avg:progress"], {"value": 100.0})
    client.delete_bulk("job", "action!=null")


def log_in_anew(client, password):
    """The client's retry: a session that is gone means 403, a login, and the same request again."""
    _, found, _ = client.call("GET", "/api/session")
    other = Client(client.connection.port)
    log_in(other, password)
    expect(client.delete(found["resources"][0]["id"])[0], 200)
    expect(client.search("job", last=0)[0], 403)
    session = log_in(client, password)
    expect(client.search("job", last=0)[0], 200)
    return session


def api_keys(client, port):
    status, made, _ = client.add("credential", {
        "name": "key", "template": {"href": "credential-template/generate-api-key", "ttl": 0}})
    expect(status, 201)
    key, secret = made["resource-id"], made["secret-key"]
    _, document, _ = client.call("GET", f"/api/{key}")
    expect("digest" in document, False)
    template = {"href": "session-template/api-key", "key": key, "secret": secret}
    for name in (key, key.split("/")[1]):
        other = Client(port)
        status, _, _ = other.json("POST", "/api/session", {"template": dict(template, key=name)})
        expect(status, 201)
        expect(other.search("job", last=0)[0], 200)
    other = Client(port)
    status, refused, _ = other.json("POST", "/api/session", {"template": dict(template, secret="no")})
    expect((status, refused["message"]), (403, f"invalid credentials for '{key}'"))
    status, refused, _ = other.search("job", last=0)
    expect((status, refused), (403, {"status": 403, "message": "credentials required"}))
    expect(client.delete(key)[0], 200)
    expect(other.json("POST", "/api/session", {"template": template})[0], 403)


def users(client, port):
    status, made, _ = client.json("POST", "/api/user", {"template": {
        "href": "user-template/username-password", "username": "jane", "password": "jane's secret"}})
    expect(status, 201)
    user = made["resource-id"]
    jane = Client(port)
    status, _, _ = jane.json("POST", "/api/session", {"template": {
        "href": "session-template/password", "username": "jane", "password": "jane's secret"}})
    expect(status, 201)
    status, document, _ = jane.json("POST", "/api/job", {"action": "x"})
    expect((status, document["message"]), (403, "credentials required"))
    acl = {"owners": ["group/nuvla-admin"], "view-data": [user], "manage": [user]}
    _, made, _ = client.json("POST", "/api/job", {"action": "hers", "execution-mode": "pull", "acl": acl})
    client.json("POST", "/api/job", {"action": "not hers", "execution-mode": "pull"})
    hers = made["resource-id"]
    _, found, _ = jane.search("job")
    expect([one["id"] for one in found["resources"]], [hers])
    expect("acl" in found["resources"][0], False)
    expect(rels(found["resources"][0]), ["cancel"])
    status, document, _ = jane.json("PUT", f"/api/{hers}", {"progress": 5})
    expect((status, document["message"]), (403, f"invalid credentials for '{hers}'"))
    expect(jane.json("POST", f"/api/{hers}/cancel", {})[0], 200)
    expect(client.json("PUT", f"/api/{user}", {"state": "SUSPENDED"})[0], 200)
    status, _, _ = Client(port).json("POST", "/api/session", {"template": {
        "href": "session-template/password", "username": "jane", "password": "jane's secret"}})
    expect(status, 403)
    client.delete_bulk("job", "action!=null")


def main():
    port, password = int(sys.argv[1]), sys.argv[2]
    client = Client(port)
    status, entry, _ = client.call("GET", "/api/cloud-entry-point")
    expect((status, entry["base-uri"]), (200, f"http://127.0.0.1:{port}/api/"))
    expect(entry["collections"]["job"], {"href": "job"})
    session = log_in(client, password)
    life_of_a_job(client)
    searching(client)
    bulk_cancel(client)
    engine_edits(client)
    bulk_job_under_monitor(client)
    session = log_in_anew(client, password)
    api_keys(client, port)
    users(client, port)
    cookie = client.cookie
    expect(client.delete(session)[0], 200)
    client.cookie = cookie
    expect(client.search("job", last=0)[0], 403)


main()
print("ok")
