"""What `slipway new` writes."""
