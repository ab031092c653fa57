from __future__ import annotations

import ast
from typing import Any, get_type_hints

import pytest

from slipway_client import BadAnswer, NotFound
from slipway_client.typed.module import model_names, write_module

EVIL = [
    '"""\nimport os\n',
    "x\rimport os",
    "a\u2028import os",
    "'); import os; ('",
    "\\",
    "{imports}",
    "# x",
    "\x00",
]


def document(models: dict[str, str], schemas: dict[str, Any]) -> dict[str, Any]:
    """Models by name, each with the name of the schema of its questions and answers."""

    def content(schema: Any) -> dict[str, Any]:
        return {"content": {"application/json": {"schema": {"properties": schema}}}}

    paths = {}
    for name, key in models.items():
        items = {"type": "array", "items": {"$ref": f"#/components/schemas/{key}"}}
        responses = {"200": content({"predictions": dict(items)})}
        paths[f"/v1/models/{name}:predict"] = {
            "post": {"requestBody": content({"instances": items}), "responses": responses}
        }
    return {"paths": {"/v1/models/{model}": {}, **paths}, "components": {"schemas": schemas}}


def record(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "required": [*fields][:1], "properties": fields}


def run(source: str) -> dict[str, Any]:
    found: dict[str, Any] = {"__name__": "models"}
    exec(compile(source, "models.py", "exec"), found)
    return found


def test_a_module_has_what_the_models_need_and_no_more() -> None:
    schemas = {"Q": record(a={"type": "integer", "minimum": 1}, b={"type": "string"}), "R": record(x={})}
    source = write_module(document({"m": "Q", "other": "R"}, schemas), ["m"])
    assert "class Q(TypedDict):\n    # >= 1\n    a: int\n    b: NotRequired[str]\n" in source
    assert source.endswith('M: Model[Q, Q, None] = Model("m")\n')
    assert "Literal" not in source and "class R" not in source
    found = run(source)
    assert found["__all__"] == ["M", "Q"] and found["M"].name == "m"
    assert found["Q"](a=1) == {"a": 1}


def test_fields_that_are_no_identifiers_have_the_other_form() -> None:
    schema = record(**{"petal length (cm)": {"type": "number", "description": "cm"}, "class": {}, "__x": {}})
    found = run(write_module(document({"iris-v2": "iris.Question"}, {"iris.Question": schema})))
    kind = found["IrisQuestion"]
    assert list(kind.__annotations__) == ["petal length (cm)", "class", "__x"]
    assert found["IRIS_V2"].name == "iris-v2"


def test_a_field_with_the_name_of_a_type_does_not_hide_it() -> None:
    for name in ("float", "Any", "Other"):
        schemas = {
            "Q": record(**{name: {"type": "string"}, "z": {"$ref": "#/components/schemas/Other"}, "y": {}}),
            "Other": record(a={"type": "number"}),
        }
        source = write_module(document({"m": "Q"}, schemas))
        assert "Q = TypedDict(" in source and "class Other(TypedDict):" in source, "a class could not be checked"
        found = run(source)
        assert get_type_hints(found["Q"], found) == {name: str, "z": found["Other"], "y": Any}
        assert get_type_hints(found["Other"], found) == {"a": float}


def test_a_question_that_may_be_an_array_is_an_object() -> None:
    given = document({"m": "Q"}, {"Q": record(a={})})
    body = given["paths"]["/v1/models/m:predict"]["post"]["requestBody"]
    schema = body["content"]["application/json"]["schema"]["properties"]["instances"]
    schema["items"] = {"anyOf": [{"$ref": "#/components/schemas/Q"}, {"type": "array"}]}
    assert "Model[Q, Q, None]" in write_module(given)


@pytest.mark.parametrize("evil", EVIL)
def test_no_text_of_the_document_becomes_code(evil: str) -> None:
    field = {"type": "string", "description": evil, "enum": [evil], "format": evil, "minimum": evil}
    schema = {**record(**{"a": field, evil: field}), "description": evil}
    plain = {**record(a=field), "description": evil}
    source = write_module(document({evil.replace("/", ""): "Q", "m": "P"}, {"Q": schema, "P": plain, evil: plain}))
    tree = ast.parse(source)
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [getattr(node, "module", None) for node in imported] == ["__future__", "typing", "slipway_client"]
    allowed = (ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.ClassDef, ast.Expr)
    assert [node for node in tree.body if not isinstance(node, allowed)] == []
    assert all(isinstance(node.value, ast.Constant) for node in tree.body if isinstance(node, ast.Expr))
    run(source)


def test_models_that_are_not_there_and_documents_that_are_none() -> None:
    with pytest.raises(NotFound, match="there is no model 'x'; there are m"):
        write_module(document({"m": "Q"}, {}), ["x"])
    for given in ({}, {"paths": []}, {"paths": {"/v1/models/a/b:predict": {}}}):
        assert model_names(given) == []
        with pytest.raises(BadAnswer, match="describes no model"):
            write_module(given)
    broken = {"paths": {"/v1/models/m:predict": None}, "components": {"schemas": []}}
    assert "M: Model[Any, Any, None]" in write_module(broken)
