"""Write objects as YAML that is easy to read."""

from __future__ import annotations

from typing import Any

import yaml

__all__ = ["dump"]


class _Dumper(yaml.SafeDumper):
    """Writes text with several lines as a block, and writes no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def dump(item: Any, width: int) -> str:
    """Return one document with the keys in their own order. Lines of more than `width` characters are folded."""
    return str(yaml.dump(item, Dumper=_Dumper, sort_keys=False, width=width))
