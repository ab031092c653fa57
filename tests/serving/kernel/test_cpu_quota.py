"""The CPU quota, read from trees as Linux lays them out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from serving.kernel.cpu_quota import cpu_count


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)))


def tree(root: Path, cgroup: str, files: dict[str, str]) -> Path:
    for name, text in {"proc/self/cgroup": cgroup, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("50000 100000", 1),
        ("1000 100000", 1),
        ("1600000 100000", 8),
        ("nonsense", 8),
        ("", 8),
    ],
)
def test_version_2_inside_a_container(tmp_path: Path, limit: str, expected: int) -> None:
    assert cpu_count(tree(tmp_path, "0::/\n", {"sys/fs/cgroup/cpu.max": f"{limit}\n"})) == expected


def test_a_group_further_out_may_be_the_tighter_one(tmp_path: Path) -> None:
    files = {
        "sys/fs/cgroup/pod/cpu.max": "300000 100000",
        "sys/fs/cgroup/pod/container/cpu.max": "max 100000",
    }
    assert cpu_count(tree(tmp_path, "0::/pod/container\n", files)) == 3


@pytest.mark.parametrize("mount", ["cpu", "cpu,cpuacct"])
@pytest.mark.parametrize("path", ["/", "/kubepods/burstable/pod1"])
def test_version_1_whether_the_mount_shows_the_whole_tree_or_only_the_container(
    tmp_path: Path, mount: str, path: str
) -> None:
    files = {
        f"sys/fs/cgroup/{mount}/cpu.cfs_quota_us": "250000\n",
        f"sys/fs/cgroup/{mount}/cpu.cfs_period_us": "100000\n",
    }
    assert cpu_count(tree(tmp_path, f"4:memory:/\n3:{mount}:{path}\n0::/\n", files)) == 3


def test_version_1_without_a_limit(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"}
    assert cpu_count(tree(tmp_path, "1:cpu:/\n", files)) == 8


def test_a_system_without_cgroups_leaves_the_scheduler(tmp_path: Path) -> None:
    assert cpu_count(tmp_path) == 8


def test_this_process() -> None:
    assert 1 <= cpu_count() <= 8
