from __future__ import annotations

import numpy as np
import torch

from apps.fraud.train.network import CHUNK, COPIERS, LAYERS, build, copied, left_out, loss
from tests.apps.fraud.tables import model


def test_a_value_predicted_from_the_others_does_not_depend_on_itself() -> None:
    network = model().networks.filler
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
    network = model().networks.filler
    values = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    known = (np.random.default_rng(1).random((5, 3)) < 0.7).astype(np.float32)
    whole = left_out(network, values, known)
    for row in range(5):
        np.testing.assert_allclose(left_out(network, values[[row]], known[[row]])[0], whole[row], atol=1e-6)
    assert left_out(network, values[:0], known[:0]).shape == (0, 3)


def test_a_copier_sees_the_whole_row_but_what_is_missing() -> None:
    network = model().networks.copiers[0]
    values = np.random.default_rng(0).normal(size=(CHUNK + 5, 3)).astype(np.float32)
    known = np.ones_like(values)
    before = copied(network, values, known)
    changed = values.copy()
    changed[:, 1] += 5
    assert np.abs(copied(network, changed, known) - before).min(axis=0).max() > 1e-4
    known[:, 1] = 0
    np.testing.assert_array_equal(copied(network, changed, known), copied(network, values, known))
    np.testing.assert_allclose(
        copied(network, values[[7]], known[[7]])[0], copied(network, values, known)[7], atol=1e-6
    )
    assert copied(network, values[:0], known[:0]).shape == (0, 3)


def test_the_networks_start_apart_and_learn_apart() -> None:
    networks = build(3)
    assert len(networks.copiers) == COPIERS
    starts = [network.net[0].weight for network in (networks.filler, *networks.copiers)]
    assert all(not torch.equal(starts[0], other) for other in starts[1:])
    values = torch.randn(64, 3)
    loss(networks, values, torch.ones(64, 3)).backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in starts)


def test_missing_values_do_not_count_in_the_loss() -> None:
    network = build(3)
    values, known = torch.randn(64, 3), torch.ones(64, 3)
    known[:, 1] = 0
    network.eval()
    first = loss(network, values, known)
    values[:, 1] = 100.0
    # The network must not see them either.
    torch.testing.assert_close(loss(network, values, known), first)
    assert loss(network, values, torch.zeros(64, 3)).item() == 0


def test_validation_hides_the_same_values_each_time() -> None:
    network, values, known = build(3), torch.randn(64, 3), torch.ones(64, 3)
    assert loss(network, values, known) != loss(network, values, known)
    network.eval()
    assert loss(network, values, known) == loss(network, values, known)


def test_losses_on_validation_can_be_compared_whatever_the_network_learns_with() -> None:
    network, values, known = build(3), torch.randn(64, 3), torch.ones(64, 3)
    torch.manual_seed(0)
    little = loss(network, values, known, hidden_share=0.1, noise=0.0)
    torch.manual_seed(0)
    assert loss(network, values, known, hidden_share=0.7, noise=1.0) != little
    network.eval()
    usual = loss(network, values, known)
    assert loss(network, values, known, hidden_share=0.7, noise=1.0) == usual


def test_the_layers_are_where_the_graph_looks_for_them() -> None:
    kinds = [type(layer).__name__ for layer in build(7).filler.net]
    assert [place for place, kind in enumerate(kinds) if kind == "Linear"] == list(LAYERS)
