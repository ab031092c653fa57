"""The networks, in PyTorch: one autoencoder fills in hidden values, others copy the values they see.

Training of the filler hides a random part of each record. For prediction, the filler hides one feature at a time,
so it cannot copy a feature and must predict it from the others. The copiers see the whole record, but a bottleneck
layer limits what they can encode, and rare patterns do not fit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

__all__ = ["COPIERS", "HIDDEN", "LAYERS", "Autoencoder", "Networks", "build", "copied", "left_out", "loss"]

Floats = npt.NDArray[np.float32]

HIDDEN = (64, 32)
COPIERS = 2
"""Number of copying networks; a single one depends strongly on its initial weights."""
HIDDEN_SHARE = 0.4
"""Share of the values hidden during training of the filler."""
NOISE = 0.5
"""Standard deviation of the noise added to the other values, in units of the scaled features."""
COPY_NOISE = 0.1
"""Standard deviation of the noise for the copiers."""
LAYERS = (0, 2, 4, 5, 7, 9)
"""Positions of the linear layers in `Autoencoder.net`. A SiLU follows each except the third and the last."""
CHUNK = 256


class Autoencoder(nn.Module):
    """Predicts all values, [n, d], from scaled values and a mask of hidden values, both [n, d]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        wide, narrow = HIDDEN
        code = max(1, width // 3)
        self.net = nn.Sequential(
            nn.Linear(2 * width, wide),
            nn.SiLU(),
            nn.Linear(wide, narrow),
            nn.SiLU(),
            nn.Linear(narrow, code),
            nn.Linear(code, narrow),
            nn.SiLU(),
            nn.Linear(narrow, wide),
            nn.SiLU(),
            nn.Linear(wide, width),
        )

    def forward(self, values: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """Fill in the hidden values; `hidden` is 1 for hidden and 0 for visible values."""
        filled: torch.Tensor = self.net(torch.cat([values * (1 - hidden), hidden], dim=-1))
        return filled


class Networks(nn.Module):
    """A filler and its copiers. They share no weights, but one joint fit is faster than three."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.filler = Autoencoder(width)
        self.copiers = nn.ModuleList(Autoencoder(width) for _ in range(COPIERS))


def build(width: int) -> Networks:
    """Build the networks for `width` features."""
    return Networks(width)


def loss(
    module: Networks,
    values: torch.Tensor,
    known: torch.Tensor,
    hidden_share: float = HIDDEN_SHARE,
    noise: float = NOISE,
) -> torch.Tensor:
    """Return the summed mean smooth absolute error of the networks over the known values.

    `values` and `known` (1 or 0) are [n, d]. `hidden_share` and `noise` apply to training of the filler.
    Validation always hides the same values and uses the default share and noise, so losses are comparable.
    """
    draw = None
    if not module.training:
        draw, hidden_share, noise = torch.Generator().manual_seed(0), HIDDEN_SHARE, NOISE
    hidden = (torch.rand(values.shape, generator=draw) < hidden_share).float()
    added = noise * torch.randn(values.shape, generator=draw)
    total = _error(module.filler(values + added, torch.maximum(hidden, 1 - known)), values, known)
    for copier in module.copiers:
        seen = values + COPY_NOISE * torch.randn(values.shape) if module.training else values
        total = total + _error(copier(seen, 1 - known), values, known)
    return total


def left_out(module: Autoencoder, values: Floats, known: Floats) -> Floats:
    """Predict each value from the others of its row, [n, d]."""
    width = values.shape[1]
    parts = [np.empty((0, width), np.float32)]
    with torch.no_grad():
        for rows, missing in _chunks(values, known):
            one = torch.eye(width)[None].expand(len(rows), -1, -1)
            hidden = torch.maximum(one, missing[:, None, :])
            filled = module(rows[:, None, :].expand(-1, width, -1), hidden)
            parts.append(torch.diagonal(filled, dim1=1, dim2=2).numpy())
    return np.concatenate(parts)


def copied(module: nn.Module, values: Floats, known: Floats) -> Floats:
    """Predict each value from its whole row, [n, d]."""
    parts = [np.empty((0, values.shape[1]), np.float32)]
    with torch.no_grad():
        parts += [module(rows, missing).numpy() for rows, missing in _chunks(values, known)]
    return np.concatenate(parts)


def _chunks(values: Floats, known: Floats) -> list[tuple[Any, Any]]:
    """Return chunks of rows and their masks of missing values (1 or 0)."""
    starts = range(0, len(values), CHUNK)
    return [
        (torch.from_numpy(values[start : start + CHUNK]), 1 - torch.from_numpy(known[start : start + CHUNK]))
        for start in starts
    ]


def _error(predicted: torch.Tensor, values: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    errors = nn.functional.smooth_l1_loss(predicted, values, reduction="none") * known
    return errors.sum() / known.sum().clamp(min=1)
