"""The words of a new app's model card."""

from __future__ import annotations

import shlex

from control.new.from_file.columns import Column
from control.new.from_file.fields import safe
from control.new.from_file.kinds import Kind, Model
from control.new.from_file.plan import Plan

__all__ = ["card_words"]

MOST_LISTED = 40
MODELS = {
    Model.XGBOOST: "XGBoost, with early stopping on the validation part",
    Model.LIGHTGBM: "LightGBM, with early stopping on the validation part",
    Model.SKLEARN: "scikit-learn's random forest of 100 trees",
    Model.TORCH: "a PyTorch network with two hidden layers of 32, with early stopping on the validation part",
}


def card_words(plan: Plan) -> dict[str, str]:
    """Placeholder -> text of the card."""
    target = safe(plan.target.name)
    linear = "logistic regression" if plan.classes else "ridge regression"
    text = f"scikit-learn's {linear} on TF-IDF of up to 512 words and pairs of words"
    return {
        "source_md": safe(plan.source).replace(" ", "_"),
        "label_md": shlex.quote(plan.target.name if plan.target.name.isprintable() else target).replace("`", "_"),
        "title": _title(plan, target),
        "question_md": _question(plan, target),
        "rows": str(plan.rows),
        "target_md": _target(plan, target),
        "split_md": split_text(plan),
        "model_md": text if plan.kind is Kind.TEXT else MODELS[plan.model],
        "columns_md": _columns(plan),
        "baseline_md": _baseline(plan),
    }


def split_text(plan: Plan) -> str:
    """How the rows are split, and why."""
    if plan.time:
        return f"by time ({safe(plan.time.name)}): the last 20 % for the test, the 20 % before for validation"
    if plan.group:
        return f"by group: {safe(plan.group.name)} repeats, so its rows stay together; a quarter for the test"
    within = ", within each class" if plan.classes else ""
    return f"at random by a hash of the row{within}: 60 % for fitting, 20 % for validation, 20 % for the test"


def _title(plan: Plan, target: str) -> str:
    if plan.kind is Kind.FORECAST:
        return f"the next {target}"
    return f"{target} of a {'text' if plan.kind is Kind.TEXT else 'row'}"


def _question(plan: Plan, target: str) -> str:
    if plan.kind is Kind.FORECAST and plan.steps:
        return f"What is {target} one {plan.steps.unit} after the last known value?"
    thing = "a text" if plan.kind is Kind.TEXT else "a row"
    return f"Which class of {target} does {thing} have?" if plan.classes else f"What is {target} of {thing}?"


def _target(plan: Plan, target: str) -> str:
    if not plan.classes:
        return f"{target}: {plan.target.low:.6g} to {plan.target.high:.6g}; *name its unit*"
    shares = (f"{safe(name)} ({share:.0%})" for name, share in zip(plan.classes, plan.shares, strict=True))
    return f"{target}: {', '.join(shares)}"


def _columns(plan: Plan) -> str:
    listed = [f"- `{column.field}`: {_fact(column)}" for column in plan.inputs[:MOST_LISTED]]
    more = len(plan.inputs) - len(listed)
    head = "The model reads" if listed else "The model reads past values and the calendar alone."
    parts = [f"{head}{f' {len(plan.inputs)} columns' if listed else ''}{':' if listed else ''}", "", *listed]
    parts += [f"- and {more} more"] if more else []
    if plan.left_out:
        parts += ["", "Not used:", "", *(f"- {safe(name)}: {why}" for name, why in plan.left_out)]
    return "\n".join(parts).strip()


def _fact(column: Column) -> str:
    if column.role == "category":
        fact = f"{len(column.values)} categories"
    elif column.role == "text":
        fact = f"text of up to {column.longest} characters"
    else:
        fact = f"{column.low:.6g} to {column.high:.6g}"
    return fact + ("; may be missing" if column.missing else "")


def _baseline(plan: Plan) -> str:
    if plan.kind is Kind.FORECAST:
        return "The baseline is the last value, or that of one season before where that is better."
    if plan.classes:
        return "The baseline gives every row the shares of the classes in the training part."
    return "The baseline gives every row the median of the training part."
