"""Training of the struggle app. Serving never imports it."""
