"""Commands about published versions and the model repository that holds them."""
