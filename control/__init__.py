"""The control plane: the command line `slipway` and what it drives."""
