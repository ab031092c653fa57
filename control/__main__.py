"""`python -m control`: the same as `slipway`."""

from control.cli import main

main()
