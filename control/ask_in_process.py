"""Answer questions without a server: load a version of the app in this process, ask it, and end."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec

from control.errors import StackError
from serving.edge.codec.records import decode_instances
from serving.edge.error_responses import error_answer
from serving.hosting.composition import Server
from serving.kernel.app import App
from serving.kernel.call import Call
from serving.kernel.errors import SlipwayError
from serving.kernel.settings import Settings
from serving.kernel.storage.model_repository import Repository
from serving.models.dataplane import FALLBACK

__all__ = ["ask_in_process"]


def ask_in_process(
    settings: Settings,
    app: App[Any, Any, Any],
    records: Sequence[Any],
    version: int,
    explain: bool,
    timeout: float,
) -> dict[str, Any]:
    """Return what `POST /v1/models/{app}:predict` would answer to `records`; `version` 0 is the champion.

    The version is verified as a server verifies it. Raises `StackError` with the status that HTTP would answer.
    """
    versions = Repository(settings.model_repository).versions(app.name)
    own = replace(
        settings,
        apps=(app.qualified_name,),
        backend="fused",
        keep_versions=max(1, sum(number >= version for number in versions) if version else 1),
        log_level="ERROR",
    )
    try:
        return asyncio.run(_ask(own, app.name, records, version or None, explain, timeout))
    except SlipwayError as cause:
        answer = error_answer(cause, Call("local", 0.0, "v1"))
        raise StackError(f"{answer.status}: {msgspec.json.decode(answer.body)['detail']}") from cause


async def _ask(
    settings: Settings, name: str, records: Sequence[Any], version: int | None, explain: bool, timeout: float
) -> dict[str, Any]:
    server = Server(settings)
    try:
        await server.refresh()
        app = server.dataplane.app(name, version)
        # As JSON, so that errors name the same places as those of a server.
        asked = json.dumps({"instances": records}).encode()
        questions = decode_instances(app.instance, asked, settings.max_rows)
        # The timeout starts here: loading the version does not count.
        call = Call("local", time.monotonic() + timeout)
        if explain:
            number, found = await server.dataplane.explain(call, name, version, questions)
        else:
            number, answers = server.dataplane.ask(call, name, version, questions)
            found = await answers
    finally:
        await server.close()
    shown = "fallback" if number == FALLBACK else str(number)
    key = "explanations" if explain else "predictions"
    return {key: msgspec.to_builtins(found), "model_name": name, "model_version": shown, "request_id": "local"}
