from __future__ import annotations

from pathlib import Path

from apps.fraud.train.anomaly_sets import ALERTS, RANKING, SETS, Judged, alert_row, ranking_row
from serving.kernel.storage.version_manifest import Check, Metric

SHARES = {
    ("prevalence", "all data"): 0.01,
    ("prevalence", "test"): 0.03,
    ("alert_budget", "normal records"): 0.01,
    ("false_alarms", "normal records"): 0.012,
    ("recall", "alerts"): 0.5,
    ("precision", "alerts"): 0.6,
    ("precision", "alerts, all data's prevalence"): 0.3,
    ("precision", "as many alerts as anomalies"): 0.55,
}


def judged(auroc: float, *checks: Check) -> Judged:
    ranking = [
        Metric(name="auroc", value=auroc, baseline=0.8, better="higher", gain_low=0.01, gain_high=0.02),
        Metric(name="average_precision", value=0.5, baseline=0.4, better="higher"),
    ]
    metrics = {(one.name, one.slice): one for one in ranking}
    metrics |= {key: Metric(name=key[0], slice=key[1], value=value) for key, value in SHARES.items()}
    return Judged(name="http", records=1000, metrics=metrics, checks=checks, seconds=1.0)


def test_a_ranking_is_held_against_both_floors() -> None:
    published, plain = SETS["http"].published or 0.0, SETS["http"].plain
    assert published < plain
    found = [ranking_row(judged(auroc))[6] for auroc in (plain, published)]
    assert found == ["reached", "MISSED"]
    assert len(ranking_row(judged(0.9))) == len(RANKING)


def test_a_refused_set_says_why() -> None:
    check = Check(name="beats", passed=False, measured="", required="", reason="the gain may be chance")
    assert ranking_row(judged(0.9, check))[-1] == "the gain may be chance"
    assert ranking_row(judged(0.9))[-1] == "passed"


def test_alerts_come_with_prevalence_and_budget() -> None:
    cells = alert_row(judged(0.9))
    assert len(cells) == len(ALERTS)
    assert cells == ("http", *(f"{value:.4f}" for value in SHARES.values()))


def test_the_files_of_all_sets_are_known(real_data: Path) -> None:
    assert all((real_data / "fraud" / one.file).exists() for one in SETS.values())
