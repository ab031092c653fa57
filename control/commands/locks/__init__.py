"""Commands about who may ask."""
