"""Where features come from besides the question, and feature maths shared by three apps or more."""
