"""Runs the code cells of a notebook in order, in one namespace: `python -m tests.notebook FILE [--write]`.

Prints the text that each code cell gave, as a JSON list, or writes it into the file. Jupyter runs the same files;
this needs no kernel. Lines that start with `!` are shell commands, as there, but one that fails ends the run.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

__all__ = ["cells", "execute", "same", "text_of"]

SHELL = re.compile(r"^!(.+)$", re.MULTILINE)
VARYING = re.compile(r"\d{4}-\d\d-\d\dT[\d:]+Z|\d[\d.e+-]* (?=m?s\b)")
"""Moments, and times in seconds or milliseconds."""
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
RELATIVE, ABSOLUTE = 0.05, 2e-3
"""How far figures of two machines may be apart."""


def cells(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The code cells."""
    return [cell for cell in document["cells"] if cell["cell_type"] == "code"]


def text_of(cell: dict[str, Any]) -> str:
    """What a cell declares to have printed and returned."""
    parts = [out.get("text") or out.get("data", {}).get("text/plain", []) for out in cell["outputs"]]
    return "".join("".join(part) for part in parts)


def execute(document: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """Run the code cells; returns the outputs of each. Raises what a cell raises."""
    names: dict[str, Any] = {"__name__": "__main__", "_shell": _shell}
    return [_run("".join(cell["source"]), names, number + 1) for number, cell in enumerate(cells(document))]


def same(declared: str, found: str) -> bool:
    """Whether two texts have the same words, and numbers that are about the same; times may differ."""
    left, right = VARYING.sub("some ", declared), VARYING.sub("some ", found)
    if NUMBER.sub("#", left).split() != NUMBER.sub("#", right).split():
        return False
    pairs = zip(map(float, NUMBER.findall(left)), map(float, NUMBER.findall(right)), strict=True)
    return all(abs(one - other) <= max(ABSOLUTE, RELATIVE * abs(one)) for one, other in pairs)


def _run(source: str, names: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """One cell: what it printed, and what its last expression is."""
    tree = ast.parse(SHELL.sub(lambda found: f"_shell({found[1]!r})", source))
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with redirect_stdout(StringIO()) as printed:
        exec(compile(tree, f"cell {number}", "exec"), names)
        value = eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names) if last else None  # type: ignore[attr-defined]
    outputs: list[dict[str, Any]] = []
    if text := printed.getvalue():
        outputs.append({"name": "stdout", "output_type": "stream", "text": text.splitlines(keepends=True)})
    if value is not None:
        data = {"text/plain": repr(value).splitlines(keepends=True)}
        outputs.append({"data": data, "execution_count": number, "metadata": {}, "output_type": "execute_result"})
    return outputs


def _shell(command: str) -> None:
    done = subprocess.run(["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(done.stdout, end="")
    if done.returncode:
        raise RuntimeError(f"`{command}` ended with {done.returncode}:\n{done.stdout}")


def main(words: list[str]) -> None:
    """The command line."""
    path = Path(words[0]).resolve()
    document = json.loads(path.read_text())
    outputs = execute(document)
    for number, (cell, found) in enumerate(zip(cells(document), outputs, strict=True)):
        cell |= {"outputs": found, "execution_count": number + 1}
    if "--write" in words:
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    else:
        print(json.dumps([text_of(cell) for cell in cells(document)]))


if __name__ == "__main__":
    main(sys.argv[1:])
