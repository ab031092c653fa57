"""The systems Slipway is measured against: one small server each, run in an environment of its own.

Nothing here imports Slipway. A server is told what to do by `BENCH_*` variables (`model.py`, `contestants.py`).
"""
