"""Check custom resources against their definitions, in the order of the API server and as strictly."""
