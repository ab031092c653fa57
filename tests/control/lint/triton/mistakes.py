"""The mistakes of the corpus, by the module of `control/lint/triton/checks` that finds them."""

from __future__ import annotations

from tests.control.lint.triton import corpus as c
from tests.control.lint.triton.corpus import Case

BACKEND = "NVIDIA's ONNX Runtime backend compares the graph with the configuration; the stand-in does not"
FILLED = "NVIDIA's ONNX Runtime backend reads this option; the stand-in does not"
LAZY = "Triton's core does not look; requests would fail, or the setting is not what it seems"
WEIGHTS = c._outside()


def one(name: str, rule: str, old: str, new: str, base: str = "plain", blind: str = "") -> Case:
    """A mistake in one place of the text."""
    return Case(name, rule, base, ((old, new),), blind=blind)


X, Y, D = c.X3, c.Y1, "dims: [ 3 ]"
PREFERRED = "preferred_batch_size: [ 4, 8 ]"
DELAY = "max_queue_delay_microseconds: 100"
KIND = "kind: KIND_CPU"
POLICY = "version_policy { all { } }"
FREE_Y = 'name: "y"\n  data_type: TYPE_FP32\n  dims: [ -1 ]'
ACCELERATOR = 'optimization { execution_accelerators { %s_execution_accelerator { name: "%s" } } }\n'
MODE = c.THREADS.replace("intra_op_thread_count", "execution_mode").replace('"1"', '"parallel"')
LEVELS = f"{DELAY}\n  priority_levels: 2 default_priority_level: 1"
QUEUE = "priority_queue_policy { key: 1 value { max_queue_size: 4 } }"
QUEUE_THREE = QUEUE.replace("key: 1", "key: 3")
LATE = "default_queue_policy { timeout_action: DELAY }"
LATE_TIMED = "default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 10 }"
START = "control { kind: CONTROL_SEQUENCE_START fp32_false_true: [ 0, 1 ] }\n"
IDENTITY_CONTROL = "control { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_FP32 }\n"
START_INPUT = X.replace('"x"', '"START"').replace("[ 3 ]", "[ 1 ]")
DIRECT = "direct { minimum_slot_utilization: 0.5 }"
OLDEST = "oldest { max_candidate_sequences: 4 preferred_batch_size: [ 9 ] }"
WARM_X = '  inputs {\n    key: "x"\n    value { data_type: TYPE_FP32 dims: [ 3 ] zero_data: true }\n  }\n'
CACHED = "response_cache { enable: true } model_transaction_policy { decoupled: true }"
INPUT_A = 'input { name: "a" data_type: TYPE_FP32 dims: [ 3 ] }\n'
SPARE = INPUT_A.replace('"a"', '"spare"')

TEXT = [
    one("misspelt-field", "T103", "max_batch_size", "max_batchsize"),
    one("misspelt-nested", "T103", "data_type", "datatype"),
    one("not-closed", "T102", "version_policy { all { } }", "version_policy { all {"),
    one("float-dim", "T102", D, "dims: [ 3.0 ]"),
    one("text-for-number", "T102", "max_batch_size: 8", 'max_batch_size: "8"'),
    one("unknown-data-type", "T102", "TYPE_FP32", "TYPE_FLOAT32"),
    one("data-type-in-quotes", "T102", "TYPE_FP32", '"FP32"'),
    one("unknown-kind", "T102", "KIND_CPU", "KIND_TPU"),
    one("no-quotes", "T102", 'name: "{name}"', "name: {name}"),
    one("name-twice", "T102", 'name: "{name}"', 'name: "{name}"\nname: "{name}"'),
    one("two-schedulers", "T104", "dynamic_batching {", c.SEQUENCE + "dynamic_batching {"),
    Case("no-config", "T101", "plain", touch=c.remove("config.pbtxt")),
    Case("not-text", "T102", "plain", touch=c.write("config.pbtxt", b"\xff\xfe\x00n")),
]
IDENTITY = [
    one("other-name", "T105", 'name: "{name}"', 'name: "another"'),
    one("no-name", "T106", 'name: "{name}"\n', ""),
    one("own-backend", "T110", '"onnxruntime"', '"ourcompany"'),
    Case(
        "no-backend", "T111", "plain", (('backend: "onnxruntime"\n', ""),), c.rename("1/model.onnx", "1/net.onnx")
    ),
    one("backend-onnx", "T111", '"onnxruntime"', '"onnx"'),
    one("backend-is-platform", "T111", '"onnxruntime"', '"onnxruntime_onnx"'),
    one("backend-typo", "T111", '"onnxruntime"', '"onnxruntme"'),
    one("platform-typo", "T111", 'backend: "onnxruntime"', 'platform: "onnxruntime-onnx"'),
    one("pair", "T112", 'backend: "onnxruntime"', 'backend: "onnxruntime" platform: "tensorrt_plan"'),
    one("file-name", "T113", "size: 8", 'size: 8 default_model_filename: "net.onnx"', blind=FILLED),
    Case("file-renamed", "T113", "plain", touch=c.rename("1/model.onnx", "1/price.onnx")),
    Case("file-empty", "T114", "plain", touch=c.write("1/model.onnx", b"")),
    Case("file-garbage", "T114", "plain", touch=c.write("1/model.onnx", b"version https://git-lfs\noid 1\n")),
    Case("weights-lost", "T115", "plain", touch=c.with_graph(WEIGHTS)),
    Case("no-version", "T120", "plain", touch=c.remove("1")),
    Case("version-v1", "T113", "plain", touch=c.rename("1", "v1")),
    Case("version-01", "T113", "plain", touch=c.rename("1", "01")),
    Case("version-latest", "T121", "plain", touch=lambda folder: (folder / "latest").mkdir()),
    one("version-not-there", "T122", POLICY, "version_policy { specific { versions: [ 7 ] } }"),
    one("versions-none", "T122", POLICY, "version_policy { specific { } }"),
    one("keep-none", "T123", POLICY, "version_policy { latest { num_versions: 0 } }"),
    one("negative-batch", "T144", "max_batch_size: 8", "max_batch_size: -1"),
]
TENSORS = [
    one("input-unnamed", "T130", X, X.replace('  name: "x"\n', "")),
    one("input-twice", "T131", X, X + X, blind=BACKEND),
    one("output-twice", "T131", Y, Y + Y, blind=BACKEND),
    one("input-misspelt", "T132", 'name: "x"', 'name: "X"', blind=BACKEND),
    one("input-extra", "T132", X, X + X.replace('"x"', '"mask"'), blind=BACKEND),
    one("input-lacking", "T133", X, "", blind=BACKEND),
    one("output-misspelt", "T134", '"probabilities"', '"probabilites"', "labels", blind=BACKEND),
    one("output-extra", "T134", Y, Y + Y.replace('"y"', '"logits"'), blind=BACKEND),
    one("output-not-listed", "T135", c.SHARES, "", "labels"),
    one("input-type", "T136", "TYPE_FP32", "TYPE_FP64", blind=BACKEND),
    one("output-type", "T136", "TYPE_INT64", "TYPE_INT32", "labels", blind=BACKEND),
    one("text-as-bytes", "T136", "TYPE_STRING", "TYPE_UINT8", "words", blind=BACKEND),
    one("no-type", "T137", "  data_type: TYPE_FP32\n", ""),
    one("no-dims", "T138", "  dims: [ 3 ]\n", ""),
    one("zero-dim", "T139", D, "dims: [ 0 ]"),
    one("minus-two", "T139", D, "dims: [ -2 ]"),
    one("narrow-input", "T140", D, "dims: [ 4 ]", blind=BACKEND),
    one("free-input", "T140", D, "dims: [ -1 ]", blind=BACKEND),
    one("fixed-output", "T140", FREE_Y, FREE_Y.replace("-1", "5"), "free", blind=BACKEND),
    one("batch-in-dims", "T141", D, "dims: [ -1, 3 ]", blind=BACKEND),
    one("ones-in-dims", "T140", D, "dims: [ 1, 3 ]", blind=BACKEND),
    one("batch-not-in-dims", "T141", "max_batch_size: 8", "max_batch_size: 0", "free", blind=BACKEND),
    Case("fixed-batch", "T142", "plain", touch=c.with_graph(c._weighted(1)), blind=BACKEND),
    one("label-file", "T149", "dims: [ 1 ]\n}", 'dims: [ 1 ]\n  label_filename: "labels.txt"\n}'),
    Case("second-differs", "T136", "plain", touch=c.second_version(c._same(c.LONG, ["n", 3])), blind=BACKEND),
    Case("zip-map", "T148", "plain", touch=c.with_graph(c._zipped()), blind=BACKEND),
    one("shape-tensor", "T147", D, "dims: [ 3 ]\n  is_shape_tensor: true"),
    one("ragged", "T147", D, "dims: [ 3 ]\n  allow_ragged_batch: true", blind=BACKEND),
    one("ragged-without-batch", "T147", "[ 1, 3 ]", "[ 1, 3 ] allow_ragged_batch: true", "fixed", blind=LAZY),
    one("optional", "T147", D, "dims: [ 3 ]\n  optional: true", blind=BACKEND),
]
SHAPES = [
    one("reshape-count", "T145", D, "dims: [ 3 ]\n  reshape { shape: [ 2, 2 ] }"),
    one("reshape-zero", "T145", D, "dims: [ 3 ]\n  reshape { shape: [ 0, 3 ] }"),
    one("reshape-empty", "T145", D, "dims: [ 3 ]\n  reshape { shape: [ ] }"),
    one("reshape-scalar", "T145", "dims: [ 1, 3 ]", "dims: [ 1 ] reshape { shape: [ ] }", "fixed"),
    one("reshape-free", "T145", "dims: [ -1 ]", "dims: [ -1 ]\n  reshape { shape: [ -1, 2 ] }", "free"),
    one("reshape-graph", "T140", D, "dims: [ 3 ]\n  reshape { shape: [ 3, 1 ] }", blind=BACKEND),
    one("format-dims", "T146", D, "format: FORMAT_NHWC\n  dims: [ 3 ]"),
    one("picture-dims", "T146", "dims: [ 3, 4, 4 ]", "dims: [ 48 ]", "picture"),
    one("label-without-reshape", "T140", "  reshape { shape: [ ] }\n", "", "labels", blind=BACKEND),
]
INSTANCES = [
    one("cpu-with-gpus", "T160", KIND, f"{KIND}\n  gpus: [ 0 ]"),
    one("model-with-gpus", "T160", KIND, "kind: KIND_MODEL\n  gpus: [ 0 ]"),
    one("count-negative", "T164", "count: 1", "count: -1"),
    one("gpu-negative", "T161", KIND, "kind: KIND_GPU\n  gpus: [ -1 ]"),
    one("profile", "T162", KIND, f'{KIND}\n  profile: [ "1" ]'),
    one("all-passive", "T163", KIND, f"{KIND}\n  passive: true"),
    one("accelerator-typo", "T190", c.THREADS, ACCELERATOR % ("cpu", "openvin"), blind=FILLED),
    one("accelerator-gpu", "T192", c.THREADS, ACCELERATOR % ("gpu", "tensorrt")),
    one("graph-level", "T191", c.THREADS, "optimization { graph { level: 99 } }\n", blind=FILLED),
    one("threads-text", "T191", 'string_value: "1"', 'string_value: "four"'),
    one("execution-mode", "T191", c.THREADS, MODE, blind=FILLED),
    one("parameter-typo", "T193", '"intra_op_thread_count"', '"intra_op_threads"'),
]
SCHEDULING = [
    one("preferred-too-large", "T170", PREFERRED, "preferred_batch_size: [ 4, 16 ]"),
    one("preferred-zero", "T170", PREFERRED, "preferred_batch_size: [ 0 ]"),
    Case("preferred-without-batch", "T170", "plain", (("max_batch_size: 8", "max_batch_size: 0"),)),
    one("batching-of-nothing", "T143", c.GROUP, c.GROUP + "dynamic_batching { }\n", "fixed"),
    one("delay-in-seconds", "T173", DELAY, "max_queue_delay_microseconds: 5000000"),
    one("priority-default", "T171", DELAY, f"{DELAY}\n  priority_levels: 2"),
    one("priority-default-high", "T171", DELAY, LEVELS.replace("level: 1", "level: 3")),
    one("priority-policy", "T171", DELAY, f"{LEVELS} {QUEUE_THREE}"),
    one("priority-order", "T172", DELAY, f"{LEVELS} preserve_ordering: true"),
    one("delay-order", "T172", DELAY, f"{DELAY}\n  preserve_ordering: true {LATE_TIMED}"),
    one("priority-without-levels", "T174", DELAY, f"{DELAY}\n  default_priority_level: 1"),
    one("policy-without-levels", "T174", DELAY, f"{DELAY}\n  {QUEUE}"),
    one("delay-without-timeout", "T174", DELAY, f"{DELAY}\n  {LATE}"),
]
SEQUENCES = [
    one("control-unnamed", "T180", '    name: "START"\n', "", "steps"),
    one("control-one-value", "T180", "[ 0, 1 ]", "[ 1 ]", "steps"),
    one("control-no-values", "T180", "fp32_false_true: [ 0, 1 ]", "", "steps"),
    one("control-two-values", "T180", "[ 0, 1 ]", "[ 0, 1 ] int32_false_true: [ 0, 1 ]", "steps"),
    one("control-twice", "T180", START, START + START, "steps"),
    one("control-identity", "T180", START, IDENTITY_CONTROL, "steps"),
    one("control-is-input", "T180", c.SEQUENCE, c.SEQUENCE + START_INPUT, "steps", blind=BACKEND),
    one("control-not-in-graph", "T181", '"START"', '"BEGIN"', "steps", blind=BACKEND),
    one("control-type", "T181", "fp32_false_true", "int32_false_true", "steps", blind=BACKEND),
    one("state-not-in-graph", "T181", '"keep"', '"kept_out"', "steps", blind=BACKEND),
    one("slots", "T182", "minimum_slot_utilization: 0.5", "minimum_slot_utilization: 1.5", "steps"),
    one("oldest-preferred", "T170", DIRECT, OLDEST, "steps"),
    one("oldest-none", "T182", DIRECT, "oldest { }", "steps", blind=LAZY),
]
WARMUP = [
    one("warm-unknown", "T200", 'key: "x"', 'key: "X"', "warm"),
    one("warm-lacking", "T200", WARM_X, "", "warm"),
    one("warm-type", "T200", "value { data_type: TYPE_FP32", "value { data_type: TYPE_FP64", "warm"),
    one("warm-dims", "T200", "TYPE_FP32 dims: [ 3 ]", "TYPE_FP32 dims: [ 2, 3 ]", "warm"),
    one("warm-free", "T200", "TYPE_FP32 dims: [ 3 ]", "TYPE_FP32 dims: [ -1 ]", "warm"),
    one("warm-too-many", "T200", "batch_size: 2", "batch_size: 9", "warm"),
    one("warm-nothing", "T202", "batch_size: 2", "batch_size: 0", "warm"),
    one("warm-no-file", "T200", "zero_data: true", 'input_data_file: "x.bin"', "warm"),
    one("warm-no-data", "T200", " zero_data: true", "", "warm"),
    one("cache-decoupled", "T201", "max_batch_size: 8", f"max_batch_size: 8 {CACHED}", "warm"),
]
ENSEMBLE = [
    one("ensemble-platform", "T210", 'platform: "ensemble"', 'platform: "onnxruntime_onnx"', "ensemble"),
    one("ensemble-backend", "T210", "max_batch_size: 8", 'max_batch_size: 8 backend: "onnxruntime"', "ensemble"),
    one("ensemble-group", "T210", "max_batch_size: 8", f"max_batch_size: 8\n{c.GROUP}", "ensemble"),
    one("ensemble-optimized", "T210", "max_batch_size: 8", "max_batch_size: 8 optimization { }", "ensemble"),
    one("step-no-model", "T210", '      model_name: "plain"\n', "", "ensemble"),
    one("step-no-input", "T213", '      input_map { key: "x" value: "a" }\n', "", "ensemble"),
    one("step-no-output", "T210", '      output_map { key: "z" value: "b" }\n', "", "ensemble"),
    one("step-unknown-model", "T211", '"plain"', '"plane"', "ensemble"),
    one("step-version", "T211", "model_version: -1", "model_version: 7", "ensemble"),
    one("step-no-version", "T211", "      model_version: -1\n", "", "ensemble"),
    one("map-unknown-input", "T212", 'key: "x"', 'key: "X"', "ensemble"),
    one("map-unknown-output", "T212", 'key: "z"', 'key: "score"', "ensemble"),
    one("map-turned", "T212", 'key: "x" value: "a"', 'key: "a" value: "x"', "ensemble"),
    one("ensemble-type", "T218", '"a" data_type: TYPE_FP32', '"a" data_type: TYPE_INT32', "ensemble"),
    one("step-type", "T218", '"after"', '"counts"', "ensemble"),
    one("ensemble-dims", "T219", "dims: [ 3 ]", "dims: [ 4 ]", "ensemble"),
    one("ensemble-batch", "T220", '"after"', '"narrow"', "ensemble"),
    one("ensemble-itself", "T217", 'model_name: "after"', 'model_name: "{name}"', "ensemble"),
]
FLOW = [
    one("read-misspelt", "T214", 'key: "m" value: "middle"', 'key: "m" value: "midle"', "ensemble"),
    one("output-unwritten", "T214", 'key: "z" value: "b"', 'key: "z" value: "c"', "ensemble"),
    one("written-twice", "T215", 'key: "z" value: "b"', 'key: "z" value: "middle"', "ensemble"),
    one("input-unused", "T216", "output { name", SPARE + "\noutput { name", "ensemble"),
    Case("cycle", "T217", "ensemble", (('value: "a"', 'value: "b"'), (INPUT_A, ""))),
]
MISTAKES = {
    "lint": TEXT,
    "identity": IDENTITY,
    "tensors": TENSORS,
    "shapes": SHAPES,
    "instances": INSTANCES,
    "batching": SCHEDULING,
    "sequences": SEQUENCES,
    "warmup": WARMUP,
    "ensemble": ENSEMBLE,
    "flow": FLOW,
}
