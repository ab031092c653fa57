"""The service of a bento of `slipway package --format bento`; BentoML runs it as `service.py`.

The service answers for one version of one app with the data plane's own code: it verifies and loads the version,
computes features, runs ONNX Runtime in this process, and decides. `POST /predict` is for BentoML's clients; `/v1`
and `/v2` are the gateway's doors.
"""

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import bentoml
import msgspec
from pydantic import WithJsonSchema
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from serving.edge.doors.v1 import RecordDoor
from serving.edge.error_responses import error_answer
from serving.edge.request_life import RequestFactory
from serving.hosting.composition import Server
from serving.kernel.errors import SlipwayError
from serving.kernel.find_app import find_app
from serving.kernel.settings import Settings, read

__all__ = ["Service"]

HERE = Path(__file__).resolve().parent
FACTS = json.loads((HERE / "slipway.json").read_text())
MODELS = HERE / "model-repository"
APP = find_app(FACTS["app"], MODELS)


def inlined(kind: Any) -> dict[str, Any]:
    """Return the JSON schema of a type without references, because BentoML puts it into a larger schema."""
    schema = msgspec.json.schema(kind)
    parts = schema.pop("$defs", {})

    def resolve(here: Any) -> Any:
        if isinstance(here, dict):
            name = here.get("$ref", "").removeprefix("#/$defs/")
            return resolve(parts[name]) if name else {key: resolve(value) for key, value in here.items()}
        return [resolve(one) for one in here] if isinstance(here, list) else here

    found: dict[str, Any] = resolve(schema)
    return found


QUESTION = inlined(APP.question)
if APP.positional is not None:
    # BentoML cannot read the schema of an array with a type for each place.
    QUESTION = {"anyOf": [QUESTION, {"type": "array"}]}
Instances = Annotated[list[Any], WithJsonSchema({"type": "array", "minItems": 1, "items": QUESTION})]
ANSWER = {
    "predictions": {"type": "array", "items": inlined(APP.answer)},
    "model_name": {"type": "string"},
    "model_version": {"type": "string"},
    "request_id": {"type": "string"},
}
Answer = Annotated[dict[str, Any], WithJsonSchema({"type": "object", "properties": ANSWER, "required": [*ANSWER]})]


class Doors:
    """The gateway's HTTP door, which exists once the service has started."""

    def __init__(self) -> None:
        self.server: Server | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request to the door."""
        if self.server is None:
            raise RuntimeError("the service has not started")
        await self.server.http(scope, receive, send)


DOORS = Doors()


@bentoml.service(name=FACTS["name"], workers=1, traffic={"timeout": 60})
@bentoml.asgi_app(DOORS, path="/v2", name="tensors")
@bentoml.asgi_app(DOORS, path="/v1", name="records")
class Service:
    """Answers questions with one version of one app."""

    def __init__(self) -> None:
        self._place = tempfile.TemporaryDirectory(prefix="slipway-bento-")
        self._settings = read(
            Settings,
            home=Path(self._place.name),
            apps=(FACTS["app"] if "." in FACTS["app"] else APP.qualified_name,),
            model_repository=MODELS,
            backend="fused",
        )
        self._requests = RequestFactory(self._settings)
        self._server = Server(self._settings)
        self._door = RecordDoor(self._server.dataplane)

    @bentoml.on_startup
    async def open(self) -> None:
        """Verify and load the version. Raises `RuntimeError` with the reason if the version is refused."""
        await self._server.refresh()
        if not self._server.dataplane.ready():
            reasons = (
                "; ".join(entry.reason for entry in self._server.dataplane.index()) or "the version does not exist"
            )
            raise RuntimeError(f"{APP.name} version {FACTS['version']} cannot answer: {reasons}")
        DOORS.server = self._server

    @bentoml.on_shutdown
    async def close(self) -> None:
        """Finish the requests in flight and release all resources."""
        DOORS.server = None
        await self._server.close()
        self._place.cleanup()

    async def __is_ready__(self) -> bool:
        """Return whether `/readyz` answers 200."""
        return self._server.dataplane.ready()

    @bentoml.api
    async def predict(self, instances: Instances, context: bentoml.Context) -> Answer:
        """Answer the app's typed questions."""
        headers = {key.encode(): value.encode("latin-1") for key, value in context.request.headers.items()}
        caller = getattr(context.request, "client", None)
        request = self._requests.http("POST", headers, "v1", caller.host if caller else "", {"model": APP.name})
        request.body = msgspec.json.encode({"instances": instances})
        try:
            self._requests.identify(request, headers)
            request.identity.require(f"predict:{APP.name}")
            request.call = self._requests.timed(request.call, headers)
            made = self._door.answer(request, await self._door.ask(request))
        except SlipwayError as cause:
            made = error_answer(request.fail(cause), request.call)
        request.end(made.status)
        # BentoML replaces the status of the response with the context's.
        context.response.status_code = made.status
        extra = {**made.headers, "x-request-id": request.call.request_id}
        # BentoML would decode a value of the annotated type again, so this returns a response.
        return Response(made.body, made.status, extra, made.content_type)  # type: ignore[return-value]
