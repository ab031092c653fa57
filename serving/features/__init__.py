"""Feature maths shared by three apps or more."""
