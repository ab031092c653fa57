"""Commands about an app: make one, train it, ask it, score a file with it."""
