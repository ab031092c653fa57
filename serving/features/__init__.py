"""Feature maths and explanations that several apps share."""
