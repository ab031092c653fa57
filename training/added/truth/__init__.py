"""Rows with known answers: an added model is measured on them beside naive baselines, and must pass a gate."""
