"""The commands of `slipway`, grouped by subject. `control/cli.py` lists them."""
