"""What an OpenAPI 3.0 document must be like, and whether requests and answers are as it says."""

import datetime
import http.client
import json
import re

import jsonschema

METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")


class Reply:
    def __init__(self, status, headers, text):
        self.status = status
        self.headers = headers
        self.text = text
        self.type = headers.get("content-type", "").split(";")[0]
        self.document = json.loads(text) if self.type == "application/json" and text else None

    def message(self):
        return self.document.get("message", "") if isinstance(self.document, dict) else ""


class Server:
    def __init__(self, port, password):
        self.port = port
        self.password = password
        self.form = False  # texts are sent as forms
        self.patch = False  # bodies are JSON patches

    def call(self, method, path, body=None, headers=None, only_head=False):
        """With only_head a stream that never ends is left at once."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            sent = dict(headers or {})
            json_type = "application/json-patch+json" if self.patch else "application/json"
            sent["Content-Type"] = "application/x-www-form-urlencoded" if self.form else json_type
            text = body if body is None or isinstance(body, str) else json.dumps(body)
            connection.request(method, path.replace(" ", "%20"), text, sent)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            stream = found.get("content-type", "").startswith("text/event-stream")
            text = "" if stream or method == "HEAD" else response.read().decode()
            return Reply(response.status, found, text)
        finally:
            connection.close()


def resolved(document, node):
    while isinstance(node, dict) and "$ref" in node:
        place = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            place = place[step]
        node = place
    return node


def references(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def keys(where, node, must, may):
    """The fields of an object of the specification; x-… are free."""
    if not isinstance(node, dict):
        yield f"{where}: {node!r} is no object"
        return
    for name in must - set(node):
        yield f"{where}: {name} is missing"
    for name in set(node) - must - may:
        if not name.startswith("x-"):
            yield f"{where}: {name} is no field of it"


SCHEMA_FIELDS = {
    "title", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength", "pattern",
    "maxItems", "minItems", "uniqueItems", "maxProperties", "minProperties", "required", "enum", "type", "allOf", "oneOf",
    "anyOf", "not", "items", "properties", "additionalProperties", "description", "format", "default", "nullable",
    "discriminator", "readOnly", "writeOnly", "xml", "externalDocs", "example", "deprecated",
}


def schema_errors(where, schema):
    if "$ref" in schema:
        return
    yield from keys(where, schema, set(), SCHEMA_FIELDS)
    if schema.get("type") not in (None, "string", "integer", "number", "boolean", "array", "object"):
        yield f"{where}: type {schema['type']!r}"
    if schema.get("type") == "array" and "items" not in schema:
        yield f"{where}: an array without items"
    if "required" in schema and not schema["required"]:
        yield f"{where}: required is empty"
    for name, part in schema.get("properties", {}).items():
        yield from schema_errors(f"{where}/{name}", part)
    if isinstance(schema.get("items"), dict):
        yield from schema_errors(where + "[]", schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        yield from schema_errors(where + "/*", schema["additionalProperties"])
    for joined in ("allOf", "oneOf", "anyOf"):
        for part in schema.get(joined, []):
            yield from schema_errors(f"{where}/{joined}", part)
    try:
        jsonschema.Draft4Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        yield f"{where}: {error.message}"


def content_errors(where, content):
    for media_type, one in content.items():
        if not re.fullmatch(r"[a-z]+/[a-z+.-]+", media_type):
            yield f"{where}: media type {media_type!r}"
        yield from keys(f"{where} {media_type}", one, set(), {"schema", "example", "examples", "encoding"})
        yield from schema_errors(where, one.get("schema", {}))


def parameter_errors(document, where, parameter):
    parameter = resolved(document, parameter)
    yield from keys(where, parameter, {"name", "in", "schema"},
                    {"description", "required", "deprecated", "style", "explode", "example", "allowReserved"})
    if parameter.get("in") not in ("query", "header", "path", "cookie"):
        yield f"{where}: in {parameter.get('in')!r}"
    if parameter.get("in") == "path" and parameter.get("required") is not True:
        yield f"{where}: {parameter['name']} is in the path and not required"
    yield from schema_errors(where, parameter.get("schema", {}))


def response_errors(document, where, response):
    response = resolved(document, response)
    yield from keys(where, response, {"description"}, {"headers", "content", "links"})
    for name, header in response.get("headers", {}).items():
        yield from keys(f"{where} {name}", resolved(document, header), {"schema"}, {"description", "required", "example"})
    yield from content_errors(where, response.get("content", {}))


def operation_errors(document, where, operation, shared):
    yield from keys(where, operation, {"responses"},
                    {"operationId", "summary", "description", "tags", "parameters", "requestBody", "security", "deprecated",
                     "servers", "callbacks", "externalDocs"})
    parameters = [resolved(document, one) for one in shared + operation.get("parameters", [])]
    for parameter in parameters:
        yield from parameter_errors(document, where, parameter)
    named = [(one["name"], one["in"]) for one in parameters]
    if len(named) != len(set(named)):
        yield f"{where}: a parameter twice"
    in_path = {name for name, place in named if place == "path"}
    if in_path != set(re.findall(r"\{(\w+)\}", where.split(" ")[1])):
        yield f"{where}: path parameters {in_path}"
    if not any(status.startswith("2") for status in operation["responses"]):
        yield f"{where}: never succeeds"
    for status, response in operation["responses"].items():
        if not re.fullmatch("[1-5][0-9][0-9]|[1-5]XX|default", status):
            yield f"{where}: status {status}"
        yield from response_errors(document, f"{where} {status}", response)
    if "requestBody" in operation:
        body = resolved(document, operation["requestBody"])
        yield from keys(f"{where} body", body, {"content"}, {"description", "required"})
        yield from content_errors(f"{where} body", body["content"])
    for requirement in operation.get("security", []):
        for name in requirement:
            if name not in document["components"]["securitySchemes"]:
                yield f"{where}: security {name}"
    if not operation.get("summary"):
        yield f"{where}: says nothing"


def structural_errors(document):
    """Nothing, when the document is what OpenAPI 3.0.3 asks for."""
    yield from keys("document", document, {"openapi", "info", "paths"},
                    {"servers", "components", "security", "tags", "externalDocs"})
    if not re.fullmatch(r"3\.0\.\d+", document["openapi"]):
        yield f"openapi: {document['openapi']}"
    yield from keys("info", document["info"], {"title", "version"}, {"description", "license", "contact", "termsOfService"})
    for reference in set(references(document)):
        try:
            resolved(document, {"$ref": reference})
        except KeyError:
            yield f"{reference} leads nowhere"
    tags = [tag["name"] for tag in document["tags"]]
    identifiers = []
    for path, item in document["paths"].items():
        yield from keys(path, item, set(), {"summary", "description", "parameters", "servers", *METHODS})
        if not path.startswith("/"):
            yield f"{path}: no slash in front"
        for method in METHODS:
            if method in item:
                yield from operation_errors(document, f"{method} {path}", item[method], item.get("parameters", []))
                identifiers.append(item[method].get("operationId"))
                yield from (f"{path}: tag {tag}" for tag in item[method].get("tags", []) if tag not in tags)
    yield from (f"operationId {one} twice" for one in set(identifiers) if identifiers.count(one) > 1)
    components = document["components"]
    for part, named in components.items():
        yield from (f"components/{part}/{name}: name" for name in named if not re.fullmatch(r"[a-zA-Z0-9._-]+", name))
    for name, schema in components["schemas"].items():
        yield from schema_errors(name, schema)


def is_time(text):
    """Beyond the pattern: a day and a time that exist."""
    parts = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d).*?(Z|[+-](\d\d):(\d\d))", text, re.S)
    if not parts:
        return False
    try:
        datetime.datetime(*(int(parts[place]) for place in range(1, 7)))
    except ValueError:
        return False
    return parts[8] is None or (int(parts[8]) < 24 and int(parts[9]) < 60)


def pattern(_validator, wanted, instance, _schema):
    # $ is the end of the text, which in Python it is not before a line's end.
    if isinstance(instance, str) and not re.search(re.sub(r"\$(?=$|\))", r"\\Z", wanted), instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {wanted!r}")


def time_format(_validator, wanted, instance, _schema):
    if wanted == "date-time" and isinstance(instance, str) and not is_time(instance):
        yield jsonschema.ValidationError(f"{instance!r} is no {wanted}")


# OpenAPI 3.0 has the meaning of the fourth draft: 1.0 is no integer.
Validator = jsonschema.validators.extend(jsonschema.Draft4Validator, {"pattern": pattern, "format": time_format})


def validator(document, schema):
    return Validator(schema, resolver=jsonschema.RefResolver.from_schema(document))


def fits(document, schema, value):
    return validator(document, schema).is_valid(value)


def request_valid(document, operation, body):
    return fits(document, operation["requestBody"]["content"]["application/json"]["schema"], body)


def answer_errors(document, operation, reply):
    responses = operation["responses"]
    described = responses.get(str(reply.status))
    if described is None:
        if reply.status < 400:
            yield "a status that is not described"
            return
        described = responses["default"]
    described = resolved(document, described)
    for name in described.get("headers", {}):
        if name.lower() not in reply.headers:
            yield f"no header {name}"
    content = described.get("content")
    if content is None:
        return
    if reply.type not in content:
        yield f"content type {reply.type!r}"
        return
    if reply.document is None:
        return
    for error in validator(document, content[reply.type]["schema"]).iter_errors(reply.document):
        place = "/".join(str(step) for step in error.absolute_path)
        yield f"{place}: {error.message[:300]}"
