"""Model cards: hand-written words, and blocks of figures that come from versions' manifests."""
