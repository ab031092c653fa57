"""The client for programs on asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, overload

import httpx
import numpy.typing as npt

from slipway_client.core.operations import Operations
from slipway_client.core.options import MAX_ANSWER_BYTES, MAX_BODY_BYTES, MAX_CONNECTIONS, MAX_ROWS, Options
from slipway_client.core.steps import Event, Step, Steps, Turn, Wait
from slipway_client.transport.outcomes import ERRORS, Body, failure_of, headers_of, no_turn, reply_of, tls_of
from slipway_client.transport.pools import AsyncPool
from slipway_client.types import Answers, Choices, Frame, Model, ModelMetadata, ServerMetadata

__all__ = ["AsyncClient"]

T = TypeVar("T")
Q = TypeVar("Q")
A = TypeVar("A")
E = TypeVar("E")
F = TypeVar("F", bound=Frame)
Array = npt.NDArray[Any]
AnyModel = str | Model[Any, Any, Any]


class AsyncClient:
    """As `Client`, for asyncio: every method is awaited, and one event loop uses it.

        async with AsyncClient("http://127.0.0.1:8080") as client:
            await client.predict("churn", {"age": 42, "plan": "basic"})

    Calls may run side by side. `transport` may be an `httpx.AsyncHTTPTransport`.
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
        transport: httpx.AsyncBaseTransport | None = None,
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
        self._turns = asyncio.BoundedSemaphore(max_connections)
        self._http = httpx.AsyncClient(
            headers=headers_of(options),
            trust_env=False,
            transport=transport or AsyncPool(tls_of(options), connection_age, max_connections),
        )

    @overload
    async def predict(self, model: AnyModel, rows: F, **choices: Unpack[Choices]) -> F: ...
    @overload
    async def predict(
        self, model: AnyModel, rows: Array, **choices: Unpack[Choices]
    ) -> Array | dict[str, Array]: ...
    @overload
    async def predict(
        self, model: Model[Q, A, E], rows: Sequence[Q], **choices: Unpack[Choices]
    ) -> Answers[A]: ...
    @overload
    async def predict(self, model: Model[Q, A, E], rows: Q, **choices: Unpack[Choices]) -> A: ...
    @overload
    async def predict(self, model: str, rows: Mapping[str, Any], **choices: Unpack[Choices]) -> dict[str, Any]: ...
    @overload
    async def predict(
        self, model: str, rows: Sequence[Any], **choices: Unpack[Choices]
    ) -> Answers[dict[str, Any]]: ...
    @overload
    async def predict(self, model: str, rows: Any, **choices: Unpack[Choices]) -> Any: ...
    async def predict(
        self,
        model: AnyModel,
        rows: Any,
        *,
        version: int | None = None,
        timeout: float | None = None,
        request_id: str | None = None,
    ) -> Any:
        """As `Client.predict`."""
        return await self._run(self._operations.ask("predict", model, rows, version, timeout, request_id))

    @overload
    async def explain(self, model: AnyModel, rows: F, **choices: Unpack[Choices]) -> F: ...
    @overload
    async def explain(
        self, model: Model[Q, A, E], rows: Sequence[Q], **choices: Unpack[Choices]
    ) -> Answers[E]: ...
    @overload
    async def explain(self, model: Model[Q, A, E], rows: Q, **choices: Unpack[Choices]) -> E: ...
    @overload
    async def explain(self, model: str, rows: Any, **choices: Unpack[Choices]) -> Any: ...
    async def explain(
        self,
        model: AnyModel,
        rows: Any,
        *,
        version: int | None = None,
        timeout: float | None = None,
        request_id: str | None = None,
    ) -> Any:
        """As `Client.explain`."""
        return await self._run(self._operations.ask("explain", model, rows, version, timeout, request_id))

    async def infer(
        self,
        model: AnyModel,
        inputs: Mapping[str, npt.ArrayLike],
        *,
        outputs: Sequence[str] = (),
        version: int | None = None,
        timeout: float | None = None,
        request_id: str | None = None,
    ) -> dict[str, Array]:
        """As `Client.infer`."""
        return await self._run(self._operations.infer(model, inputs, outputs, version, timeout, request_id))

    async def models(self, *, timeout: float | None = None) -> list[str]:
        """Names of the models."""
        return await self._run(self._operations.models(timeout))

    @overload
    async def metadata(
        self, model: AnyModel, *, version: int | None = ..., timeout: float | None = ...
    ) -> ModelMetadata: ...
    @overload
    async def metadata(self, model: None = ..., *, timeout: float | None = ...) -> ServerMetadata: ...
    async def metadata(
        self, model: AnyModel | None = None, *, version: int | None = None, timeout: float | None = None
    ) -> ModelMetadata | ServerMetadata:
        """As `Client.metadata`."""
        return await self._run(self._operations.metadata(model, version, timeout))

    async def ready(
        self, model: AnyModel | None = None, *, version: int | None = None, timeout: float | None = None
    ) -> bool:
        """As `Client.ready`."""
        return await self._run(self._operations.ready(model, version, timeout))

    async def openapi(self, *, timeout: float | None = None) -> dict[str, Any]:
        """The server's OpenAPI document."""
        return await self._run(self._operations.openapi(timeout))

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._operations.options.url!r})"

    async def _run(self, steps: Steps[T]) -> T:
        event: Event = None
        while True:
            try:
                step = steps.send(event)
            except StopIteration as end:
                result: T = end.value
                return result
            event = await self._do(step)

    async def _do(self, step: Step) -> Event:
        if isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
            return None
        if isinstance(step, Turn):
            return await self._turn(step.seconds)
        request = step.request
        try:
            async with (
                asyncio.timeout(step.seconds),
                self._http.stream(
                    request.method,
                    self._operations.options.url + request.path,
                    content=request.body,
                    headers=request.headers,
                    timeout=step.seconds,
                ) as answer,
            ):
                body = Body(self._operations.options.max_answer_bytes)
                async for part in answer.aiter_bytes():
                    body.add(part)
                return reply_of(answer, body.whole())
        except ERRORS as error:
            return failure_of(error)
        finally:
            self._turns.release()

    async def _turn(self, seconds: float) -> Event:
        try:
            async with asyncio.timeout(seconds):
                await self._turns.acquire()
        except TimeoutError:
            return no_turn()
        return None
