"""Secrets and ConfigMaps."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Any

from control.lint.manifests.objects.tree import strings, table
from control.lint.manifests.server.formats import config_key, subdomain
from control.lint.manifests.server.meta import metadata
from control.lint.manifests.server.refusal import Refusal, each, invalid, key, required

__all__ = ["config_map", "secret"]

_LARGEST = 1024 * 1024
_TYPE = "kubernetes.io/"
_NEEDED = {
    f"{_TYPE}dockercfg": (".dockercfg",),
    f"{_TYPE}dockerconfigjson": (".dockerconfigjson",),
    f"{_TYPE}ssh-auth": ("ssh-privatekey",),
    f"{_TYPE}tls": ("tls.crt", "tls.key"),
}
"""Type of a Secret -> the keys that it needs."""
_ACCOUNT = "kubernetes.io/service-account.name"


def secret(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check a Secret."""
    yield from metadata(body, subdomain)
    coded = strings(body.get("data"))
    broken = [name for name, text in coded.items() if _broken(text)]
    yield from (Refusal(key("data", name), _broken(coded[name])) for name in broken)
    if broken:
        return
    data = {name: _decoded(text) for name, text in coded.items()}
    data |= {name: text.encode() for name, text in strings(body.get("stringData")).items()}
    for name in data:
        yield from each(key("data", name), name, config_key(name))
    if sum(map(len, data.values())) > _LARGEST:
        yield Refusal("data", f"Too long: may not be more than {_LARGEST} bytes")
    yield from _typed(body, data)


def config_map(body: dict[str, Any]) -> Iterator[Refusal]:
    """Check a ConfigMap."""
    yield from metadata(body, subdomain)
    plain, binary = strings(body.get("data")), strings(body.get("binaryData"))
    for part, values in (("data", plain), ("binaryData", binary)):
        for name in values:
            yield from each(key(part, name), name, config_key(name))
    for name, text in binary.items():
        if _broken(text):
            yield Refusal(key("binaryData", name), _broken(text))
        if name in plain:
            yield invalid(key("data", name), name, "duplicate of key present in binaryData")
    size = sum(len(text.encode()) for text in plain.values()) + sum(len(text) * 3 // 4 for text in binary.values())
    if size > _LARGEST:
        yield Refusal("data", f"Too long: may not be more than {_LARGEST} bytes")


def _typed(body: dict[str, Any], data: dict[str, bytes]) -> Iterator[Refusal]:
    kind = str(body.get("type") or "")
    for name in _NEEDED.get(kind, ()):
        if name not in data or (name == "ssh-privatekey" and not data[name]):
            yield required(key("data", name))
        elif name.startswith(".docker") and not _is_object(data[name]):
            yield invalid(key("data", name), "<secret contents redacted>", "invalid JSON")
    if kind == f"{_TYPE}basic-auth" and not {"username", "password"} & set(data):
        yield required(key("data", "username"))
        yield required(key("data", "password"))
    notes = strings(table(body.get("metadata")).get("annotations"))
    if kind == f"{_TYPE}service-account-token" and not notes.get(_ACCOUNT):
        yield required(key("metadata.annotations", _ACCOUNT))


def _is_object(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text), (dict, type(None)))
    except ValueError:
        return False


def _decoded(text: str) -> bytes:
    return base64.b64decode(re.sub(r"[\r\n]", "", text))


def _broken(text: str) -> str:
    """Return why text is not base64, or an empty text."""
    plain = re.sub(r"[\r\n]", "", text)
    wrong = re.search(r"[^A-Za-z0-9+/=]|=(?!=?$)", plain)
    if wrong:
        return f"illegal base64 data at input byte {wrong.start()}"
    try:
        base64.b64decode(plain, validate=True)
    except (binascii.Error, ValueError):
        return f"illegal base64 data at input byte {len(plain) - len(plain) % 4}"
    return ""
