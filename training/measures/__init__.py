"""Metrics, intervals, calibration and the gate."""
