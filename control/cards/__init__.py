"""Model cards: hand-written text, and generated blocks of figures from the manifests of versions."""
