from __future__ import annotations

from google.protobuf.json_format import ParseDict
from jsonschema import validate
from tritonclient.grpc import service_pb2 as pb

from serving.edge.codec.model_statistics import SCHEMA, model_statistics
from serving.observe.statistics import Duration, VersionStatistics

SEEN = VersionStatistics(
    last=1_700_000_000.25,
    rows=9,
    success=Duration(3, 0.006),
    fail=Duration(1, 0.001),
    queue=Duration(4, 0.0004),
    compute=Duration(4, 0.004),
    sizes={8: Duration(1, 0.002), 1: Duration(2, 0.001)},
)


def test_it_is_tritons_form_with_what_is_measured() -> None:
    made = model_statistics([("toy", 3, SEEN)])
    validate(made, SCHEMA)
    assert made == {
        "model_stats": [
            {
                "name": "toy",
                "version": "3",
                "last_inference": 1_700_000_000_250,
                "inference_count": 9,
                "execution_count": 3,
                "inference_stats": {
                    "success": {"count": 3, "ns": 6_000_000},
                    "fail": {"count": 1, "ns": 1_000_000},
                    "queue": {"count": 4, "ns": 400_000},
                    "compute_infer": {"count": 4, "ns": 4_000_000},
                },
                "batch_stats": [
                    {"batch_size": 1, "compute_infer": {"count": 2, "ns": 1_000_000}},
                    {"batch_size": 8, "compute_infer": {"count": 1, "ns": 2_000_000}},
                ],
            }
        ]
    }
    message = ParseDict(made, pb.ModelStatisticsResponse()).model_stats[0]
    assert message.inference_stats.compute_infer.ns == 4_000_000
    assert not message.inference_stats.HasField("compute_input"), "not measured, so not said to be zero"


def test_a_version_that_nobody_asked_has_zeros() -> None:
    made = model_statistics([("toy", 1, VersionStatistics())])
    validate(made, SCHEMA)
    assert made["model_stats"][0]["batch_stats"] == []
