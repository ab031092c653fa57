"""Running the arrays: the contract, the batcher and the backends."""
