"""The Siamese network: one encoder for both texts, the cosine of their encodings, and a learned head.

The head also receives the overlaps of the texts (`overlap.py`) and the numbers. It therefore starts from a search
by rare trigrams and learns corrections to it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from apps.matching.serve.features import FEATURES
from apps.matching.serve.overlap import NAMES, overlaps
from apps.matching.serve.tokens import VOCABULARY
from serving.kernel.tensors import Arrays

__all__ = ["COLUMNS", "LIMIT", "WIDTH", "MatchNetwork", "columns_of"]

Floats = npt.NDArray[np.float32]

COLUMNS: tuple[str, ...] = (*NAMES, *FEATURES, *(f"{name}_known" for name in FEATURES))
"""Input columns of the head besides the encodings, before scaling."""
WIDTH = 16
"""Length of an encoding."""
MEMBERS = 4
HIDDEN = (48, 24)
DROPOUT = 0.3
LIMIT = 4.0
"""Limit of scaled columns; it prevents domination by one outlier."""
COSINE_SCALE, PART_SCALE = 4.0, 2.0
"""Scales the cosine, differences and products to the range of the scaled columns."""
TINY = 1e-6


class MatchNetwork(nn.Module):
    """Several heads (`MEMBERS`) on one encoder; the mean of their logits is the score before calibration."""

    weights: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(self, weights: Floats, mean: Floats, scale: Floats, seed: int) -> None:
        """Take `weights` [V] per token, 0 for token 0, and `mean` and `scale` [52] of `COLUMNS`."""
        super().__init__()
        draw = torch.Generator().manual_seed(seed)
        for name, values in (("weights", weights), ("mean", mean), ("scale", scale)):
            self.register_buffer(name, torch.from_numpy(values))
        table = torch.randn(VOCABULARY, WIDTH, generator=draw) / WIDTH**0.5
        table[0] = 0
        self.tokens = nn.EmbeddingBag.from_pretrained(table, freeze=False, mode="sum", padding_idx=0)
        sizes = (len(COLUMNS) + 1 + 2 * WIDTH, *HIDDEN, 1)
        pairs = list(zip(sizes[:-1], sizes[1:], strict=True))
        self.matrices = nn.ParameterList(
            torch.randn(MEMBERS, rows, columns, generator=draw) / rows**0.5 for rows, columns in pairs
        )
        self.biases = nn.ParameterList(torch.zeros(MEMBERS, 1, columns) for _, columns in pairs)
        self.dropout = nn.Dropout(DROPOUT)

    def encode(self, ids: Tensor) -> Tensor:
        """Encode texts [m, 256] to vectors of length 1, [m, 16]."""
        summed = self.tokens(ids, per_sample_weights=self.weights[ids])
        encoded: Tensor = summed / (summed.norm(dim=1, keepdim=True) + TINY)
        return encoded

    def forward(self, columns: Tensor, requirement: Tensor, availability: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of every head [4, m] and the cosines [m]."""
        left, right = self.encode(requirement), self.encode(availability)
        cosine = (left * right).sum(dim=1, keepdim=True)
        scaled = ((columns - self.mean) * self.scale).clamp(-LIMIT, LIMIT)
        parts = [scaled, cosine * COSINE_SCALE, (left - right).abs() * PART_SCALE, left * right * PART_SCALE]
        hidden = torch.cat(parts, dim=1).expand(MEMBERS, -1, -1)
        last = len(self.matrices) - 1
        for layer, (matrix, bias) in enumerate(zip(self.matrices, self.biases, strict=True)):
            hidden = torch.baddbmm(bias, hidden, matrix)
            if layer < last:
                hidden = self.dropout(torch.relu(hidden))
        return hidden[:, :, 0], cosine[:, 0]


def columns_of(arrays: Arrays, weights: Floats) -> Floats:
    """Return `COLUMNS` [m, 52] of flat pairs; for a missing number, its value and its `_known` are 0."""
    known = ~np.isnan(arrays["pairs"])
    pairs = np.where(known, arrays["pairs"], np.float32(0))
    columns: Floats = np.concatenate([overlaps(arrays, np.square(weights)), pairs, known], axis=1)
    return columns.astype(np.float32)
