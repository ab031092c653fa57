"""Apps that exist for measuring: `SLIPWAY_APPS=benchmarks.apps.autoencoder,...` serves them like any other."""
