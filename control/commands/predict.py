"""`slipway predict`: ask a running app a question."""

from __future__ import annotations

import http.client
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from control.errors import StackError

__all__ = ["EPILOG", "predict"]

EPILOG = (
    "Examples:  slipway predict price   |   slipway predict price --json '{\"commodity\": ...}' --explain   |   "
    "slipway predict price --file question.json --version 2"
)


def predict(
    app: Annotated[str, typer.Argument(help="Name of the app, such as price.")],
    question: Annotated[
        str, typer.Option("--json", help="One question, or a list of them. Default: the app's own example.")
    ] = "",
    file: Annotated[Path | None, typer.Option(help="File with the question; - reads standard input.")] = None,
    version: Annotated[int, typer.Option(min=0, help="Ask this version; 0: the champion.")] = 0,
    explain: Annotated[bool, typer.Option("--explain", help="Show what each feature contributed.")] = False,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds to wait for the answer.")] = 10.0,
) -> None:
    """Ask a running app a question and print its answer as JSON."""
    from control.settings import StackSettings
    from serving.settings import read

    settings = read(StackSettings)
    body = json.dumps({"instances": _questions(app, question, file)})
    at = f"/versions/{version}" if version else ""
    path = f"/v1/models/{app}{at}:{'explain' if explain else 'predict'}"
    status, text = _post(_address(settings), path, body, timeout)
    if status != 200:
        raise StackError(_problem(status, text))
    sys.stdout.write(json.dumps(json.loads(text), indent=2) + "\n")


def _address(settings: Any) -> str:
    """The running stack's HTTP door, else the configured one."""
    from control.stack.state import read_state

    state = read_state(settings.home)
    return state.http if state is not None and state.http else f"{settings.host}:{settings.http_port}"


def _questions(app: str, text: str, file: Path | None) -> list[Any]:
    if text and file:
        raise typer.BadParameter("give --json or --file, not both")
    if file is not None:
        text = _read(file)
    if not text:
        import msgspec

        from serving.routing.catalog import find_app

        try:
            return [msgspec.to_builtins(find_app(app).example)]
        except LookupError as cause:
            raise typer.BadParameter(str(cause)) from cause
    try:
        asked = json.loads(text)
    except json.JSONDecodeError as cause:
        raise typer.BadParameter(f"the question is not JSON: {cause}") from cause
    return asked if isinstance(asked, list) else [asked]


def _read(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text()
    except (OSError, UnicodeDecodeError) as cause:
        raise typer.BadParameter(f"{file} cannot be read: {cause}") from cause


def _post(address: str, path: str, body: str, timeout: float) -> tuple[int, str]:
    connection = http.client.HTTPConnection(address, timeout=timeout + 1)
    headers = {"content-type": "application/json", "x-request-timeout-ms": str(max(1, round(timeout * 1000)))}
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException) as cause:
        raise StackError(
            f"nothing answers on http://{address} ({cause}). `slipway up` starts it, `slipway status` shows it"
        ) from cause
    finally:
        connection.close()


def _problem(status: int, text: str) -> str:
    try:
        return f"{status}: {json.loads(text)['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"{status}: {text[:300]}"
