from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from apps.matching.app import app
from apps.matching.serve.features import encode, tokens
from apps.matching.train.encoder import SHARE, embed, encoder_graph
from apps.matching.train.graph import graph
from apps.matching.train.network import WIDTH as LEARNED
from apps.matching.train.pairs import availabilities
from serving.kernel.collection import EMBEDDING
from serving.kernel.storage.version_manifest import digest_file
from serving.models.backends.encoder import OnnxEncoder
from tests.apps.matching.pairs import fitted, offered, question, synthetic_split
from training.onnx import export, parity


@pytest.fixture
def encoder(tmp_path: Path) -> OnnxEncoder:
    path = tmp_path / "encoder.onnx"
    export.save_encoder(app, encoder_graph(fitted().model), path)
    return OnnxEncoder(app, path, digest_file(path).sha256)


def test_the_graph_gives_what_the_native_encoder_gives(encoder: OnnxEncoder, tmp_path: Path) -> None:
    recipe, split = synthetic_split()
    made = recipe.encoder(fitted(), split)
    (line,) = parity.encoder_report(app, made, tmp_path / "encoder.onnx")
    assert line.rows >= 1000
    assert line.max_error < 1e-5
    lots = availabilities(split.test)[:100]
    np.testing.assert_allclose(encoder.records(lots), embed(fitted().model, tokens(lots)), atol=1e-5)


def test_vectors_have_length_1_and_an_empty_text_none(encoder: OnnxEncoder) -> None:
    found = encoder.records([offered(), offered("pump", price=3.0), offered("!!!")])
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), [1, 1, 0], atol=1e-4)


def test_the_scorer_s_cosine_is_that_of_two_encodings(encoder: OnnxEncoder, tmp_path: Path) -> None:
    """One encoder for both graphs: the learned parts of two vectors have the cosine that the scorer computes."""
    scorer = graph(fitted().model)
    # The first product of encodings that is summed over its last axis: a side value of the scorer.
    name = next(
        node.output[0] for node in scorer.graph.node if node.op_type == "ReduceSum" and _is_cosine(scorer, node)
    )
    scorer.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["row", "many", 1]))
    onnx.save(scorer, tmp_path / "scorer.onnx")
    lots = [offered(), offered("toner e16", "B"), offered("garden hose", "C")]
    inputs = encode([question(*lots)], fitted().context)  # type: ignore[arg-type]
    cosine = parity.onnx_model(tmp_path / "scorer.onnx")(inputs)[name][0, :, 0]
    learned = [side[:, :LEARNED] / SHARE**0.5 for side in (encoder.questions([question()]), encoder.records(lots))]
    np.testing.assert_allclose((learned[0] @ learned[1].T)[0], cosine, atol=1e-4)


def _is_cosine(model: onnx.ModelProto, node: onnx.NodeProto) -> bool:
    """Whether a sum is that of the product of two encodings, each divided by its length."""
    made = {one.output[0]: one for one in model.graph.node}
    product = made.get(node.input[0])
    return (
        product is not None
        and product.op_type == "Mul"
        and all(name in made and made[name].op_type == "Div" for name in product.input)
    )


def test_the_outputs_are_the_promised_ones() -> None:
    made = encoder_graph(fitted().model)
    assert [item.name for item in made.graph.output] == [EMBEDDING]
    again = encoder_graph(fitted().model)
    assert made.SerializeToString(deterministic=True) == again.SerializeToString(deterministic=True)
