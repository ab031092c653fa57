"""Models that were added from a file: apps made from what a version's manifest says, without code of their own."""
