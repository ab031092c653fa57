"""What the linter looks at, one module for each part of a model configuration."""
