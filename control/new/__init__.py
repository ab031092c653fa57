"""`slipway new`: write a new app from the template."""
