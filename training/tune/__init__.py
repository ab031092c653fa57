"""A search for a recipe's parameters that never sees the test part."""
