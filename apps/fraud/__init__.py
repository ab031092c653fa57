"""Anomalies among records of numbers."""
