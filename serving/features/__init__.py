"""Where features come from besides the question, and feature maths and explanations that apps share."""
