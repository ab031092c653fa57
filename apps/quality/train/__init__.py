"""Training of the quality app. Serving never imports it."""
