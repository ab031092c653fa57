from __future__ import annotations

from serving.edge.doors.operation import Operation, answer, array_of, json_body, object_of, problems, v2_errors


def test_the_parameters_of_the_path_come_from_the_path() -> None:
    operation = Operation(name="one", tag="toy", summary="One", answers={"200": answer("One.", {})})
    made = operation.document("/v1/models/{model}/versions/{version}")
    assert [(each["name"], each["in"], each["required"]) for each in made["parameters"]] == [
        ("model", "path", True),
        ("version", "path", True),
    ]
    assert "requestBody" not in made and made["operationId"] == "one" and made["tags"] == ["toy"]


def test_a_body_and_its_example() -> None:
    schema = object_of({"records": array_of({"type": "string"}, minItems=1)})
    operation = Operation(name="put", tag="toy", summary="Put", answers={}, body=json_body(schema, ["a"]))
    media = operation.document("/")["requestBody"]["content"]["application/json"]
    assert media == {"schema": schema, "example": ["a"]} and schema["required"] == ["records"]


def test_failures_have_the_form_of_their_door() -> None:
    for made, media, name in (
        (problems(), "application/problem+json", "Problem"),
        (v2_errors(), "application/json", "Error"),
    ):
        assert "Retry-After" in made["503"]["headers"]
        assert made["404"]["content"][media]["schema"] == {"$ref": f"#/components/schemas/{name}"}
