"""What a manifest says of an added model."""

from __future__ import annotations

import msgspec

from serving.kernel.added.columns import AddedContext, Column


def test_a_manifest_is_short_where_nothing_is_special() -> None:
    context = AddedContext(columns=(Column(name="a", tensor="x"),), example={"a": 1.0})
    assert msgspec.json.encode(context) == b'{"columns":[{"name":"a","tensor":"x"}],"example":{"a":1.0}}'
