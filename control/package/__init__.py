"""`slipway package`: a published version in the format of another serving system."""
