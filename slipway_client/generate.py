"""`python -m slipway_client.generate URL`: write a Python module with the types of a gateway's models."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from slipway_client.client import Client
from slipway_client.errors import SlipwayError
from slipway_client.typed.module import write_module

__all__ = ["main", "source_of"]

KEY = "SLIPWAY_API_KEY"
"""The variable with the API key, because other users of a machine see the arguments of a command."""


def source_of(url: str, names: Sequence[str] = (), api_key: str | None = None, timeout: float = 30.0) -> str:
    """The module for these models of the gateway, or for all. Raises `SlipwayError` or `ValueError`."""
    with Client(url, api_key, timeout) as client:
        return write_module(client.openapi(), names)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m slipway_client.generate",
        description="Write a Python module with the types of questions and answers of a gateway's models.",
        epilog="Example:  python -m slipway_client.generate http://127.0.0.1:8080 price churn -o models.py",
    )
    parser.add_argument("url", help="address of the gateway, such as http://127.0.0.1:8080")
    parser.add_argument("names", nargs="*", help="names of models; without any, all models")
    parser.add_argument("-o", "--out", type=Path, help="file to write; without it, standard output")
    given = parser.parse_args(arguments)
    try:
        source = source_of(given.url, given.names, os.environ.get(KEY) or None)
        if given.out is None:
            sys.stdout.write(source)
        else:
            given.out.write_text(source, encoding="utf-8")
    except (SlipwayError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
