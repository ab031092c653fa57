"""A client for the models of a Slipway gateway. It needs httpx and NumPy, and nothing else of Slipway.

from slipway_client import Client

with Client("http://127.0.0.1:8080") as client:
    client.predict("churn", {"age": 42, "plan": "basic"})
"""

from slipway_client.async_client import AsyncClient
from slipway_client.client import Client
from slipway_client.errors import (
    BadAnswer,
    DeadlineExceeded,
    Failed,
    Invalid,
    Malformed,
    NotFound,
    Overloaded,
    RequestError,
    ServerError,
    SlipwayError,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from slipway_client.types import Answers, Model, ModelMetadata, ServerMetadata, TensorSpec

__all__ = [
    "Answers",
    "AsyncClient",
    "BadAnswer",
    "Client",
    "DeadlineExceeded",
    "Failed",
    "Invalid",
    "Malformed",
    "Model",
    "ModelMetadata",
    "NotFound",
    "Overloaded",
    "RequestError",
    "ServerError",
    "ServerMetadata",
    "SlipwayError",
    "TensorSpec",
    "TooLarge",
    "Unauthorized",
    "Unavailable",
]
