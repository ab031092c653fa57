"""The offline pipeline: from a file of data to a published version. `run.py` tells the story."""
