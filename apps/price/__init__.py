"""Commodity price, h trading days ahead."""
