"""PromQL's functions and aggregations, with the types of their arguments."""

from __future__ import annotations

__all__ = ["AGGREGATIONS", "FUNCTIONS", "NAMES"]

NAMES = {"s": "scalar", "v": "instant vector", "m": "range vector", "t": "string"}
"""Letter of a type -> its name."""
AGGREGATIONS = {
    **dict.fromkeys("sum avg count min max group stddev stdvar".split(), "v"),
    **dict.fromkeys("topk bottomk quantile limitk limit_ratio".split(), "sv"),
    "count_values": "tv",
}
"""Name -> the types of its arguments."""
_VECTORS = (
    "abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor histogram_avg histogram_count "
    "histogram_stddev histogram_stdvar histogram_sum ln log10 log2 rad sgn sin sinh sort sort_desc sqrt tan tanh "
    "timestamp"
).split()
_RANGES = (
    "absent_over_time avg_over_time changes count_over_time delta deriv first_over_time idelta increase irate "
    "last_over_time mad_over_time max_over_time min_over_time present_over_time rate resets stddev_over_time "
    "stdvar_over_time sum_over_time ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time "
    "ts_of_min_over_time"
).split()
_DATES = "days_in_month day_of_month day_of_week day_of_year hour minute month year".split()
FUNCTIONS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(_VECTORS, ("v", "v")),
    **dict.fromkeys(_RANGES, ("m", "v")),
    **dict.fromkeys(_DATES, ("v?", "v")),
    **dict.fromkeys(("clamp_max", "clamp_min"), ("vs", "v")),
    **dict.fromkeys(("double_exponential_smoothing", "holt_winters"), ("mss", "v")),
    **dict.fromkeys(("sort_by_label", "sort_by_label_desc"), ("vt*", "v")),
    **dict.fromkeys(("pi", "time"), ("", "s")),
    "clamp": ("vss", "v"),
    "histogram_fraction": ("ssv", "v"),
    "histogram_quantile": ("sv", "v"),
    "label_join": ("vttt*", "v"),
    "label_replace": ("vtttt", "v"),
    "predict_linear": ("ms", "v"),
    "quantile_over_time": ("sm", "v"),
    "round": ("vs?", "v"),
    "scalar": ("v", "s"),
    "vector": ("s", "v"),
}
"""Name -> the types of its arguments, and the type of the result.

`?`: the last argument may be left out. `*`: it may occur any number of times.
"""
