"""Slipway and its peers side by side: who is asked what, the figures, and how they are shown."""
