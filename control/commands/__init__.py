"""The commands of `slipway`, by what they are about. `control/cli.py` lists them."""
