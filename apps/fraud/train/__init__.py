"""Training of the fraud app. Serving never imports it."""
