"""`slipway triton lint`: Triton's model configurations against the graphs they describe, without a Triton."""
