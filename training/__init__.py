"""The offline pipeline: from a file of data to a published version. `run.py` tells the story."""

import os

# The threads of a fit synchronize after every step. With active waiting, they block the cores for each other when
# there are more threads than cores. OpenMP reads the variable when the first library that uses it is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
