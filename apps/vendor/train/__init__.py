"""Training of the vendor app. Serving never imports it."""
