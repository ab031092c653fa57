"""`slipway triton lint`: check Triton's model configurations and compare them with their graphs."""
