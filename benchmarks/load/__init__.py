"""Load on a server: closed and open loops, and the bytes on the wire."""
