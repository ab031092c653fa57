from __future__ import annotations

import pytest

from serving.edge.identity.identity import ANONYMOUS, OPEN, Identity, check_scopes
from serving.kernel.errors import Forbidden, Unauthenticated


def holder(*scopes: str) -> Identity:
    return Identity("shop", scopes=frozenset(scopes))


@pytest.mark.parametrize(
    ("scope", "wanted"),
    [
        ("predict", "predict:price"),
        ("predict:price", "predict:price"),
        ("records:write", "records:write:matching:availability"),
        ("admin", "operations"),
        ("predict:price", ""),
    ],
)
def test_a_scope_covers_what_begins_with_it(scope: str, wanted: str) -> None:
    holder(scope, "operations:nothing").require(wanted)


@pytest.mark.parametrize(
    ("scope", "wanted"),
    [
        ("predict:price", "predict:prices"),
        ("predict:price", "predict"),
        ("predict", "predictions"),
        ("records:read", "records:write:matching:availability"),
        ("operations", "predict:admin"),
        ("predict:price", "predict:pri:ce"),
    ],
)
def test_another_scope_is_forbidden(scope: str, wanted: str) -> None:
    with pytest.raises(Forbidden, match=f"needs the scope '{wanted}'"):
        holder(scope).require(wanted)


def test_nobody_known_is_unauthenticated_unless_nobody_is_asked() -> None:
    for scope in ("", "predict:price"):
        OPEN.require(scope)
        with pytest.raises(Unauthenticated, match="needs a key or token"):
            ANONYMOUS.require(scope)
    holder().require("")
    with pytest.raises(Forbidden):
        holder().require("predict:price")


@pytest.mark.parametrize("wrong", ["", "Predict", "predict:", "read", "predict price", "a:b:c:d:e", "predict:ü"])
def test_scopes_that_do_not_exist(wrong: str) -> None:
    with pytest.raises(ValueError, match="a scope begins with one of admin, predict, records, operations"):
        check_scopes(["predict", wrong])


def test_a_key_needs_a_scope() -> None:
    assert check_scopes(["predict:price", "admin"]) == {"predict:price", "admin"}
    with pytest.raises(ValueError, match="1 to 100 scopes are needed, got 0"):
        check_scopes([])
