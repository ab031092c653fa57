"""Convert model outputs to answers. Only this module converts margins over thresholds to a risk level."""

from __future__ import annotations

from collections.abc import Sequence

from apps.vendor.schema import RISKS, VendorAnswer, VendorContext, VendorQuestion
from serving.kernel.tensors import Arrays

__all__ = ["LEVELS", "OUTPUTS", "decide"]

OUTPUTS: dict[str, int] = {"log_odds": 1, "probability": 1, "excess": 2, "vendor_rate": 1}
"""The model's outputs and their columns, FP32. `excess` is the probability minus the thresholds of `LEVELS`."""
LEVELS = RISKS[1:]


def decide(questions: Sequence[VendorQuestion], outputs: Arrays, context: VendorContext) -> list[VendorAnswer]:
    """Return one answer per question; the number of exceeded thresholds gives the risk level."""
    probabilities = outputs["probability"][:, 0].tolist()
    rates = outputs["vendor_rate"][:, 0].tolist()
    levels = (outputs["excess"] > 0).sum(axis=1).tolist()
    base_rate = round(context.base_rate, 4)
    return [
        VendorAnswer(
            vendor=question.vendor,
            asked=question.asked,
            scheduled=question.scheduled,
            probability=round(probability, 4),
            risk=RISKS[level],
            base_rate=base_rate,
            vendor_rate=round(rate, 4),
        )
        for question, probability, rate, level in zip(questions, probabilities, rates, levels, strict=True)
    ]
