"""The API key that the commands show to a gateway: from the environment or a file, never from the command line."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from control.errors import StackError
from control.settings import StackSettings
from serving.edge.identity.exposure import asks_callers
from serving.kernel.settings import SettingsError, read

__all__ = ["check", "headers", "key", "shell_words"]

NEEDED = ("predict", "operations")
"""The scopes with which `slipway up` sees whether the apps answer, and why not."""
KEY = re.compile(r"[\x21-\x7e]+")


def key() -> str:
    """The key; empty: none is set. Raises `SettingsError` naming the variable, never the key."""
    settings = read(StackSettings)
    name, found = "SLIPWAY_API_KEY", settings.api_key
    if settings.api_key_file:
        name = "SLIPWAY_API_KEY_FILE"
        if found:
            raise SettingsError(f"{name}: set it or SLIPWAY_API_KEY, not both")
        try:
            found = Path(settings.api_key_file).read_text(encoding="ascii").strip()
        except OSError as cause:
            raise SettingsError(f"{name}: {settings.api_key_file}: {cause.strerror}") from cause
        except UnicodeDecodeError as cause:
            raise SettingsError(f"{name}: {settings.api_key_file}: must be printable ASCII") from cause
        if not found:
            raise SettingsError(f"{name}: {settings.api_key_file}: is empty")
    if found and not KEY.fullmatch(found):
        raise SettingsError(f"{name}: must be printable ASCII without spaces")
    return found


def headers() -> dict[str, str]:
    """The headers that show the key; none without one."""
    found = key()
    return {"authorization": f"Bearer {found}"} if found else {}


def shell_words() -> str:
    """The same for a `curl` that is pasted into a shell. It names where the key is, not the key."""
    settings = read(StackSettings)
    if settings.api_key_file:
        return f' -H "authorization: Bearer $(cat {shlex.quote(settings.api_key_file)})"'
    return ' -H "authorization: Bearer $SLIPWAY_API_KEY"' if settings.api_key else ""


def check(settings: StackSettings) -> None:
    """Raise `StackError` if a gateway with these settings would not tell this command how it is."""
    shown = key()
    if not asks_callers(settings):
        return
    if not shown:
        raise StackError(
            "the gateway will ask who calls, and this command has to ask it whether it answers: set "
            "SLIPWAY_API_KEY or SLIPWAY_API_KEY_FILE to a key with the scopes predict and operations. This makes "
            f"one:  slipway keys create stack --scope {','.join(NEEDED)}"
        )
    if settings.key_folder and shown.startswith("slw_"):
        _check_own(Path(settings.key_folder), shown)


def _check_own(folder: Path, shown: str) -> None:
    from serving.edge.identity.api_keys import ApiKeys
    from serving.edge.identity.key_file import KeyFileError
    from serving.kernel.errors import SlipwayError

    try:
        holder = ApiKeys(folder).identify(shown)
        for scope in NEEDED:
            holder.require(scope)
    except KeyFileError as cause:
        raise SettingsError(f"SLIPWAY_KEY_FOLDER: {cause}; make it with: slipway keys create NAME") from cause
    except SlipwayError as cause:
        raise StackError(
            f"the key in SLIPWAY_API_KEY or SLIPWAY_API_KEY_FILE cannot be used: {cause.message}. "
            "`slipway keys list` shows the keys and their scopes"
        ) from cause
