"""`slipway add`: from a model that somebody already has to a verified version, without an app."""
