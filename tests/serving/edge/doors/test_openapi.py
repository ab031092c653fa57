from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import msgspec

from serving.edge.application import routes
from serving.edge.doors.openapi import document, lowered
from tests.serving.edge.toy import ToyPlane, every, toy

Other = msgspec.defstruct("Question", [("rain", float)], module="other.app")
ROUTES = routes(ToyPlane())
DOCUMENT = document(ROUTES, (every, toy))


def walk(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, dict):
        return [node, *(found for value in node.values() for found in walk(value))]
    return [found for item in node for found in walk(item)] if isinstance(node, list | tuple) else []


def test_every_reference_resolves() -> None:
    for made in (DOCUMENT, lowered(DOCUMENT)):
        schemas = made["components"]["schemas"]
        references = [node["$ref"] for node in walk(made) if "$ref" in node]
        assert references and {ref.rpartition("/")[2] for ref in references} <= set(schemas)


def test_units_ranges_and_example_are_the_apps() -> None:
    horizon = DOCUMENT["components"]["schemas"]["Question"]["properties"]["horizon"]
    assert (horizon["minimum"], horizon["maximum"], horizon["description"]) == (1, 30, "Trading days ahead")
    post = DOCUMENT["paths"]["/v1/models/toy:predict"]["post"]
    example = post["requestBody"]["content"]["application/json"]["example"]
    assert example == {"instances": [msgspec.to_builtins(toy.example)]}


def test_every_failure_is_described() -> None:
    responses = DOCUMENT["paths"]["/v1/models/toy:predict"]["post"]["responses"]
    assert set(responses) == {"200", "400", "404", "408", "413", "415", "422", "500", "503", "504"}
    assert "Retry-After" in responses["503"]["headers"]


def test_callers_that_are_asked_who_they_are_read_how() -> None:
    made = document(ROUTES, (toy,), asks_callers=True)
    assert set(made["components"]["securitySchemes"]) == {"bearer", "key"}
    for path, method in (("/v1/models/toy:predict", "post"), ("/v2/models/{model}", "get"), ("/metrics", "get")):
        operation = made["paths"][path][method]
        assert operation["security"] == [{"bearer": []}, {"key": []}]
        assert {"401", "403", "429"} <= set(operation["responses"])
    assert "security" not in made["paths"]["/-/healthz"]["get"]
    assert not any("security" in node for node in walk(DOCUMENT))


def test_operations_are_unique_and_their_paths_routed() -> None:
    names = []
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            names.append(operation["operationId"])
            declared = {item["name"] for item in operation["parameters"] if item["in"] == "path"}
            assert declared == set(re.findall(r"{(\w+)}", path)), path
            concrete = re.sub(r"{\w+}", "1", path)
            assert any(one.method == method.upper() and one.path_regex.match(concrete) for one in ROUTES), path
    assert len(set(names)) == len(names)


def test_only_apps_that_explain_say_so() -> None:
    assert "/v1/models/toy:explain" in DOCUMENT["paths"]
    assert "/v1/models/every:explain" not in DOCUMENT["paths"]


def test_apps_may_name_their_types_alike() -> None:
    made = document(ROUTES, (toy, replace(toy, name="other", question=Other)))
    schemas = made["components"]["schemas"]
    found = []
    for name in ("toy", "other"):
        body = made["paths"][f"/v1/models/{name}:predict"]["post"]["requestBody"]["content"]["application/json"]
        reference = body["schema"]["properties"]["instances"]["items"]["$ref"]
        found.append(set(schemas[reference.rpartition("/")[2]]["properties"]))
    assert found == [{"horizon", "history", "market"}, {"rain"}]


def test_lowered_is_openapi_3_0() -> None:
    made = lowered(
        {
            "openapi": "3.1.0",
            "a": {"exclusiveMinimum": 0, "const": 1, "examples": [5, 6]},
            "b": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            "c": {"anyOf": [{"$ref": "#/x"}, {"type": "null"}]},
            "d": {"prefixItems": [{"type": "integer"}]},
        }
    )
    assert made == {
        "openapi": "3.0.3",
        "a": {"minimum": 0, "exclusiveMinimum": True, "enum": [1], "example": 5},
        "b": {"type": "string", "nullable": True, "default": None},
        "c": {"anyOf": [{"$ref": "#/x"}], "nullable": True},
        "d": {"items": {}},
    }
    json.dumps(lowered(DOCUMENT))


def parameters(path: str, method: str = "post") -> dict[str, dict[str, Any]]:
    return {one["name"]: one["schema"] for one in DOCUMENT["paths"][path][method]["parameters"]}


def test_the_limits_of_headers_and_of_the_path_are_said() -> None:
    found = parameters("/v1/models/toy/versions/{version}:predict")
    assert found["X-Request-Timeout-Ms"]["minimum"] == 1
    assert (
        re.fullmatch(found["X-Request-Id"]["pattern"], "a-1.b_2") and "{1,128}" in found["X-Request-Id"]["pattern"]
    )
    for text, good in (("1", True), ("012", True), ("0", False), ("x", False), ("-1", False)):
        assert bool(re.match(found["version"]["pattern"], text)) is good


def test_what_an_unknown_model_is_answered_is_said() -> None:
    responses = DOCUMENT["paths"]["/v1/models/{model}"]["get"]["responses"]
    assert set(responses) == {"200", "404", "503"}
    assert "application/problem+json" in responses["404"]["content"]


def test_it_says_how_integers_are_written() -> None:
    assert "5.0 is read as 5 in bodies of up to 1 MiB, and 5.5 is refused" in DOCUMENT["info"]["description"]


def test_the_answers_of_readiness_are_said() -> None:
    """Not ready is an answer of the same form, with 503, and not an error."""
    for path, statuses in (
        ("/v2/health/ready", {"200", "503"}),
        ("/v2/models/{model}/ready", {"200", "404", "503"}),
        ("/v2/models/{model}/versions/{version}/ready", {"200", "404", "503"}),
    ):
        responses = DOCUMENT["paths"][path]["get"]["responses"]
        assert set(responses) == statuses
        forms = [responses[status]["content"]["application/json"]["schema"] for status in ("200", "503")]
        assert forms[0] == forms[1] and "ready" in forms[0]["required"]
