"""What the parts of a stack run in addition to the programs of others, and how their readiness is probed."""
