"""Compare two versions on the same rows: which answers better, and whether that is more than chance."""
