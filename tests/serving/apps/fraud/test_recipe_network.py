from __future__ import annotations

import numpy as np
import torch

from serving.apps.fraud.recipe_network import CHUNK, LAYERS, build, filling_loss, left_out
from tests.serving.apps.fraud.tables import model


def test_a_value_told_from_the_others_does_not_depend_on_itself() -> None:
    network = model().network
    values = np.random.default_rng(0).normal(size=(CHUNK + 5, 3)).astype(np.float32)
    known = np.ones_like(values)
    before = left_out(network, values, known)
    for column in range(3):
        changed = values.copy()
        changed[:, column] += 5
        after = left_out(network, changed, known)
        np.testing.assert_allclose(after[:, column], before[:, column], atol=1e-6)
        assert np.abs(np.delete(after - before, column, axis=1)).max() > 1e-3


def test_a_row_alone_is_the_row_among_others() -> None:
    network = model().network
    values = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    known = (np.random.default_rng(1).random((5, 3)) < 0.7).astype(np.float32)
    whole = left_out(network, values, known)
    for row in range(5):
        np.testing.assert_allclose(left_out(network, values[[row]], known[[row]])[0], whole[row], atol=1e-6)
    assert left_out(network, values[:0], known[:0]).shape == (0, 3)


def test_missing_values_do_not_count_in_the_loss() -> None:
    network = build(3)
    values, known = torch.randn(64, 3), torch.ones(64, 3)
    known[:, 1] = 0
    network.eval()
    first = filling_loss(network, values, known)
    values[:, 1] = 100.0
    # The network must not see them either.
    torch.testing.assert_close(filling_loss(network, values, known), first)
    assert filling_loss(network, values, torch.zeros(64, 3)).item() == 0


def test_validation_hides_the_same_values_each_time() -> None:
    network, values, known = build(3), torch.randn(64, 3), torch.ones(64, 3)
    assert filling_loss(network, values, known) != filling_loss(network, values, known)
    network.eval()
    assert filling_loss(network, values, known) == filling_loss(network, values, known)


def test_losses_on_validation_can_be_compared_whatever_the_network_learns_with() -> None:
    network, values, known = build(3), torch.randn(64, 3), torch.ones(64, 3)
    torch.manual_seed(0)
    little = filling_loss(network, values, known, hidden_share=0.1, noise=0.0)
    torch.manual_seed(0)
    assert filling_loss(network, values, known, hidden_share=0.7, noise=1.0) != little
    network.eval()
    usual = filling_loss(network, values, known)
    assert filling_loss(network, values, known, hidden_share=0.7, noise=1.0) == usual


def test_the_layers_are_where_the_graph_looks_for_them() -> None:
    kinds = [type(layer).__name__ for layer in build(7).net]
    assert [place for place, kind in enumerate(kinds) if kind == "Linear"] == list(LAYERS)
