"""Training of the demand app. Serving never imports it."""
