"""Training recipe of the matching app. The pipeline calls these methods in the order below."""

from __future__ import annotations

import numpy as np
import onnx
import pandas as pd

from apps.matching.app import app
from apps.matching.schema import MatchContext, MatchQuestion
from apps.matching.serve.features import NUMBERS, tokens
from apps.matching.train import data, golden, report, synthetic
from apps.matching.train.encoder import embed, encoder_graph, parity_tokens
from apps.matching.train.fit import DEFAULTS, PARAMS, MatchModel, fit_model, space
from apps.matching.train.graph import graph
from apps.matching.train.network import COLUMNS
from apps.matching.train.pairs import availabilities, flat, requirements
from serving.kernel.collection import EMBEDDING
from serving.kernel.tensors import Arrays
from training.fit.trainer import Trainer
from training.measures.evaluation_rows import keyed
from training.recipe import EncoderExport, Evaluation, Fitted, RealData, Recipe, Split, floors_of

__all__ = ["MatchRecipe", "recipe"]


MOST_PAIRS = 300
"""Test pairs on which single columns are measured."""


class MatchRecipe(Recipe[MatchQuestion]):
    """Trains one version on labelled pairs."""

    app = app
    schema = data.SCHEMA
    target = "label"
    forbidden = data.FORBIDDEN
    keys = (data.GROUP, data.PART)
    alone = data.ONE_SIDE
    selectable = ("split",)
    columns = data.COLUMNS
    file_column = data.FILE
    defaults = DEFAULTS
    objective = ("average_precision", "all")
    real_data = RealData(
        name="Amazon-Google",
        files=tuple(f"matching/amazon_google/{part}.txt" for part in ("train", "valid", "test")),
        floors=(*floors_of("all", f1=0.658), *floors_of("full table of 2074", hit_at_1=0.819)),
        plain="RandomForest on similarities; letter TF-IDF",
    )

    generate = staticmethod(synthetic.generate)
    tidy = staticmethod(data.tidy)
    split = staticmethod(data.cut)
    nest = staticmethod(data.cut_again)
    space = staticmethod(space)
    checks = staticmethod(report.gate)

    def fit(self, split: Split, trainer: Trainer) -> Fitted:
        """Fit the network, its calibration and the threshold."""
        model = fit_model(split, trainer)
        scale = dict(zip(COLUMNS, model.network.scale.tolist(), strict=True))
        numbers = tuple(name for name in NUMBERS if scale[name] > 0)
        return Fitted(
            predict=model.predict,
            context=MatchContext(threshold=model.threshold, numbers=numbers),
            files={},
            params={**PARAMS, **trainer.tuned(DEFAULTS), "slope": model.slope, "offset": model.offset},
            model=model,
        )

    def evaluate(self, fitted: Fitted, split: Split) -> Evaluation:
        """Evaluate labelled pairs and the search through the full table."""
        model: MatchModel = fitted.model
        return _named(report.evaluation(model, split), split.test)

    def judged(self, fitted: Fitted, split: Split) -> Evaluation:
        """Evaluate labelled pairs, each as a question with one availability."""
        pairs = flat(requirements(split.test), availabilities(split.test))
        inputs = {name: array if name == "requirement" else array[:, None] for name, array in pairs.items()}
        score = fitted.predict(inputs)["score"][:, 0].astype(np.float64)
        rows = pd.DataFrame({"actual": split.test["label"].to_numpy(), "predicted": score})
        return _named(Evaluation(metrics=(), rows=rows, kind="probabilities"), split.test)

    def row_questions(self, raw: pd.DataFrame) -> list[MatchQuestion]:
        """Return each pair as a question with one availability."""
        both = data.sides(raw)
        pairs = zip(requirements(both), availabilities(both), strict=True)
        return [MatchQuestion(requirement=one, availabilities=(other,)) for one, other in pairs]

    def sample(self, test: pd.DataFrame, rows: int) -> pd.DataFrame:
        """Return fewer rows than other apps, since comparing two texts takes long."""
        return super().sample(test, min(rows, MOST_PAIRS))

    def export(self, fitted: Fitted) -> onnx.ModelProto:
        """Export overlaps, encoder, heads and calibration as one graph."""
        model: MatchModel = fitted.model
        return graph(model)

    def encoder(self, fitted: Fitted, split: Split) -> EncoderExport:
        """Export the encoder that both sides share, with texts of the test part."""
        model: MatchModel = fitted.model

        def predict(inputs: Arrays) -> Arrays:
            return {EMBEDDING: embed(model, inputs["tokens"])}

        inputs = parity_tokens(tokens(golden.several(availabilities(split.test))))
        return EncoderExport(model=encoder_graph(model), predict=predict, inputs=inputs)

    def parity_inputs(self, fitted: Fitted, split: Split) -> Arrays:
        """Return test questions, extreme numbers, NaN and tokens outside the vocabulary."""
        context: MatchContext = fitted.context  # type: ignore[assignment]
        self._threshold = context.threshold
        return golden.parity_rows(split.test, context)

    def golden(self, split: Split) -> list[MatchQuestion]:
        """Return questions of the test part."""
        return golden.golden(split.test)

    def decisions(self, outputs: Arrays) -> Arrays:
        """Return whether each pair is accepted."""
        return {"accepted": outputs["score"] - self._threshold}


def _named(found: Evaluation, part: pd.DataFrame) -> Evaluation:
    """Add the key and block of each row of `part`; the pairs of a requirement form one block."""
    columns = [name for name in part.columns if name.startswith("availability_")]
    offered = pd.util.hash_pandas_object(part[columns], index=False).map("{:016x}".format)
    return keyed(found, part["requirement"], part["requirement"], offered)


recipe = MatchRecipe()
