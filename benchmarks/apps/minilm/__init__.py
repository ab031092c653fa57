"""A sentence embedder, 32 tokens in, one float out."""
