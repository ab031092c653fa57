"""MLServer: a runtime of its own with adaptive batching; `contestants.py` writes its two settings files."""

from __future__ import annotations

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.peers.model import Model

__all__ = ["Runtime"]


class Runtime(MLModel):
    """Tensors in, one number per row out."""

    async def load(self) -> bool:
        """Open the model."""
        self.model = Model()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """One batch."""
        columns = {item.name: NumpyCodec.decode_input(item) for item in payload.inputs}
        errors = np.array(self.model.mean_squares(columns)).reshape(-1, 1)
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("e", errors)])
