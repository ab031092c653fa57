"""The data plane: which version answers, how requests are batched, and what runs them."""
