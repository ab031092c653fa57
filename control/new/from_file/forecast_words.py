"""What the templates say of series in time: the source that differs from app to app."""

from __future__ import annotations

from typing import Any

import pandas as pd

from control.new.from_file.cases import example_question
from control.new.from_file.fields import bounds, number_table, quoted, safe, tuple_of
from control.new.from_file.plan import Plan
from control.new.from_file.steps import UNITS, Steps

__all__ = ["forecast_words"]

SHOWN_SERIES = 3
"""Series of the synthetic data."""
SYNTHETIC_SEASON = 12
LONGEST = pd.Timedelta(days=28)
"""Months are longer."""
FREQUENCIES = {unit: f"{length // pd.Timedelta(minutes=1)}min" for unit, (length, *_) in UNITS.items()}
MONTH_LATER = """\
    year, month = time.year + time.month // 12, time.month % 12 + 1
    days = calendar.monthrange(year, month)[1]
    ends = time.day == calendar.monthrange(time.year, time.month)[1]
    return time.replace(year=year, month=month, day=days if ends else min(time.day, days))"""


def forecast_words(plan: Plan) -> dict[str, str]:
    """Placeholder -> source."""
    steps, time, period = plan.steps, plan.time, plan.period
    if steps is None or time is None or period is None:
        raise ValueError("a forecast needs steps in time")
    return {
        "lags": str(steps.lags),
        "unit": steps.unit,
        "season": str(steps.season),
        "time": time.field,
        "time_type": "date" if steps.whole_days else "datetime",
        "to_date": ".date()" if steps.whole_days else "",
        "literal_import": "",
        "example": _example(plan, steps, time.field),
        "text": "",
        **_values(plan, steps),
        **_calendar(steps),
        **_series(steps),
        **_synthetic(plan, steps, period[0]),
    }


def _values(plan: Plan, steps: Steps) -> dict[str, str]:
    low, high = bounds(plan.target)
    target = safe(plan.target.name)
    found = f"{target}: {plan.target.low:.6g} to {plan.target.high:.6g} in the file; unit unknown."
    past = f"The values up to that {steps.unit}, oldest first; the last {steps.lags} are used."
    return {
        "low": repr(float(low)),
        "high": repr(float(high)),
        "value_description": quoted(found),
        "past_description": quoted(past),
        "answer_description": quoted(f"The expected {target}."),
    }


def _calendar(steps: Steps) -> dict[str, str]:
    names, lines = ["year_sin", "year_cos"], []
    hour = "time.hour" if steps.unit == "hour" else "time.hour + time.minute / 60"
    length = UNITS[steps.unit][0] if steps.unit in UNITS else LONGEST
    for name, method, longest in (("weekday", "time.weekday()", "day"), ("hour", hour, "hour")):
        if length <= UNITS[longest][0]:
            names.append(name)
            lines.append(f"    columns.append(np.array([{method} for time in times], dtype=np.float64))\n")
    if steps.unit == "month":
        return {
            "time_import": "import calendar",
            "calendar": tuple_of(names),
            "calendar_columns": "",
            "after": MONTH_LATER,
        }
    return {
        "time_import": "import datetime",
        "calendar": tuple_of(names),
        "calendar_columns": "".join(lines),
        "after": f"    return time + datetime.timedelta({_length(length)})",
    }


def _length(length: pd.Timedelta) -> str:
    """The length of a step as arguments of `timedelta`, such as hours=1."""
    names = {f"{unit}s": UNITS[unit][0] for unit in ("week", "day", "hour", "minute")}
    name = next(name for name, one in names.items() if length % one == pd.Timedelta(0))
    return f"{name}={length // names[name]}"


def _series(steps: Steps) -> dict[str, str]:
    if steps.series is None:
        blank = ("series_field", "series_answer", "series_check", "series_value", "series_rule", "series_text")
        return {
            **dict.fromkeys((*blank, "series_facts", "series_question", "series_key", "of_series"), ""),
            "sort_by": "TIME",
            "groups": "frame",
            "recipe_lines": _recipe_lines(""),
            "classvar": "from typing import ClassVar\n",
        }
    name = steps.series.field
    described = 'description="A series of the table; a version refuses others."'
    return {
        "series_field": f"    {name}: Annotated[str, Meta(min_length=1, max_length=128, {described})]\n",
        "series_answer": f"    {name}: str\n",
        "series_check": (
            f"        if question.{name} not in context.series:\n"
            '            allowed = ", ".join(context.series[:20])\n'
            f'            text = f"{{question.{name}!r}} is not served by this version; allowed: {{allowed}}"\n'
            f'            raise Invalid(f"[{{row}}].{name}", text)\n'
        ),
        "series_value": f"            {name}=question.{name},\n",
        "series_rule": f'        "{name}": pa.Column(str, pa.Check.str_length(1, 128)),\n',
        "series_text": (
            f'    elif name == "{name}":\n'
            '        found = values.map(lambda value: str(value).strip(), na_action="ignore").astype(object)\n'
            '        wanted = "a name"\n'
        ),
        "series_facts": (
            f'\n        series=tuple(sorted({{*split.train["{name}"], *split.validation["{name}"], '
            f'*split.test["{name}"]}})),'
        ),
        "series_question": f'            {name}=row["{name}"],\n',
        "series_key": f', test["{name}"].to_numpy()',
        "of_series": f" and {name}",
        "sort_by": f'"{name}", TIME',
        "groups": f'frame.groupby("{name}", sort=False)',
        "recipe_lines": _recipe_lines(f'    series = ("{name}",)\n'),
        "classvar": "from typing import ClassVar\n",
    }


def _recipe_lines(series: str) -> str:
    return (
        "    time_column = data.TIME\n"
        "    keys = (*data.PAST, data.NEXT)\n"
        f"{series}"
        '    carriers: ClassVar = {data.TARGET: "a forecast continues the past"}\n'
    )


def _synthetic(plan: Plan, steps: Steps, start: Any) -> dict[str, str]:
    names = steps.names[:SHOWN_SERIES]
    time_format = "%Y-%m-%d" if steps.whole_days else "%Y-%m-%dT%H:%M:%S"
    month_end = steps.unit == "month" and start.day > 1
    return {
        "numbers_ranges": number_table(plan.numbers),
        "value_range": f"{plan.target.low!r}, {plan.target.high!r}",
        "series_names": tuple_of(names) if names else '("",)',
        "series_loop": "place, name in enumerate(SERIES)" if names else "place in range(len(SERIES))",
        "no_names": "" if names else "; a single one has no name",
        "series_column": f"            {quoted(steps.series.name)}: name,\n" if steps.series else "",
        "synthetic_rows": str(1200 // max(1, len(names))),
        "synthetic_season": str(steps.season if steps.season > 1 else SYNTHETIC_SEASON),
        "start": quoted(str(start)),
        "freq": "ME" if month_end else FREQUENCIES.get(steps.unit, "MS"),
        "time_format": time_format,
        "raw_time": quoted(steps.time.name),
    }


def _example(plan: Plan, steps: Steps, time: str) -> str:
    """The example's fields; its time as an object of Python."""
    kind = "date" if steps.whole_days else "datetime"
    lines = []
    for key, value in example_question(plan).items():
        text = f'datetime.{kind}.fromisoformat("{value}")' if key == time else repr(value)
        lines.append(f"    {key}={f'({text[1:-1]},)' if isinstance(value, list) else text},")
    return "\n".join(lines)
