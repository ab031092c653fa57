"""`slipway predict`: ask a running app a question, or load the app for it."""

from __future__ import annotations

import http.client
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from control.commands.common import note_unjudged, own_options, plain_name
from control.console import note
from control.errors import StackError

__all__ = ["EPILOG", "address_of", "predict"]

EPILOG = (
    "Examples:  slipway predict price   |   slipway predict price --json '{\"commodity\": ...}' --explain   |   "
    "slipway predict price --file asked.json --version 2   |   slipway predict struggle --student S --objective O"
)
KEY_HINT = ". This command shows the key of SLIPWAY_API_KEY or SLIPWAY_API_KEY_FILE"


def predict(
    context: typer.Context,
    app: Annotated[str, typer.Argument(help="Name of the app, such as price.")],
    question: Annotated[
        str, typer.Option("--json", help="One question, or a list of them. Default: the app's own example.")
    ] = "",
    file: Annotated[Path | None, typer.Option(help="File with the question; - reads standard input.")] = None,
    version: Annotated[int, typer.Option(min=0, help="Ask this version; 0: the champion.")] = 0,
    explain: Annotated[bool, typer.Option("--explain", help="Show what each feature contributed.")] = False,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds to wait for the answer.")] = 10.0,
    local: Annotated[
        bool, typer.Option("--local", help="Load the version in this process, even if a server is running.")
    ] = False,
) -> None:
    """Ask an app a question and print its answer as JSON. If no server is running, this process answers.

    Scalar fields of the app's question are options too, such as --student and --objective for struggle. So are the
    columns of an added model; lists are written as JSON, such as --ids '[1, 2]'.

    A gateway that asks who calls is shown the key of SLIPWAY_API_KEY or SLIPWAY_API_KEY_FILE.
    """
    from control.settings import StackSettings
    from serving.kernel.settings import read

    settings = read(StackSettings)
    questions = _questions(app, context.args, question, file, version)
    if local:
        _print(settings, _here(settings, app, questions, version, explain, timeout))
        return
    body = json.dumps({"instances": questions})
    at = f"/versions/{version}" if version else ""
    path = f"/v1/models/{plain_name(app)}{at}:{'explain' if explain else 'predict'}"
    try:
        status, text = _post(address_of(settings), path, body, timeout)
    except NoServer as refused:
        try:
            answer = _here(settings, app, questions, version, explain, timeout)
        except StackError as error:
            raise StackError(f"{refused}. This process could not answer either: {error}") from error
        note(f"{refused}. This process loaded the version and answered.")
        _print(settings, answer)
        return
    if status != 200:
        hint = KEY_HINT if status == http.client.UNAUTHORIZED else ""
        raise StackError(_problem(status, text) + hint)
    _print(settings, json.loads(text))


class NoServer(StackError):
    """No process listens at the address of the HTTP door."""


def _print(settings: Any, answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer, indent=2) + "\n")
    version = str(answer.get("model_version", ""))
    if version.isdecimal():
        note_unjudged(settings.model_repository, str(answer.get("model_name", "")), int(version))


def _here(settings: Any, app: str, questions: list[Any], version: int, explain: bool, timeout: float) -> Any:
    from control.ask_in_process import ask_in_process
    from serving.kernel.find_app import find_app

    try:
        found = find_app(app)
    except LookupError as cause:
        raise StackError(str(cause)) from cause
    return ask_in_process(settings, found, questions, version, explain, timeout)


def _questions(app: str, words: list[str], text: str, file: Path | None, version: int) -> list[Any]:
    """Return the questions from the app's own options, from --json, from --file, or from the app's example."""
    if not words:
        return _from_json(app, text, file, version)
    if text or file:
        raise typer.BadParameter("give only one of: the question's fields as options, --json, --file")
    import msgspec

    from serving.kernel.find_app import find_app
    from serving.kernel.json_text import translate

    try:
        question = find_app(app, version=version).question
        kinds = {field.encode_name: field.type for field in msgspec.structs.fields(question)}
    except LookupError as cause:
        raise typer.BadParameter(str(cause)) from cause
    record = {}
    for name, value in own_options("predict", app, tuple(kinds), words).items():
        try:
            record[name] = msgspec.to_builtins(_converted(value, kinds[name]))
        except msgspec.ValidationError as cause:
            raise typer.BadParameter(f"--{name}: {translate(cause, kinds[name], '').message}") from cause
    return [record]


def _converted(text: str, kind: Any) -> Any:
    """The value of a field from an option's text, which is JSON for a list. Raises `msgspec.ValidationError`."""
    import msgspec

    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError:
        if not text.startswith("["):
            raise
        try:
            return msgspec.json.decode(text, type=kind)
        except msgspec.DecodeError as cause:
            raise msgspec.ValidationError(f"not a list in JSON: {cause}") from cause


def address_of(settings: Any) -> str:
    """Return the address of the HTTP door: the running stack's, else the configured one."""
    from control.stack.files.state import read_state

    state = read_state(settings.home)
    return state.http if state is not None and state.http else f"{settings.host}:{settings.http_port}"


def _from_json(app: str, text: str, file: Path | None, version: int) -> list[Any]:
    if text and file:
        raise typer.BadParameter("give --json or --file, not both")
    if file is not None:
        text = _read(file)
    if not text:
        import msgspec

        from serving.kernel.find_app import find_app

        try:
            return [msgspec.to_builtins(find_app(app, version=version).example)]
        except LookupError as cause:
            raise typer.BadParameter(str(cause)) from cause
    try:
        found = json.loads(text)
    except json.JSONDecodeError as cause:
        raise typer.BadParameter(f"the question is not JSON: {cause}") from cause
    return found if isinstance(found, list) else [found]


def _read(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text()
    except (OSError, UnicodeDecodeError) as cause:
        raise typer.BadParameter(f"{file} cannot be read: {cause}") from cause


def _post(address: str, path: str, body: str, timeout: float) -> tuple[int, str]:
    from control.own_key import headers as own

    connection = http.client.HTTPConnection(address, timeout=timeout + 1)
    headers = {"content-type": "application/json", "x-request-timeout-ms": str(max(1, round(timeout * 1000)))}
    try:
        connection.request("POST", path, body, {**headers, **own()})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException) as cause:
        kind = NoServer if isinstance(cause, ConnectionRefusedError) else StackError
        raise kind(
            f"no server answers on http://{address} ({cause}). `slipway up` starts it, `slipway status` shows it"
        ) from cause
    finally:
        connection.close()


def _problem(status: int, text: str) -> str:
    try:
        return f"{status}: {json.loads(text)['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"{status}: {text[:300]}"
