from __future__ import annotations

from google.protobuf import json_format, text_format
from tritonclient.grpc import model_config_pb2 as pb

from control.triton.place import SLOT, Place, as_json, placed, same_place
from serving.kernel.app_values import Values
from tests.serving import toy
from training.onnx.config_pbtxt import config_pbtxt

GPU, CPU = pb.ModelInstanceGroup.KIND_GPU, pb.ModelInstanceGroup.KIND_CPU


def published(**more: object) -> pb.ModelConfig:
    config = text_format.Parse(config_pbtxt(toy.app, Values()), pb.ModelConfig())
    config.MergeFrom(pb.ModelConfig(**more))
    return config


def test_what_is_published_runs_wherever_it_is() -> None:
    (group,) = published().instance_group
    assert group.kind == pb.ModelInstanceGroup.KIND_AUTO, (
        "Triton takes GPUs where there are some, and CPUs elsewhere"
    )


def test_on_cpus_a_model_has_an_instance_for_each_core() -> None:
    for place in (Place(cpus=3), Place(cpus=3, gpus=1, on_gpus=("another",)), Place(cpus=3, on_gpus=("toy",))):
        (group,) = placed(published(), place).instance_group
        assert (group.kind, group.count) == (CPU, 3)
        assert not group.HasField("rate_limiter")
        assert not placed(published(), place).model_warmup


def test_on_a_gpu_executions_are_limited_and_the_first_caller_does_not_wait() -> None:
    config = placed(published(), Place(gpus=2, on_gpus=("toy",)), [7, 3])
    (group,) = config.instance_group
    assert (group.kind, group.count, list(group.gpus)) == (GPU, 2, []), "Triton makes them on each GPU"
    assert [(one.name, one.count) for one in group.rate_limiter.resources] == [(SLOT, 1)]
    assert [sample.batch_size for sample in config.model_warmup] == [1, 64]
    given = config.model_warmup[0].inputs["features"]
    assert (list(given.dims), given.data_type, given.zero_data) == ([2], pb.TYPE_FP32, True)
    assert list(config.version_policy.specific.versions) == [3, 7]


def test_models_that_read_text_or_join_others_are_left_as_they_are() -> None:
    text = published(input=[pb.ModelInput(name="words", data_type=pb.TYPE_STRING, dims=[1])])
    assert not placed(text, Place(gpus=1, on_gpus=("toy",))).model_warmup
    ensemble = pb.ModelConfig(name="toy", ensemble_scheduling=pb.ModelEnsembling())
    assert placed(ensemble, Place(cpus=4)) == ensemble


def test_small_batches_limit_the_warm_up() -> None:
    config = published()
    config.max_batch_size = 1
    assert [one.batch_size for one in placed(config, Place(gpus=1, on_gpus=("toy",))).model_warmup] == [1]


def test_triton_reads_the_json_back() -> None:
    config = placed(published(), Place(gpus=1, on_gpus=("toy",)), [1])
    assert json_format.Parse(as_json(config), pb.ModelConfig()) == config


def test_places_are_compared_by_kind_and_count() -> None:
    config = published()
    assert same_place(placed(config, Place(cpus=2), [1]), placed(config, Place(cpus=2), [2]))
    assert not same_place(placed(config, Place(cpus=2)), placed(config, Place(cpus=3)))
