"""Explain a score by feature. The contributions are an output of the model and add up to the score."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from apps.fraud.schema import FraudContext, FraudContribution, FraudExplanation, FraudQuestion
from apps.fraud.serve.decide import decide
from serving.kernel.app import Explainer
from serving.kernel.storage.version_manifest import MODEL_NAME
from serving.kernel.tensors import Arrays

__all__ = ["explainer"]


def explainer(folder: Path, context: FraudContext) -> Explainer:
    """Open the version's graph. Raises ONNX Runtime's errors if the file is not a graph."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(folder / MODEL_NAME), options, providers=["CPUExecutionProvider"])
    names = [item.name for item in session.get_outputs()]

    def explain(questions: Sequence[FraudQuestion], inputs: Arrays) -> list[FraudExplanation]:
        outputs = dict(zip(names, session.run(names, inputs), strict=True))
        answers = decide(questions, outputs, context)
        explained = []
        for question, answer, parts in zip(questions, answers, outputs["contributions"].tolist(), strict=True):
            found = [
                FraudContribution(feature=name, value=question.features.get(name), contribution=part)
                for name, part in zip(context.features, parts, strict=False)
            ]
            found.sort(key=_size, reverse=True)
            explained.append(FraudExplanation(answer=answer, base=0.0, contributions=tuple(found)))
        return explained

    return explain


def _size(one: FraudContribution) -> float:
    return one.contribution
