"""Commands about an app: create it, train it, ask it a question, score a file with it."""
