"""The rules of `slipway triton lint`: id, how bad it is, why it matters. docs/triton-lint.md is made from them.

An error keeps the model from loading, or makes every request fail. A warning is a setting that does nothing, or
not what it seems to do.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ERROR", "RULES", "WARNING", "Rule"]

ERROR = "error"
WARNING = "warning"


class Rule(NamedTuple):
    """One thing that is looked for."""

    id: str
    title: str
    severity: str
    why: str


def _table(severity: str, *rows: tuple[str, str, str]) -> list[Rule]:
    return [Rule(number, title, severity, why) for number, title, why in rows]


ERRORS = _table(
    ERROR,
    (
        "T101",
        "no config.pbtxt",
        "With `--disable-auto-complete-config` Triton refuses the folder.",
    ),
    ("T102", "not a model configuration", "The text cannot be read, so nothing of it is used."),
    ("T103", "unknown field", "Triton refuses the whole file for one misspelt name."),
    (
        "T104",
        "two ways of scheduling",
        "dynamic_batching, sequence_batching and ensemble_scheduling exclude each other.",
    ),
    ("T105", "name is not the folder's", "Triton serves a model under the name of its folder."),
    ("T111", "no or wrong backend", "Without a backend nothing can run the model."),
    (
        "T112",
        "platform and backend disagree",
        "They name the same thing, and must fit.",
    ),
    ("T113", "model file is missing", "The version cannot be loaded."),
    ("T114", "model file cannot be read", "It is cut off, empty, or no ONNX graph."),
    ("T115", "weights beside the graph are missing", "A graph of 2 GB and more keeps them in files of their own."),
    ("T122", "version policy names no version", "What the policy asks for is not there, or not loadable."),
    ("T123", "policy keeps no version", "num_versions: 0 loads none, so there is no model."),
    ("T130", "tensor without a name", "Requests name their tensors."),
    ("T131", "tensor named twice", "Which of the two is meant cannot be told."),
    ("T132", "input is not the graph's", "The backend refuses an input that the graph does not have."),
    ("T133", "input of the graph is not configured", "The graph cannot run without it."),
    ("T134", "output is not the graph's", "The backend refuses an output that the graph does not have."),
    ("T136", "data type is not the graph's", "Bytes would be read as another type; the backend refuses it."),
    ("T137", "no data type", "TYPE_INVALID stands for none."),
    ("T138", "no dims", "A tensor of one number has dims: [1]."),
    ("T139", "dim that cannot be", "A dim is 1 or more, or -1 for any."),
    ("T140", "dims are not the graph's", "Inputs may be narrower than the graph, outputs must be the same."),
    (
        "T141",
        "batch axis in dims, or lacking",
        "Triton adds the batch axis with max_batch_size above 0, and only then.",
    ),
    ("T142", "graph with a fixed batch", "Only a graph whose first axis is free can be batched."),
    ("T144", "max_batch_size below 0", "0 stands for a model without a batch axis."),
    (
        "T145",
        "reshape that does not fit",
        "It keeps the number of elements; it is empty only beside a batch axis.",
    ),
    ("T146", "format that does not fit", "FORMAT_NHWC and FORMAT_NCHW are for inputs of three dims."),
    (
        "T147",
        "input setting that does not fit",
        "What ragged, optional and shape inputs need is not given.",
    ),
    ("T148", "output is no tensor", "Sequences and maps, as classifiers export them, cannot be answered."),
    ("T149", "label file is missing", "Triton reads it when it loads the model."),
    ("T160", "GPUs for a group without", "Only KIND_GPU groups run on GPUs."),
    ("T161", "GPU that cannot be", "GPUs are numbered from 0."),
    ("T162", "profile without TensorRT", "Only TensorRT has optimization profiles."),
    ("T170", "preferred batch that cannot be", "It must be 1 to max_batch_size."),
    (
        "T171",
        "priorities that do not fit",
        "Levels count from 1; the default and every policy is one of them.",
    ),
    ("T172", "order that cannot be kept", "preserve_ordering excludes several priorities and delayed timeouts."),
    (
        "T180",
        "sequence control that cannot be",
        "A control is one named tensor, with what stands for false and true.",
    ),
    ("T181", "sequence tensor is not the graph's", "The graph takes the control, and gives the state back."),
    ("T182", "sequence strategy that cannot be", "Slots and preferred batches have bounds."),
    ("T190", "accelerator that is unknown", "The backend refuses a name it does not know."),
    ("T191", "parameter that cannot be read", "The backend reads a number, and fails on other text."),
    ("T200", "warm-up that cannot run", "The model is not ready until its warm-up requests were answered."),
    ("T201", "cache with several answers", "Answers of a decoupled model cannot be cached."),
    ("T210", "ensemble that is none", "An ensemble has platform `ensemble`, steps, and nothing to run by itself."),
    (
        "T211",
        "step of an unknown model",
        "A step's model is in the same repository, in the version asked for.",
    ),
    ("T212", "step's tensor is unknown", "Maps name an input or output of the step's model on their left side."),
    ("T213", "step's input is not mapped", "The step's model cannot run without it."),
    ("T214", "tensor that nothing gives", "It is no input of the ensemble and no step writes it."),
    ("T215", "tensor written twice", "One step writes an ensemble's tensor."),
    (
        "T216",
        "tensor that nothing takes",
        "No step reads it and it is no output; Triton refuses that.",
    ),
    ("T217", "cycle", "Steps that wait for each other never run."),
    ("T218", "data types between steps", "What one step gives is not what the next takes."),
    ("T219", "dims between steps", "What one step gives is not what the next takes."),
    ("T220", "batches larger than a step's", "An ensemble allows no more rows than each of its models."),
)
WARNINGS = _table(
    WARNING,
    ("T120", "no version", "There is nothing to load yet."),
    (
        "T121",
        "folder that is no version",
        "Triton ignores what is no number from 1 without leading zeros.",
    ),
    ("T106", "no name", "Triton takes the folder's; tools that read the file alone cannot."),
    ("T110", "backend of your own", "Triton needs a folder of that name among its backends."),
    ("T135", "output of the graph is not configured", "Clients cannot ask for it."),
    ("T143", "batching without a batch axis", "With max_batch_size: 0 nothing is batched."),
    ("T164", "count below 0", "It is taken as the default, 1."),
    ("T163", "no instance that answers", "Passive groups are not scheduled."),
    ("T173", "long delay", "max_queue_delay_microseconds is in microseconds: every request may wait that long."),
    ("T174", "queue policy without effect", "An option that needs another one to do something."),
    ("T192", "accelerator without effect", "It is for groups of another kind than the model has."),
    ("T193", "unknown parameter", "The backend ignores it, so a misspelt one does nothing."),
    ("T202", "warm-up of nothing", "A sample with batch_size: 0 is skipped."),
)
RULES: dict[str, Rule] = {rule.id: rule for rule in sorted([*ERRORS, *WARNINGS])}
"""By id, in its order."""
