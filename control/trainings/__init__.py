"""Training on the local stack: one version for `slipway train`, the missing ones behind the gateway, watched."""
