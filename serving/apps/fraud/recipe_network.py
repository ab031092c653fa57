"""The network: an autoencoder that learns to fill in what is hidden from it, and its errors, in PyTorch.

While it learns, a random part of each record is hidden. A record is scored by hiding one feature at a time, so
that no feature can be copied through, and the network must tell it from the others.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

__all__ = ["LAYERS", "Autoencoder", "build", "filling_loss", "left_out"]

Floats = npt.NDArray[np.float32]

HIDDEN = (64, 32)
HIDDEN_SHARE = 0.4
"""Share of the values hidden while learning."""
NOISE = 0.5
"""Standard deviation of what is added to the others, in units of the scaled features."""
LAYERS = (0, 2, 4, 5, 7, 9)
"""Places of the linear layers in `Autoencoder.net`; a SiLU follows each but the third and the last."""
CHUNK = 256


class Autoencoder(nn.Module):
    """Scaled values and which of them are hidden, both [n, d], to all values, [n, d]."""

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
        """Fill in what is hidden (1; 0 where seen)."""
        filled: torch.Tensor = self.net(torch.cat([values * (1 - hidden), hidden], dim=-1))
        return filled


def build(width: int) -> Autoencoder:
    """A network for `width` features."""
    return Autoencoder(width)


def filling_loss(
    module: Autoencoder,
    values: torch.Tensor,
    known: torch.Tensor,
    hidden_share: float = HIDDEN_SHARE,
    noise: float = NOISE,
) -> torch.Tensor:
    """Mean smooth absolute error over the known values; `values` and `known` (1 or 0) are [n, d].

    `hidden_share` and `noise` are for learning. For validation the same values are hidden every time, as many and
    with as much noise whatever the network learned with: losses can be compared.
    """
    draw = None
    if not module.training:
        draw, hidden_share, noise = torch.Generator().manual_seed(0), HIDDEN_SHARE, NOISE
    hidden = (torch.rand(values.shape, generator=draw) < hidden_share).float()
    added = noise * torch.randn(values.shape, generator=draw)
    filled = module(values + added, torch.maximum(hidden, 1 - known))
    errors = nn.functional.smooth_l1_loss(filled, values, reduction="none") * known
    return errors.sum() / known.sum().clamp(min=1)


def left_out(module: Autoencoder, values: Floats, known: Floats) -> Floats:
    """Each value as told from the others of its row, [n, d]."""
    module.eval()
    width = values.shape[1]
    parts = [np.empty((0, width), np.float32)]
    with torch.no_grad():
        for start in range(0, len(values), CHUNK):
            rows: Any = torch.from_numpy(values[start : start + CHUNK])
            missing = 1 - torch.from_numpy(known[start : start + CHUNK])
            one = torch.eye(width)[None].expand(len(rows), -1, -1)
            hidden = torch.maximum(one, missing[:, None, :])
            filled = module(rows[:, None, :].expand(-1, width, -1), hidden)
            parts.append(torch.diagonal(filled, dim1=1, dim2=2).numpy())
    return np.concatenate(parts)
