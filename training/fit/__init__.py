"""Fitting models on Ray Train."""
