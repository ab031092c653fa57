"""A request that works: an app's own example as a `curl` command, shown once it was answered."""

from __future__ import annotations

import shlex
import urllib.request
from collections.abc import Iterable
from http.client import HTTPException

import msgspec

from control.own_key import headers, shell_words
from serving.kernel.find_app import find_app

__all__ = ["first_request"]

SECONDS = 10.0


def first_request(http: str, packages: Iterable[str], answering: Iterable[str]) -> str:
    """The shortest example that the gateway at `http` (host:port) answers, as a command; empty if none is.

    `packages` are the names by which the apps can be imported, `answering` those of the apps to try.
    """
    wanted = set(answering)
    bodies = {
        app.name: msgspec.json.encode({"instances": [app.example]})
        for app in map(find_app, packages)
        if app.name in wanted
    }
    for name, body in sorted(bodies.items(), key=lambda item: len(item[1])):
        url = f"http://{http}/v1/models/{name}:predict"
        if _answers(url, body):
            head = f"-H 'content-type: application/json'{shell_words()}"
            return f"curl -s {url} {head} -d {shlex.quote(body.decode())}"
    return ""


def _answers(url: str, body: bytes) -> bool:
    request = urllib.request.Request(url, body, {"content-type": "application/json", **headers()})  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - loopback
            return bool(answer.status == 200)
    except (OSError, HTTPException):
        return False
