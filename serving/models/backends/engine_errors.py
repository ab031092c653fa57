"""Tells values that a model refuses from faults of the engine, by the text of ONNX Runtime's errors.

ONNX Runtime has codes, but they say where in its own code an error was raised and not whose fault it is: an
unknown category and a lack of memory are both FAIL. The text says which operator failed and why.
"""

from __future__ import annotations

import re

from serving.kernel.errors import RowsRejected
from serving.models.public_text import without_paths

__all__ = ["rejection", "report_of", "words_of"]

MOST = 300
"""Characters of the engine's words in an error."""
NODE = re.compile(r"Non-zero status code returned while running (\S+) node\. Name:'(.*?)' Status Message: ")
"""Where a graph has graphs of its own, the last one is the operator that failed."""
SHAPE = re.compile(r"Got invalid dimensions for input: |Invalid rank for input: ")
"""The model's file takes fewer shapes than its signature says."""
FAULT = re.compile(
    r"alloc|out of memory|terminate flag|\b(?:CUDA|CUBLAS|CUDNN|CUFFT|CURAND|TensorRT|HIP)\b", re.ASCII
)
"""An operator fails with these words for want of memory, by its device, or because its run was stopped."""
PLACES = tuple(
    map(
        re.compile,
        (
            r"\[ONNXRuntimeError\] : \d+ : \w+ : ",
            # A file and a line, with the declaration of a function or only its name.
            r"\S*/\S+\.(?:cc|cu|cuh|h|hpp):\d+ [^(]*\(.*?\)(?: const)?(?: \[with [^\]]*\])? ",
            r"[^\s/]+\.(?:cc|cu|cuh|h|hpp):\d+ \w+ ",
            # The condition that the source expects.
            r"[^.]* was false\. ",
        ),
    )
)
"""Beginnings of texts that only the engine's programmers need."""


def rejection(text: str) -> RowsRejected | None:
    """The error for rows whose values made an operator fail; None for any other text."""
    nodes = list(NODE.finditer(text))
    end = nodes[-1].end() if nodes else 0
    if FAULT.search(text, end) or not (end or SHAPE.search(text)):
        return None
    # Nodes of an inner graph may have the names of outer ones.
    return RowsRejected(report_of(text), nodes[0][2] if nodes else "")


def report_of(text: str) -> str:
    """Who reports an error of ONNX Runtime, and its words for callers."""
    reporter, end = "ONNX Runtime", 0
    for node in NODE.finditer(text):
        reporter, end = f"its node {node[1]}", node.end()
    return f"{reporter} reports: {words_of(text[end:])}"


def words_of(text: str) -> str:
    """An engine's text for callers: one line, without paths and places in the engine's source."""
    text = " ".join(text.split())
    while (end := max(found.end() if (found := place.match(text)) else 0 for place in PLACES)) > 0:
        text = text[end:]
    return without_paths(text)[:MOST]
