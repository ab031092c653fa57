"""The offline pipeline: from a file of data to a published version. `run.py` tells the story."""

import os

# The threads of a fit meet after every step. Waiting actively, they keep each other from the cores where there are
# fewer of those than threads of everybody. OpenMP reads this when the first library that uses it is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
