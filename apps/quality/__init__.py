"""Grade of a lot from its measurements, with a score and an anomaly flag."""
