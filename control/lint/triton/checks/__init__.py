"""The checks of the linter, one module for each part of a model configuration."""
