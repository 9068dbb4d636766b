"""The OpenAPI document says of every operation what its users need to know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import validate
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError

from app.main import create_app
from app.settings import Settings

Json = dict[str, Any]

VERBS = (
    "acknowledge|add|cancel|clear|create|delete|download|execute|export|fork|get|list|pause|put|redeliver|resume|retry"
    "|revoke|rotate|run|send|simulate|spawn|update|upload|validate"
)
PUBLIC = {"/healthz", "/readyz"}
GATEWAY = {"/v1/chat/completions", "/v1/models", "/v1/models/{model}"}


@cache
def document() -> Json:
    return create_app(Settings()).openapi()


def operations() -> Iterator[tuple[str, str, Json]]:
    for path, item in document()["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


OPERATIONS = [pytest.param(*entry, id=entry[2]["operationId"]) for entry in operations()]


def resolve(value: Json) -> Json:
    while "$ref" in value:
        found: Any = document()
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        value = found
    return value


def test_operation_ids_are_verb_and_noun_and_each_is_used_once() -> None:
    ids = [operation["operationId"] for _, _, operation in operations()]

    assert len(ids) == len(set(ids)) > 80
    assert [name for name in ids if not re.fullmatch(rf"(?:{VERBS})(?:_[a-z]+)+", name)] == []


def test_schemas_have_names_that_a_generated_client_can_use() -> None:
    assert [name for name in document()["components"]["schemas"] if not re.fullmatch("[A-Z][A-Za-z]+", name)] == []


def test_tags_are_described() -> None:
    used = {tag for _, _, operation in operations() for tag in operation["tags"]}
    assert used | {"webhooks"} == {tag["name"] for tag in document()["tags"]}


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_who_may_call_is_told(path: str, method: str, operation: Json) -> None:
    if path in PUBLIC:
        assert operation["security"] == []
        return
    [requirement] = operation["security"]
    [scopes] = requirement.values()
    assert set(requirement) == set(document()["components"]["securitySchemes"]) == {"bearer"}
    assert scopes in (["read"], ["run"], ["admin"])
    assert {"401", "403", "429", "500", "503"} <= set(operation["responses"])


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_every_error_has_its_body_and_an_example(path: str, method: str, operation: Json) -> None:
    errors = {status: resolve(answer) for status, answer in operation["responses"].items() if status >= "400"}

    assert errors
    for status, answer in errors.items():
        [(media_type, content)] = answer["content"].items()
        if path in GATEWAY:
            assert media_type == "application/json"
            assert set(content["example"]["error"]) == {"message", "type", "param", "code"}
        else:
            assert media_type == "application/problem+json"
            assert content["example"]["status"] == int(status)
            assert content["example"]["title"] == answer["description"]


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_what_can_be_wrong_in_a_request_is_documented(path: str, method: str, operation: Json) -> None:
    if "requestBody" in operation:
        assert {"413", "422"} <= set(operation["responses"])
        if "application/json" in operation["requestBody"]["content"]:
            assert "400" in operation["responses"]
    if operation.get("parameters"):
        assert "422" in operation["responses"]
    assert not [one for one in operation.get("parameters", ()) if {"type": "null"} in one["schema"].get("anyOf", ())]


def test_it_is_an_openapi_document() -> None:
    validate(document())
    with pytest.raises(OpenAPIValidationError):
        validate(document() | {"paths": {"/x": {"get": {"responses": {"200": {}}}}}})


NO_JSON_ANSWER = re.compile("download_|export_|get_metrics|delete_|revoke_")
NOT_RECORDED = {
    *("get_file", "list_files", "upload_file", "get_webhook_delivery", "redeliver_webhook"),  # of bytes, of deliveries
}


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_requests_and_answers_have_examples_that_are_some(path: str, method: str, operation: Json) -> None:
    request = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if request is not None:
        check_example(request)
    name = operation["operationId"]
    if NO_JSON_ANSWER.match(name) or name in NOT_RECORDED:
        return
    answers = [
        content["application/json"]
        for status, answer in operation["responses"].items()
        if status < "300" and "application/json" in (content := answer["content"])
    ]
    examples = [answer for answer in answers if "example" in answer]
    assert examples, f"no example of an answer to {name}: scripts/lib/examples.py records them"
    for answer in examples:
        check_example(answer)


def check_example(content: Json) -> None:
    schema = {"allOf": [content["schema"]], "components": document()["components"]}
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    assert [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(content["example"])] == []
