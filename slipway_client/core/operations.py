"""What a client can do, each as steps that do no input or output themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from slipway_client.core.attempts import Call, begin, exchange
from slipway_client.core.json_text import decode_object, encode_instances
from slipway_client.core.metadata import Metadata, model_path
from slipway_client.core.options import Options
from slipway_client.core.parts import Part, in_parts
from slipway_client.core.rows import Rows, rows_of, single_or_all
from slipway_client.core.steps import Reply, Request, Steps
from slipway_client.core.tensors import DTYPES, HEADER, Inferred, cast, decode_reply, encode_request
from slipway_client.errors import BadAnswer, DeadlineExceeded, Invalid, Unavailable
from slipway_client.types import Answers, Model, ModelMetadata, ServerMetadata, TensorSpec

__all__ = ["Operations"]

JSON_HEADERS = {"content-type": "application/json"}
BINARY_TYPE = "application/octet-stream"
Arrays = dict[str, npt.NDArray[Any]]


class Operations:
    """The operations of one client. What it remembers are the tensors of the models that it asked."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._metadata = Metadata(options)

    def ask(
        self,
        verb: str,
        model: str | Model[Any, Any, Any],
        rows: Any,
        version: int | None,
        timeout: float | None,
        request_id: str | None,
    ) -> Steps[Any]:
        """`predict` or `explain`; the answers have the form of the rows."""
        call = begin(self.options, timeout, request_id)
        name = name_of(model)
        if verb == "predict" and isinstance(rows, np.ndarray):
            spec = yield from self._tensor_for(call, name, rows, version)
            if spec is not None:
                outputs = yield from self._infer(call, name, {spec.name: cast(spec, rows)}, [spec], version, ())
                return single_or_all(outputs)
        given = rows_of(rows)
        answers = yield from _ask_all(call, verb, name, given, version)
        return given.shaped(answers)

    def infer(
        self,
        model: str | Model[Any, Any, Any],
        inputs: Mapping[str, Any],
        outputs: Sequence[str],
        version: int | None,
        timeout: float | None,
        request_id: str | None,
    ) -> Steps[Arrays]:
        """The model's outputs for arrays by the name of the input."""
        call = begin(self.options, timeout, request_id)
        _check_infer(inputs, outputs)
        name = name_of(model)
        found = yield from self._metadata.of(call, name, version)
        specs = {spec.name: spec for spec in found.inputs}
        unknown = next((given for given in inputs if given not in specs), None)
        if unknown is not None or not inputs:
            what = "`inputs` is empty" if unknown is None else f"{unknown!r} is not an input of {name}"
            raise Invalid(f"{what}; allowed: {', '.join(specs)}", field=unknown or "inputs")
        arrays = {given: cast(specs[given], array) for given, array in inputs.items()}
        return (yield from self._infer(call, name, arrays, [specs[given] for given in arrays], version, outputs))

    def models(self, timeout: float | None) -> Steps[list[str]]:
        """Names of the models."""
        call = begin(self.options, timeout)
        document = yield from _get(call, "/v1/models")
        return [str(name) for name in _items(document, "models", call)]

    def metadata(
        self, model: str | Model[Any, Any, Any] | None, version: int | None, timeout: float | None
    ) -> Steps[ModelMetadata | ServerMetadata]:
        """What a model takes and gives, or without a model what the server is."""
        call = begin(self.options, timeout)
        if model is not None:
            return (yield from self._metadata.ask(call, name_of(model), version))
        document = yield from _get(call, "/v2")
        extensions = tuple(str(name) for name in _items(document, "extensions", call))
        return ServerMetadata(str(document.get("name", "")), str(document.get("version", "")), extensions)

    def ready(
        self, model: str | Model[Any, Any, Any] | None, version: int | None, timeout: float | None
    ) -> Steps[bool]:
        """Whether the server, or one model, can answer now. There is one attempt."""
        call = begin(self.options.once(), timeout)
        path = "/v2/health/ready" if model is None else f"{model_path('v2', name_of(model), version)}/ready"
        try:
            yield from exchange(call, Request("GET", path))
        except (Unavailable, DeadlineExceeded):
            return False
        return True

    def openapi(self, timeout: float | None) -> Steps[dict[str, Any]]:
        """The OpenAPI document of the server."""
        return (yield from _get(begin(self.options, timeout), "/openapi.json"))

    def _tensor_for(
        self, call: Call, name: str, rows: npt.NDArray[Any], version: int | None
    ) -> Steps[TensorSpec | None]:
        """The only input of the model, if it takes such an array of numbers."""
        if rows.ndim < 2 or rows.dtype.kind not in "biuf":
            return None
        found = yield from self._metadata.of(call, name, version)
        if len(found.inputs) != 1:
            return None
        spec = found.inputs[0]
        numeric = spec.datatype in DTYPES and spec.datatype != "BYTES"
        return spec if numeric and len(spec.shape) == rows.ndim else None

    def _infer(
        self,
        call: Call,
        name: str,
        arrays: Arrays,
        specs: Sequence[TensorSpec],
        version: int | None,
        outputs: Sequence[str],
    ) -> Steps[Arrays]:
        """Send arrays, in several requests where they have too many rows for one, and join the outputs."""
        counts = {len(array) if array.ndim else 0 for array in arrays.values()}
        if counts == {0} or len(counts) > 1:
            raise Invalid(f"the inputs must have the same number of rows, at least 1, got {sorted(counts)}")

        def encode(start: int, stop: int) -> Request:
            given = {spec.name: (spec.datatype, arrays[spec.name][start:stop]) for spec in specs}
            body, length = encode_request(given, outputs)
            return Request("POST", "/infer", body, {"content-type": BINARY_TYPE, HEADER: str(length)})

        def decode(reply: Reply, own: Call, rows: int) -> Part[Arrays]:
            found: Inferred = decode_reply(reply, own.request_id)
            for output, array in found.outputs.items():
                _check_count(rows, array.shape[0] if array.ndim else 0, own, f" in the output {output!r}")
            return Part(found.version, found.outputs)

        try:
            parts = yield from in_parts(
                call, counts.pop(), model_path("v2", name, version), encode, decode, version
            )
        except Invalid:
            # The model may have other tensors by now.
            self._metadata.forget(name)
            raise
        try:
            return {key: np.concatenate([part.found[key] for part in parts]) for key in parts[0].found}
        except (KeyError, ValueError) as cause:
            raise BadAnswer(f"the outputs of the parts do not fit together: {cause}") from cause


def _check_infer(inputs: Any, outputs: Any) -> None:
    if not isinstance(inputs, Mapping):
        what = f"`inputs` must be a dict of arrays by the name of the input, got {type(inputs).__name__}"
        raise Invalid(what, field="inputs")
    if isinstance(outputs, str):
        raise Invalid(f"`outputs` must be a list of names, got {outputs!r}", field="outputs")


def name_of(model: str | Model[Any, Any, Any]) -> str:
    """The name of a model. Raises `Invalid`."""
    name = model.name if isinstance(model, Model) else model
    if not isinstance(name, str) or not name:
        raise Invalid(f"`model` must be a non-empty string, got {name!r}", field="model")
    return name


def _ask_all(call: Call, verb: str, name: str, rows: Rows, version: int | None) -> Steps[Answers[Any]]:
    """Ask in as many requests as needed; one version answers them all."""
    key = "predictions" if verb == "predict" else "explanations"

    def encode(start: int, stop: int) -> Request:
        return Request("POST", f":{verb}", encode_instances(rows.part(start, stop)), JSON_HEADERS)

    def decode(reply: Reply, own: Call, asked: int) -> Part[list[Any]]:
        document = decode_object(reply.body, own.request_id)
        found = _items(document, key, own)
        _check_count(asked, len(found), own)
        return Part(str(document.get("model_version", "")), found)

    parts = yield from in_parts(call, rows.count, model_path("v1", name, version), encode, decode, version)
    found = [answer for part in parts for answer in part.found]
    return Answers(found, model=name, version=parts[0].version, request_id=call.request_id)


def _check_count(asked: int, answered: int, call: Call, where: str = "") -> None:
    """Raise `BadAnswer` unless each row of one request has an answer: others would belong to other rows."""
    if asked != answered:
        raise BadAnswer(f"{asked} rows were asked, {answered} answered{where}", request_id=call.request_id)


def _get(call: Call, path: str) -> Steps[dict[str, Any]]:
    reply = yield from exchange(call, Request("GET", path))
    return decode_object(reply.body, call.request_id)


def _items(document: Mapping[str, Any], key: str, call: Call) -> list[Any]:
    found = document.get(key)
    if not isinstance(found, list):
        raise BadAnswer(f"the answer has no list {key!r}", request_id=call.request_id)
    return found
