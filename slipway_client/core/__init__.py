"""Requests, answers, retries and deadlines without any input or output; both clients run it."""
