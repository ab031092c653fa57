"""Folders in Triton's layout: a configuration and version folders, of any backend, with the models they use."""
