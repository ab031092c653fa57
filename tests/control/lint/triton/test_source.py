from __future__ import annotations

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import model_config_pb2 as pb

from control.lint.triton.source import parse, walk
from tests.control.lint.triton.corpus import BASES

TEXT = """\
# A comment with { and "
name: "a" 'b'
input [
  { name: "x" dims: [ -1,
      3 ] },
  { name: "y" reshape { shape: [ ] } }
]
output < name: "z"; dims: - 1 >
parameters { value { string_value: "1" } key: "threads" }
parameters { key: "mode", value: { string_value: "2" } }
"""


def test_every_key_has_its_line() -> None:
    lines = walk(TEXT).lines
    wanted = {
        "name": 2,
        "input": 3,
        "input[0].name": 4,
        "input[0].dims[0]": 4,
        "input[0].dims[1]": 5,
        "input[1].name": 6,
        "input[1].reshape.shape": 6,
        "output[0].dims[0]": 8,
        'parameters["threads"].value.string_value': 9,
        'parameters["mode"].value.string_value': 10,
    }
    assert {key: lines[key] for key in wanted} == wanted


def test_a_key_that_is_not_there_has_the_line_of_what_is_around_it() -> None:
    source = walk(TEXT)
    assert source.line("input[1].data_type") == 6
    assert source.line('parameters["mode"].nothing') == 10
    assert source.line("optimization.graph.level") == 1
    assert walk("").line("name") == 0


def test_unknown_fields_are_listed_with_what_they_hold_skipped() -> None:
    text = 'input { nmae: "x" dims: [ 1 ] }\nsetting { name: "inner" input { a: 1 } list: [ 1, 2 ] }\nname: "m"'
    source = walk(text)
    assert [(one.key, one.line) for one in source.unknown] == [("input[0].nmae", 1), ("setting", 2)]
    config = parse(text, source)
    assert (config.name, list(config.input[0].dims)) == ("m", [1])


@pytest.mark.parametrize("base", BASES)
def test_known_texts_have_no_unknown_fields(base: str) -> None:
    source = walk(BASES[base].config)
    assert source.unknown == []
    assert parse(BASES[base].config, source).max_batch_size >= 0


@given(st.text(alphabet="name:input{}[]<>,;\"'#- 1\n\\x", max_size=60))
def test_any_text_can_be_walked(text: str) -> None:
    source = walk(text)
    assert all(1 <= line <= text.count("\n") + 1 for line in source.lines.values())


CONFIGS = st.builds(
    lambda name, dims: pb.ModelConfig(name=name, input=[pb.ModelInput(dims=dims)]),
    st.text(),
    st.lists(st.integers(-1, 9)),
)


@given(CONFIGS)
def test_what_the_library_writes_is_read_as_it_was(config: pb.ModelConfig) -> None:
    text = text_format.MessageToString(config)
    source = walk(text)
    assert source.unknown == []
    assert parse(text, source) == config
    assert sum(key.startswith("input[0].dims[") for key in source.lines) == len(config.input[0].dims)
