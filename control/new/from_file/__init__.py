"""`slipway new --from`: an app for the table that somebody has."""
