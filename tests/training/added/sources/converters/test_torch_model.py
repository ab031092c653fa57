"""Exported programs of PyTorch answer through ONNX as through PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.added.sources.proof import job, proved
from training.added.sources.converters.torch_model import convert, of_program
from training.added.sources.exchange import CannotConvert


class Network(torch.nn.Module):
    """Two outputs, with a batch axis."""

    def __init__(self) -> None:
        super().__init__()
        self.one = torch.nn.Linear(3, 4)
        self.two = torch.nn.Linear(4, 2)

    def forward(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = torch.relu(self.one(rows))
        return self.two(hidden), hidden.sum(1)


class Words(torch.nn.Module):
    """A text of any length, and a mask."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors = torch.nn.Embedding(20, 4)

    def forward(self, words: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        kept = self.vectors(words) * mask[..., None]
        return kept.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)


def test_a_file_with_several_outputs(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, batch = Network().eval(), torch.export.Dim("batch")
    path = tmp_path / "m.pt2"
    torch.export.save(torch.export.export(network, (torch.zeros(2, 3),), dynamic_shapes=({0: batch},)), path)
    built = proved(convert(job(path, "torch", "pt2", columns=("a", "b", "c")), None), tmp_path)
    assert [(spec.name, spec.shape) for spec in built.app.outputs] == [("output_0", (-1, 2)), ("output_1", (-1,))]
    assert ([column.name for column in built.context.columns], built.context.alone) == (["a", "b", "c"], "")
    rows = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    with torch.no_grad():
        wanted = network(torch.from_numpy(rows))
    for found, tensor in zip(built.run({"rows": rows}).values(), wanted, strict=True):
        np.testing.assert_allclose(found, tensor.numpy(), rtol=1e-5, atol=1e-6)


def test_a_program_whose_example_lay_column_by_column(tmp_path: Path) -> None:
    """As do the first rows of a DataFrame's values."""
    torch.manual_seed(0)
    path, sizes = tmp_path / "m.pt2", ({0: torch.export.Dim.AUTO},)
    example = torch.from_numpy(np.asfortranarray(np.zeros((500, 3), np.float32))[:4])
    torch.export.save(torch.export.export(torch.nn.Linear(3, 1).eval(), (example,), dynamic_shapes=sizes), path)
    assert proved(convert(job(path, "torch", "pt2"), None), tmp_path).context.alone == ""


def test_several_inputs_of_free_length(tmp_path: Path) -> None:
    torch.manual_seed(0)
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length")
    sizes = {0: batch, 1: length}
    example = (torch.ones(2, 5, dtype=torch.int64), torch.ones(2, 5))
    program = torch.export.export(Words().eval(), example, dynamic_shapes=(sizes, sizes))
    built = proved(of_program(program, None), tmp_path)
    assert [(spec.name, spec.datatype, spec.shape) for spec in built.app.inputs] == [
        ("words", "INT64", (-1, -1)),
        ("mask", "FP32", (-1, -1)),
    ]


def test_a_program_for_one_row_is_served_row_by_row(tmp_path: Path) -> None:
    torch.manual_seed(0)
    program = torch.export.export(Network().eval(), (torch.zeros(1, 3),))
    built = proved(of_program(program, None), tmp_path)
    assert "fixed at 1" in built.context.alone


def test_modules_of_mlflow_need_a_shape(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save(torch.nn.Linear(3, 1), path)
    with pytest.raises(CannotConvert, match="log it with a signature"):
        convert(job(path, "torch", "pth"), None)
    torch.save({"weights": torch.zeros(1)}, path)
    with pytest.raises(CannotConvert, match="holds a dict, not a torch.nn.Module"):
        convert(job(path, "torch", "pth"), None)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04"])
def test_a_damaged_file_is_explained(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.pt2"
    path.write_bytes(content)
    arguments: Any = job(path, "torch", "pt2")
    with pytest.raises(CannotConvert, match="cannot open it"):
        convert(arguments, None)
