"""What a benchmark needs before it measures: environments, models, published versions, servers."""
