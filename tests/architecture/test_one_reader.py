"""The files of a version are decoded and encoded by one module."""

from __future__ import annotations

import ast

from tests.architecture.source import modules

READER = "serving/kernel/storage/version_files.py"
TYPES = {"Manifest", "Aliases", "GoldenRow"}
FILES = {"manifest.json", "aliases.json", "golden.jsonl"}
NAMES = "serving/kernel/storage/version_manifest.py"
CONTAINER = "training/onnx/triton_backend/model.py"
"""Runs in Triton's container, where nothing of this repository is installed."""


def decodes(tree: ast.Module) -> list[str]:
    """The lines that decode one of the types, or write the name of one of the files."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            names = {
                name.id
                for part in (*node.args, *node.keywords)
                for name in ast.walk(part)
                if isinstance(name, ast.Name)
            }
            called = ast.unparse(node.func)
            if called.endswith(("decode", "Decoder", "convert")) and names & TYPES:
                found.append(f"{node.lineno}: {ast.unparse(node)}")
        elif isinstance(node, ast.Constant) and node.value in FILES:
            found.append(f"{node.lineno}: {node.value}")
    return found


def test_one_module_reads_the_files_of_a_version() -> None:
    found = {path: decodes(tree) for path, tree in modules().items() if path not in (READER, CONTAINER)}
    found[NAMES] = [line for line in found[NAMES] if line.partition(": ")[2] not in FILES]
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_the_rule_finds_a_second_reader() -> None:
    code = "aliases = msgspec.json.decode((folder / 'aliases.json').read_bytes(), type=Aliases)"
    assert len(decodes(ast.parse(code))) == 2
