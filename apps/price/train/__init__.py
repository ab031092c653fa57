"""Training of the price app. Serving never imports it."""
