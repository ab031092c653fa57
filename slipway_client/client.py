"""The client for programs that wait for their answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, overload

import httpx
import numpy.typing as npt

from slipway_client.core.operations import Operations
from slipway_client.core.options import MAX_ANSWER_BYTES, MAX_BODY_BYTES, MAX_CONNECTIONS, MAX_ROWS, Options
from slipway_client.core.steps import Event, Step, Steps, Turn, Wait
from slipway_client.transport.outcomes import ERRORS, Body, failure_of, headers_of, no_turn, reply_of, tls_of
from slipway_client.transport.pools import Pool
from slipway_client.transport.streams import deadline
from slipway_client.types import Answers, Choices, Frame, Model, ModelMetadata, ServerMetadata

__all__ = ["Client"]

T = TypeVar("T")
Q = TypeVar("Q")
A = TypeVar("A")
E = TypeVar("E")
F = TypeVar("F", bound=Frame)
Array = npt.NDArray[Any]
AnyModel = str | Model[Any, Any, Any]


class Client:
    """Asks the models of a gateway. Threads may share a client; it keeps connections, so make one and close it.

        with Client("http://127.0.0.1:8080") as client:
            client.predict("churn", {"age": 42, "plan": "basic"})

    `timeout` is in seconds for a whole call, retries included, and goes along, so that the server stops too.
    `retries` is how often a request is sent again that was not worked on. Input of more than `max_rows` rows or
    `max_body_bytes` is cut into several requests; both must not exceed the server's own limits. An answer of more
    than `max_answer_bytes` is not read. At most `max_connections` requests run at once, others wait for their
    turn; a connection is used again until it is `connection_age` seconds old. `transport` replaces the
    connections, for a proxy or own certificates: `httpx.HTTPTransport(verify=..., proxy=...)`. Proxies in the
    environment are not used.

    Every method may raise a `SlipwayError`; `slipway_client.errors` has them all. Arguments of the client itself
    that make no sense raise `ValueError`.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        timeout: float = 5.0,
        retries: int = 2,
        *,
        max_rows: int = MAX_ROWS,
        max_body_bytes: int = MAX_BODY_BYTES,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        connection_age: float = 60.0,
        max_connections: int = MAX_CONNECTIONS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        options = Options(
            url=url.rstrip("/"),
            api_key=api_key,
            timeout=timeout,
            retries=retries,
            max_rows=max_rows,
            max_body_bytes=max_body_bytes,
            max_answer_bytes=max_answer_bytes,
            connection_age=connection_age,
            max_connections=max_connections,
        )
        self._operations = Operations(options)
        self._turns = threading.BoundedSemaphore(max_connections)
        self._http = httpx.Client(
            headers=headers_of(options),
            trust_env=False,
            transport=transport or Pool(tls_of(options), connection_age, max_connections),
        )

    @overload
    def predict(self, model: AnyModel, rows: F, **choices: Unpack[Choices]) -> F: ...
    @overload
    def predict(self, model: AnyModel, rows: Array, **choices: Unpack[Choices]) -> Array | dict[str, Array]: ...
    @overload
    def predict(self, model: Model[Q, A, E], rows: Sequence[Q], **choices: Unpack[Choices]) -> Answers[A]: ...
    @overload
    def predict(self, model: Model[Q, A, E], rows: Q, **choices: Unpack[Choices]) -> A: ...
    @overload
    def predict(self, model: str, rows: Mapping[str, Any], **choices: Unpack[Choices]) -> dict[str, Any]: ...
    @overload
    def predict(self, model: str, rows: Sequence[Any], **choices: Unpack[Choices]) -> Answers[dict[str, Any]]: ...
    @overload
    def predict(self, model: str, rows: Any, **choices: Unpack[Choices]) -> Any: ...
    def predict(
        self,
        model: AnyModel,
        rows: Any,
        *,
        version: int | None = None,
        timeout: float | None = None,
        request_id: str | None = None,
    ) -> Any:
        """The answers to `rows`, in the same form.

        | rows | answers |
        |---|---|
        | a dict | a dict |
        | a list of dicts, or of lists in the order of the columns | `Answers`, a list of dicts |
        | a DataFrame of pandas or polars | a DataFrame of the same kind |
        | a NumPy array | an array, or arrays by name if the model has several outputs |

        An array goes to the model's only input as a binary tensor. If the model has other inputs, its rows are
        asked as lists. `version` asks one version instead of the champion. `timeout` replaces that of the client.
        """
        return self._run(self._operations.ask("predict", model, rows, version, timeout, request_id))

    @overload
    def explain(self, model: AnyModel, rows: F, **choices: Unpack[Choices]) -> F: ...
    @overload
    def explain(self, model: Model[Q, A, E], rows: Sequence[Q], **choices: Unpack[Choices]) -> Answers[E]: ...
    @overload
    def explain(self, model: Model[Q, A, E], rows: Q, **choices: Unpack[Choices]) -> E: ...
    @overload
    def explain(self, model: str, rows: Any, **choices: Unpack[Choices]) -> Any: ...
    def explain(
        self,
        model: AnyModel,
        rows: Any,
        *,
        version: int | None = None,
        timeout: float | None = None,
        request_id: str | None = None,
    ) -> Any:
        """What is behind the answers to `rows`, in the same form. Raises `NotFound` where there is nothing."""
        return self._run(self._operations.ask("explain", model, rows, version, timeout, request_id))

    def infer(
        self,
        model: AnyModel,
        inputs: Mapping[str, npt.ArrayLike],
        *,
        outputs: Sequence[str] = (),
        version: int | None = None,
        timeout: float | None = None,
        request_id: str | None = None,
    ) -> dict[str, Array]:
        """The model's own outputs for arrays by the name of the input, as binary tensors.

        The first axis of each is that of the rows. `outputs` names those to send back; empty: all.
        """
        return self._run(self._operations.infer(model, inputs, outputs, version, timeout, request_id))

    def models(self, *, timeout: float | None = None) -> list[str]:
        """Names of the models."""
        return self._run(self._operations.models(timeout))

    @overload
    def metadata(
        self, model: AnyModel, *, version: int | None = ..., timeout: float | None = ...
    ) -> ModelMetadata: ...
    @overload
    def metadata(self, model: None = ..., *, timeout: float | None = ...) -> ServerMetadata: ...
    def metadata(
        self, model: AnyModel | None = None, *, version: int | None = None, timeout: float | None = None
    ) -> ModelMetadata | ServerMetadata:
        """What a model takes and gives, and its versions; without a model, what the server is."""
        return self._run(self._operations.metadata(model, version, timeout))

    def ready(
        self, model: AnyModel | None = None, *, version: int | None = None, timeout: float | None = None
    ) -> bool:
        """Whether every model, or this one, can answer now. False too if the server cannot be reached."""
        return self._run(self._operations.ready(model, version, timeout))

    def openapi(self, *, timeout: float | None = None) -> dict[str, Any]:
        """The server's OpenAPI document."""
        return self._run(self._operations.openapi(timeout))

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._operations.options.url!r})"

    def _run(self, steps: Steps[T]) -> T:
        event: Event = None
        while True:
            try:
                step = steps.send(event)
            except StopIteration as end:
                result: T = end.value
                return result
            event = self._do(step)

    def _do(self, step: Step) -> Event:
        if isinstance(step, Wait):
            time.sleep(step.seconds)
            return None
        if isinstance(step, Turn):
            return None if self._turns.acquire(timeout=max(step.seconds, 0.0)) else no_turn()
        request = step.request
        try:
            with (
                deadline(step.seconds),
                self._http.stream(
                    request.method,
                    self._operations.options.url + request.path,
                    content=request.body,
                    headers=request.headers,
                    timeout=step.seconds,
                ) as answer,
            ):
                body = Body(self._operations.options.max_answer_bytes)
                for part in answer.iter_bytes():
                    body.add(part)
                return reply_of(answer, body.whole())
        except ERRORS as error:
            return failure_of(error)
        finally:
            self._turns.release()
