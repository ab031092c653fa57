"""Training of the matching app. Serving never imports it."""
