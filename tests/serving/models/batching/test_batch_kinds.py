from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.price.app import app as price
from apps.price.schema import EXAMPLE, PriceContext
from serving.kernel.added.app import added_app
from serving.kernel.added.columns import AddedContext, Column
from serving.kernel.errors import BackendFailed, Invalid, RowsRejected
from serving.kernel.tensors import Arrays, TensorSpec
from serving.models.batching.batch_kinds import QuestionBatches, TensorBatches, rows_of
from tests.serving import added, toy

X = (TensorSpec("x", "FP32", (-1, 2)),)
Y = (TensorSpec("y", "FP32", (-1, 1)),)
IDS = (TensorSpec("ids", "INT64", (-1, -1)), TensorSpec("mask", "INT64", (-1, -1)))
TOKENS = (TensorSpec("tokens", "FP32", (-1, -1, 3)), TensorSpec("pooled", "FP32", (-1, 3)))
plain = TensorBatches(X, Y)
text = TensorBatches(IDS, TOKENS, (4, 8))


def x(*values: float) -> Arrays:
    return {"x": np.array([[value, -value] for value in values], np.float32)}


def ids(rows: int, length: int, first: int = 1) -> Arrays:
    numbers = np.arange(first, first + rows * length).reshape(rows, length)
    return {"ids": numbers, "mask": np.ones_like(numbers)}


def encode(inputs: Arrays) -> Arrays:
    """A model that looks only at what the mask shows: each token, and their sum."""
    tokens = (inputs["ids"] * inputs["mask"])[:, :, None] * np.ones(3, np.float32)
    return {"tokens": tokens, "pooled": tokens.sum(axis=1)}


def test_rows_are_those_that_all_arrays_share() -> None:
    assert rows_of(ids(3, 2)) == plain.rows(x(1, 2, 3)) == 3
    with pytest.raises(BackendFailed, match=r"different numbers of rows: \[1, 2\]"):
        rows_of({"a": np.zeros(1), "b": np.zeros(2)})
    with pytest.raises(BackendFailed, match="no row axis"):
        rows_of({"a": np.array(1.0)})


@given(st.lists(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=5), min_size=1, max_size=6))
def test_every_request_gets_its_own_rows(requests: list[list[float]]) -> None:
    payloads = [x(*values) for values in requests]
    joined = plain.join(payloads)
    results = plain.split(payloads, {"y": joined["x"][:, :1]})
    for values, result in zip(requests, results, strict=True):
        np.testing.assert_array_equal(result["y"], np.array(values, np.float32).reshape(-1, 1))


def test_nothing_is_copied_for_one_request_and_results_are_views() -> None:
    one, outputs = x(1, 2), {"y": np.zeros((2, 1), np.float32)}
    assert plain.join([one]) is one
    assert plain.split([one], outputs)[0] is outputs
    both = {"y": np.zeros((4, 1), np.float32)}
    assert all(np.shares_memory(result["y"], both["y"]) for result in plain.split([one, one], both))
    assert all(np.shares_memory(part["x"], one["x"]) for part in plain.cut(one, 1))


@pytest.mark.parametrize("rows", [0, 1, 3])
@pytest.mark.parametrize("payloads", [[x(1, 2)], [x(1), x(2)]])
def test_rows_that_are_missing_or_too_many_are_an_error(payloads: list[Arrays], rows: int) -> None:
    with pytest.raises(BackendFailed, match=f"returned {rows} rows of y for 2"):
        plain.split(payloads, {"ok": np.zeros((2, 1)), "y": np.zeros((rows, 1))})
    with pytest.raises(BackendFailed, match="returned no rows of y for 2"):
        plain.split(payloads, {"y": np.array(1.0)})


def test_only_equal_shapes_and_types_share_a_lane() -> None:
    keys = [
        plain.batch_key(payload)
        for payload in (
            x(1),
            {"x": np.zeros((1, 3), np.float32)},
            {"x": np.zeros((1, 2), np.float64)},
            {"z": np.zeros((1, 2), np.float32)},
            {"x": np.zeros((1, 2), np.float32), "z": np.zeros((1, 2), np.float32)},
        )
    ]
    assert len(set(keys)) == len(keys)
    assert plain.batch_key(x(1)) == plain.batch_key(x(2, 3))
    assert TensorBatches(IDS, TOKENS).batch_key(ids(1, 3)) != TensorBatches(IDS, TOKENS).batch_key(ids(1, 4))


def test_a_request_is_cut_in_order_and_merged_again() -> None:
    whole = x(*range(10))
    parts = plain.cut(whole, 4)
    assert [plain.rows(part) for part in parts] == [4, 4, 2]
    np.testing.assert_array_equal(plain.merge(parts)["x"], whole["x"])


def test_parts_of_different_shapes_do_not_merge() -> None:
    with pytest.raises(BackendFailed, match="different shapes"):
        plain.merge([{"y": np.zeros((1, 2))}, {"y": np.zeros((1, 3))}])
    boxes = TensorBatches(X, (TensorSpec("boxes", "FP32", (-1, -1, 4)),))
    with pytest.raises(Invalid, match="send one row in a request"):
        boxes.merge([{"boxes": np.zeros((1, 0, 4))}, {"boxes": np.zeros((1, 3, 4))}])


def test_an_engine_does_not_say_which_row_it_is_about() -> None:
    assert plain.blame(Invalid("[0]", "x"), [x(1)]) is None


def test_what_a_model_refuses_is_the_callers_fault_where_the_caller_sent_it() -> None:
    error = RowsRejected("its node Gather reports: idx=9")
    reason = "the model sum does not take these values, send others like those it was made for; " + error.reason
    named = TensorBatches(X, Y, model="sum")
    found = named.refused(error, x(1))
    assert found is not None and (found.field, found.reason) == ("$.inputs", reason)
    second = named.cut(named.cut(x(1, 2, 3, 4), 2)[1], 1)[1]
    found = named.refused(error, second)
    assert found is not None and (found.field, found.reason) == ("$.inputs", f"row 3: {reason}")
    assert plain.refused(error, x(1)) is None, "an app may have made them"
    app = added_app(added.manifest(), Path("sum"))
    questions = QuestionBatches(app, added.AB)
    rows = [app.example] * 4
    found = questions.refused(error, questions.cut(questions.cut(rows, 2)[1], 1)[1])
    assert found is not None and (found.field, found.reason) == ("[3]", reason)
    assert QuestionBatches(toy.app, None).refused(error, [toy.app.example]) is None


def test_a_refusal_names_the_only_column_that_the_failed_node_reads() -> None:
    context = msgspec.structs.replace(added.AB, nodes={"embed": "b", "gone": "no column"})
    app = added_app(added.manifest(context), Path("sum"))
    tensors = TensorBatches(X, Y, model="sum", column_of=app.column_of)
    for node, field, where in (("embed", "[0].b", "column b of features: "), ("gone", "[0]", ""), ("", "[0]", "")):
        error = RowsRejected("idx=9", node)
        asked, sent = QuestionBatches(app, context).refused(error, [app.example]), tensors.refused(error, x(1))
        assert asked is not None and asked.field == field
        assert sent is not None and sent.reason.startswith(f"{where}the model sum does not take these values")
    sent = tensors.refused(RowsRejected("idx=9", "embed"), tensors.cut(x(1, 2), 1)[1])
    assert sent is not None and sent.reason.startswith("row 1, column b of features: the model")
    alone = AddedContext(columns=(Column(name="features", tensor="features"),), example={"features": [1, 2]})
    only = added_app(added.manifest(alone), Path("sum"))
    sent = TensorBatches(X, Y, model="sum", column_of=only.column_of).refused(RowsRejected("idx=9"), x(1))
    assert sent is not None and sent.reason.startswith("input features: the model"), "it can be no other"


def test_lengths_of_one_bucket_share_a_lane() -> None:
    keys = {length: text.batch_key(ids(1, length)) for length in range(1, 11)}
    assert len({keys[length] for length in (1, 2, 3, 4)}) == 1
    assert len({keys[length] for length in (5, 6, 7, 8)}) == 1
    assert len(set(keys.values())) == 4
    uneven = {**ids(1, 3), "mask": np.ones((1, 2), np.int64)}
    assert text.batch_key(uneven) not in keys.values()
    assert text.batch_key({"ids": np.zeros(1, np.int64)}) not in keys.values()
    assert (
        text.batch_key({"ids": ids(1, 3)["ids"].astype(np.int32), "mask": ids(1, 3)["mask"]}) not in keys.values()
    )


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 4)), min_size=1, max_size=6))
def test_padding_changes_nobodys_answer(shapes: list[tuple[int, int]]) -> None:
    payloads = [ids(rows, length, first=10 * index) for index, (rows, length) in enumerate(shapes)]
    joined = text.join(payloads)
    longest = max(length for _, length in shapes)
    assert joined["ids"].shape == joined["mask"].shape == (sum(rows for rows, _ in shapes), longest)
    assert joined["ids"].dtype == np.int64
    assert joined["mask"].sum() == sum(rows * length for rows, length in shapes)
    for payload, result in zip(payloads, text.split(payloads, encode(joined)), strict=True):
        alone = encode(payload)
        np.testing.assert_array_equal(result["tokens"], alone["tokens"])
        np.testing.assert_array_equal(result["pooled"], alone["pooled"])


def test_outputs_of_a_length_of_their_own_are_not_cut() -> None:
    payloads = [ids(1, 2), ids(1, 4)]
    first, second = text.split(payloads, {"tokens": np.zeros((2, 7, 3))})
    assert first["tokens"].shape == second["tokens"].shape == (1, 7, 3)


def test_text_is_padded_with_empty_text() -> None:
    words = TensorBatches((TensorSpec("words", "BYTES", (-1, -1)),), (), (8,))
    short, long = ({"words": np.array([row], object)} for row in (["a"], ["b", "c"]))
    assert words.join([short, long])["words"].tolist() == [["a", ""], ["b", "c"]]


def test_a_free_axis_that_is_not_a_length_of_the_request_stays() -> None:
    """Two free axes in one tensor, such as an image's, are padded where they are equal."""
    image = TensorBatches((TensorSpec("image", "FP32", (-1, 3, -1, -1)),), (), (4,))
    small, large = ({"image": np.ones((1, 3, size, size), np.float32)} for size in (2, 4))
    assert image.batch_key(small) == image.batch_key(large)
    assert image.join([small, large])["image"].shape == (2, 3, 4, 4)
    assert image.join([small, large])["image"].sum() == 3 * (4 + 16)
    assert image.batch_key({"image": np.ones((1, 3, 2, 4), np.float32)}) != image.batch_key(small)


toys = QuestionBatches(toy.app, toy.Context(shift=10.0))


def questions(*values: float) -> list[toy.Question]:
    return [toy.Question(value) for value in values]


def total(inputs: Arrays) -> Arrays:
    return {"total": inputs["features"].sum(axis=1, keepdims=True)}


@given(st.lists(st.lists(st.integers(0, 100), min_size=0, max_size=5), min_size=1, max_size=6))
def test_every_question_gets_its_own_answer(requests: list[list[int]]) -> None:
    payloads = [questions(*values) for values in requests]
    if not any(requests):
        return
    assert len({toys.batch_key(payload) for payload in payloads}) == 1
    assert [toys.rows(payload) for payload in payloads] == [len(values) for values in requests]
    results = toys.split(payloads, total(toys.join(payloads)))
    assert results == [[toy.Answer(value + 10.0) for value in values] for values in requests]


def test_questions_are_cut_and_answers_merged() -> None:
    parts = toys.cut(questions(*range(5)), 2)
    assert [list(part) for part in parts] == [questions(0, 1), questions(2, 3), questions(4)]
    assert toys.merge([[1, 2], [3]]) == [1, 2, 3]


def test_answers_that_are_not_one_for_each_question_are_an_error() -> None:
    payloads = [questions(1, 2), questions(3)]
    with pytest.raises(BackendFailed, match="returned 2 rows of total for 3"):
        toys.split(payloads, {"total": np.zeros((2, 1))})
    lazy = QuestionBatches(replace(toy.app, decide=lambda *_: [toy.Answer(1.0)]), toy.Context())
    with pytest.raises(BackendFailed, match="gave 1 answers for 3 questions"):
        lazy.split(payloads, {"total": np.zeros((3, 1))})


def test_a_wrong_question_is_blamed_on_its_request() -> None:
    payloads: list[Any] = [questions(1, 2), questions(3, 4e6, 5), questions(6)]
    with pytest.raises(Invalid) as caught:
        toys.join(payloads)
    assert caught.value.field == "[3].a"
    named = toys.blame(caught.value, payloads)
    assert named is not None
    index, error = named
    assert isinstance(error, Invalid)
    assert (index, error.field, error.reason) == (1, "[1].a", "must be at most 1000000")


def test_a_wrong_question_of_a_part_has_its_place_in_the_whole_request() -> None:
    parts = toys.cut(questions(0, 1, 2, 3, 4, 5e6), 2)
    named = toys.blame(Invalid("[2].a", "too large"), [questions(9), parts[2]])
    assert named is not None
    assert (named[0], str(named[1])) == (1, "[5].a: too large")


@pytest.mark.parametrize(
    "error", [ValueError("[0]"), Invalid("a", "x"), Invalid("[7].a", "x"), Invalid("[x]", "x")]
)
def test_an_error_that_names_no_question_blames_nobody(error: Exception) -> None:
    assert toys.blame(error, [questions(1), questions(2)]) is None


CONTEXT = PriceContext(commodities=("onion",), groups=())


def test_price_questions_of_many_callers_are_encoded_and_decided_as_alone() -> None:
    kind = QuestionBatches(price, CONTEXT)
    history = EXAMPLE.history
    asked = [
        [
            type(EXAMPLE)(commodity="onion", market=EXAMPLE.market, horizon=h, history=history[:count])
            for h in horizons
        ]
        for horizons, count in (((1, 7), len(history)), ((30,), len(history) - 3), ((2, 3, 4), len(history) - 1))
    ]
    joined = kind.join(asked)
    for column, payload in zip(np.split(joined["features"], [2, 3]), asked, strict=True):
        np.testing.assert_array_equal(column, price.features(payload, CONTEXT)["features"])
    random = np.random.default_rng(1)
    outputs = {spec.name: np.sort(random.normal(0, 0.1, (6, 1)).astype(np.float32)) for spec in price.outputs}
    results = kind.split(asked, outputs)
    start = 0
    for payload, result in zip(asked, results, strict=True):
        own = {name: array[start : start + len(payload)] for name, array in outputs.items()}
        assert result == price.decide(payload, own, CONTEXT)
        start += len(payload)


def test_a_price_question_with_a_date_twice_is_blamed_on_its_request() -> None:
    kind = QuestionBatches(price, CONTEXT)
    good = type(EXAMPLE)(commodity="onion", market=EXAMPLE.market, horizon=1, history=EXAMPLE.history)
    twice = type(EXAMPLE)(
        commodity="onion", market=EXAMPLE.market, horizon=1, history=(*EXAMPLE.history, EXAMPLE.history[0])
    )
    unknown = type(EXAMPLE)(commodity="salt", market=EXAMPLE.market, horizon=1, history=EXAMPLE.history)
    for bad, field in ((twice, "[1].history["), (unknown, "[1].commodity")):
        payloads = [[good], [good, bad], [good]]
        with pytest.raises(Invalid) as caught:
            kind.join(payloads)
        named = kind.blame(caught.value, payloads)
        assert named is not None
        assert named[0] == 1
        assert isinstance(named[1], Invalid)
        assert named[1].field.startswith(field)
