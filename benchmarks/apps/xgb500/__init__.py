"""500 boosted trees, 25 floats in, one float out."""
