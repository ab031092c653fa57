"""Who asks, and what they may do: API keys, JSON Web Tokens and the header of a trusted proxy."""
