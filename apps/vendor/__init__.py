"""Risk that a vendor delivers late."""
