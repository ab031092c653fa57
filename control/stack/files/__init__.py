"""The files of a stack below `SLIPWAY_HOME`: where they are, and what they hold."""
