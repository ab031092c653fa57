"""The matching app's training side: what the pipeline calls, in the order it calls it."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
import pandas as pd

from serving.apps.matching import recipe_data, recipe_golden, recipe_report, synthetic
from serving.apps.matching.app import app
from serving.apps.matching.features import NUMBERS, tokens
from serving.apps.matching.recipe_encoder import embed, encoder_graph, parity_tokens
from serving.apps.matching.recipe_fit import PARAMS, MatchModel, fit_model
from serving.apps.matching.recipe_graph import graph
from serving.apps.matching.recipe_network import COLUMNS
from serving.apps.matching.recipe_pairs import availabilities
from serving.apps.matching.schema import MatchContext, MatchQuestion
from serving.inference.contract import Arrays
from serving.inference.encoder import EMBEDDING
from serving.manifest import Check
from training.contract import EncoderExport, Evaluation, Fitted, Options, Recipe, Split
from training.trainer import Trainer

__all__ = ["MatchRecipe", "recipe"]


class MatchRecipe(Recipe[MatchQuestion]):
    """Trains one version on labelled pairs."""

    app = app
    schema = recipe_data.SCHEMA
    target = "label"
    forbidden = recipe_data.FORBIDDEN
    selectable = ("split",)
    columns = recipe_data.COLUMNS
    file_column = recipe_data.FILE

    def generate(self, seed: int) -> pd.DataFrame:
        """Made-up goods; see `synthetic.py`."""
        return synthetic.generate(seed)

    def tidy(self, raw: pd.DataFrame, options: Options) -> pd.DataFrame:
        """Record pairs or the plain layout to one row per pair."""
        return recipe_data.tidy(raw, options)

    def split(self, frame: pd.DataFrame) -> Split:
        """As published, or by requirement; see `recipe_data.cut`."""
        return recipe_data.cut(frame)

    def fit(self, split: Split, trainer: Trainer) -> Fitted:
        """The network, its calibration and the threshold."""
        model = fit_model(split, trainer)
        scale = dict(zip(COLUMNS, model.network.scale.tolist(), strict=True))
        numbers = tuple(name for name in NUMBERS if scale[name] > 0)
        return Fitted(
            predict=model.predict,
            context=MatchContext(threshold=model.threshold, numbers=numbers),
            files={},
            params={**PARAMS, "slope": model.slope, "offset": model.offset},
            model=model,
        )

    def evaluate(self, fitted: Fitted, split: Split) -> Evaluation:
        """Labelled pairs and the search through the full table."""
        model: MatchModel = fitted.model
        return recipe_report.evaluation(model, split)

    def checks(self, evaluation: Evaluation) -> Sequence[Check]:
        """Beats letter TF-IDF on pairs, and is no worse at the first match."""
        return recipe_report.gate(evaluation)

    def export(self, fitted: Fitted) -> onnx.ModelProto:
        """Overlaps, encoder, heads and calibration in one graph."""
        model: MatchModel = fitted.model
        return graph(model)

    def encoder(self, fitted: Fitted, split: Split) -> EncoderExport:
        """The encoder that both sides share, with texts of the test part."""
        model: MatchModel = fitted.model

        def predict(inputs: Arrays) -> Arrays:
            return {EMBEDDING: embed(model, inputs["tokens"])}

        inputs = parity_tokens(tokens(recipe_golden.several(availabilities(split.test))))
        return EncoderExport(model=encoder_graph(model), predict=predict, inputs=inputs)

    def parity_inputs(self, fitted: Fitted, split: Split) -> Arrays:
        """Test questions, extreme numbers, NaN, tokens that do not exist."""
        context: MatchContext = fitted.context  # type: ignore[assignment]
        self._threshold = context.threshold
        return recipe_golden.parity_rows(split.test, context)

    def golden(self, split: Split) -> list[MatchQuestion]:
        """Questions of the test part."""
        return recipe_golden.golden(split.test)

    def decisions(self, outputs: Arrays) -> Arrays:
        """Accepted or not."""
        return {"accepted": outputs["score"] - self._threshold}


recipe = MatchRecipe()
