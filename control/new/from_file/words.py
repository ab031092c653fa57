"""What the templates say of a table of rows or texts: the source that differs from app to app."""

from __future__ import annotations

from collections.abc import Sequence

from control.new.from_file.card import card_words
from control.new.from_file.cases import example_question
from control.new.from_file.columns import Column
from control.new.from_file.fields import MISSING, field, literal_names, number_table, quoted, safe, tuple_of
from control.new.from_file.kinds import Kind
from control.new.from_file.plan import Plan
from control.new.template import class_prefix

__all__ = ["python_dict", "words"]

LEAST_ROWS, ROWS_PER_CLASS = 600, 80
"""Rows of synthetic data, so that each version of them beats the naive baseline."""
NOISE, LITTLE_NOISE = 0.08, 0.01
"""Noise of the made-up rule. Without decimals, rows repeat, and more noise would give each of them every class."""


def words(name: str, plan: Plan) -> dict[str, str]:
    """Placeholder -> source."""
    prefix = class_prefix(name)
    return {
        "name": name,
        "Name": prefix,
        "source_text": safe(plan.source),
        "summary": quoted(_summary(plan)),
        "target": quoted(plan.target.field),
        "raw_target": quoted(plan.target.name),
        "target_text": f"`{plan.target.field}`",
        "text": plan.text.field if plan.text else "",
        "raw_text": quoted(plan.text.name) if plan.text else "",
        "example": "\n".join(f"    {key}={value!r}," for key, value in example_question(plan).items()),
        **_schema(prefix, plan),
        **_features(plan),
        **_data(plan),
        **_tidied(name, plan),
        **_split(plan),
        **_rows(prefix, plan),
        **_model(plan),
        **_synthetic(plan),
        **card_words(plan),
    }


def python_dict(pairs: Sequence[tuple[str, str]]) -> str:
    """A dictionary of texts, one pair a line."""
    return "\n".join(["{", *(f"    {quoted(key)}: {quoted(value)}," for key, value in pairs), "}"])


def _summary(plan: Plan) -> str:
    what = {
        Kind.CLASSIFICATION: "The class of a row: {0}.",
        Kind.REGRESSION: "The value of a row: {0}.",
        Kind.TEXT: "What a text is: {0}." if plan.classes else "The value of a text: {0}.",
        Kind.FORECAST: "The next value of {0}.",
    }
    return what[plan.kind].format(safe(plan.target.name))


def _schema(prefix: str, plan: Plan) -> dict[str, str]:
    literals = literal_names(plan.categories)
    lines = [f"{literals[c.field]} = Literal[{quoted(list(c.values))[1:-1]}]" for c in plan.categories]
    context = ""
    if plan.classes:
        lines.append(
            f"LABELS: tuple[str, ...] = {tuple_of(plan.classes)}\n"
            + '"""The classes, in the order of the model\'s output."""'
        )
        answer = "label: str\n    probability: float\n    probabilities: dict[str, float]"
        answer_text = "The most probable class, and the probability of each."
    else:
        answer = "value: float"
        answer_text = f"The expected value of `{plan.target.field}`."
        context = (
            '\n    center: float\n    """Mean of the target in training."""'
            '\n    spread: float\n    """Its standard deviation; the model answers in multiples of it."""\n'
        )
    if plan.kind is Kind.TEXT:
        context += '\n    terms: tuple[str, ...]\n    """Words and pairs of words that the version knows."""\n'
    fields = _text_field(plan.text) if plan.text else "\n".join(field(c, literals) for c in plan.inputs)
    exported = ["EXAMPLE", *(["LABELS"] if plan.classes else []), *literals.values()]
    exported += [f"{prefix}{kind}" for kind in ("Answer", "Context", "Question")]
    return {
        "schema_names": quoted(sorted(exported)),
        "typing_names": "Annotated, Literal" if literals else "Annotated",
        "literals": "\n".join(lines) + "\n" if lines else "",
        "fields": fields,
        "answer_text": answer_text,
        "answer_fields": f"    {answer}",
        "context_fields": context,
    }


def _text_field(column: Column) -> str:
    longest = max(1000, 2 * column.longest)
    meta = f'min_length=1, max_length={longest}, description="The text, up to {longest:,} characters."'
    return f"    {column.field}: Annotated[str, Meta({meta})]"


def _features(plan: Plan) -> dict[str, str]:
    literals = literal_names(plan.categories)
    pairs = [f"    {quoted(key)}: get_args({name})," for key, name in literals.items()]
    return {
        "numbers": tuple_of(column.field for column in plan.numbers),
        "categories": "\n".join(["{", *pairs, "}"]) if pairs else "{}",
        "get_args": ", get_args" if literals else "",
        "schema_imports": "".join(f"\n    {name}," for name in sorted(literals.values())),
    }


def _data(plan: Plan) -> dict[str, str]:
    kept = [*plan.inputs, *([plan.time] if plan.time else []), *([plan.group] if plan.group else []), plan.target]
    texts = [column.field for column in plan.inputs if column.role in ("category", "text")]
    texts += [plan.group.field] if plan.group else []
    texts += [plan.target.field] if plan.classes else []
    rest = []
    if plan.time:
        rest.append('TIME: pa.Column("datetime64[ns]"),')
    if plan.group:
        rest.append("GROUP: pa.Column(str),")
    rest.append("TARGET: pa.Column(str, pa.Check.isin(LABELS))," if plan.classes else "TARGET: pa.Column(float),")
    return {
        "columns": python_dict([(column.name, column.field) for column in kept]),
        "texts": tuple_of(texts),
        "may_be_missing": tuple_of(column.field for column in plan.inputs if column.missing),
        "labels_import": "\n    LABELS," if plan.classes else "",
        "schema_rest": "\n        ".join(rest),
        "without_group": ".drop(columns=GROUP)" if plan.group else "",
    }


def _tidied(name: str, plan: Plan) -> dict[str, str]:
    """Texts without a word tell nothing."""
    if plan.text is None:
        return {"more_tidy": "", "features_import": ""}
    text = plan.text.field
    return {
        "more_tidy": (
            f'    worded = frame["{text}"].map(lambda text: isinstance(text, str) and bool(terms_of(text)))\n'
            "    if not worded.all():\n"
            '        notes.append(f"{(~worded).sum()} rows have no word and are left out")\n'
            "    frame = frame[worded]\n"
        ),
        "features_import": f"from apps.{name}.serve.features import terms_of\n",
    }


TIMES = """\
    if name == TIME:
        times = pd.to_datetime(values, format="ISO8601", errors="coerce").astype("datetime64[ns]")
        if times.isna().any():
            place = int(times.isna().to_numpy().argmax())
            found = values.iloc[place]
            wanted = "a date such as 2024-05-14" + advice(found)
            raise BadValue(int(values.index[place]), source, found, wanted)
        return times
"""
BY_TIME = '''\
def cut(frame: pd.DataFrame) -> Split:
    """Split by time: the model will answer for rows that come after those that it was fitted on."""
    edges = frame[TIME].quantile([0.6, 0.8])
    return by_time(frame, TIME, edges[0.6], edges[0.8])'''
BY_GROUP = '''\
def cut(frame: pd.DataFrame) -> Split:
    """Split by groups: rows with one identifier are alike, so no group may be in two parts."""
    return by_group(frame, GROUP, validation=0.2, test=0.25)'''
AT_RANDOM = '''\
def cut(frame: pd.DataFrame) -> Split:
    """Split at random: no column names a time or a group that repeats, so the rows count as independent.

    A hash of each row decides{0}, so the same rows always give the same parts.
    """
    place = pd.util.hash_pandas_object(frame, index=False)
    share = {1}.rank(pct=True)
    parts = {{
        "train": frame[share <= 0.6],
        "validation": frame[(share > 0.6) & (share <= 0.8)],
        "test": frame[share > 0.8],
    }}
    rows = {{name: len(part) for name, part in parts.items()}}
    return Split(**parts, description={{"kind": "hash of the row", "shares": [0.6, 0.2, 0.2], "rows": rows}})'''
NO_BLOCKS = '''\
def blocks(test: pd.DataFrame) -> tuple[npt.NDArray[np.int64], int]:
    """Return the number of each row, and how many rows the bootstrap draws together."""
    return np.arange(len(test)), max(1, len(test) // 1000)'''
TIME_BLOCKS = '''\
def blocks(test: pd.DataFrame) -> tuple[npt.NDArray[np.int64], int]:
    """Return the place of each row's time, and how many times the bootstrap draws together."""
    times = pd.factorize(test[TIME], sort=True)[0].astype(np.int64)
    times = times if len(np.unique(times)) >= 10 else np.arange(len(test))
    return times, max(1, len(np.unique(times)) // 20)'''
GROUP_BLOCKS = '''\
def blocks(test: pd.DataFrame) -> tuple[npt.NDArray[np.int64], int]:
    """Return the group of each row; the bootstrap draws whole groups, where there are enough."""
    groups = pd.factorize(test[GROUP])[0].astype(np.int64)
    groups = groups if len(np.unique(groups)) >= 10 else np.arange(len(test))
    return groups, max(1, int(groups.max()) // 1000)'''


def _split(plan: Plan) -> dict[str, str]:
    if plan.time:
        return {
            "split_import": "from training.data.split import by_time\n",
            "group_line": f'TIME = "{plan.time.field}"\n',
            "cut": BY_TIME,
            "converted": TIMES,
            "blocks": TIME_BLOCKS,
            "report_imports": "TARGET, TIME",
            "recipe_lines": "    time_column = data.TIME\n",
        }
    if plan.group:
        return {
            "split_import": "from training.data.split import by_group\n",
            "group_line": f'GROUP = "{plan.group.field}"\n',
            "cut": BY_GROUP,
            "converted": "",
            "blocks": GROUP_BLOCKS,
            "report_imports": "GROUP, TARGET",
            "recipe_lines": "    keys = (data.GROUP,)\n",
        }
    within = (" within each class", "place.groupby(frame[TARGET])") if plan.classes else ("", "place")
    return {
        "split_import": "",
        "group_line": "",
        "cut": AT_RANDOM.format(*within),
        "converted": "",
        "blocks": NO_BLOCKS,
        "report_imports": "TARGET",
        "recipe_lines": "",
    }


def _rows(prefix: str, plan: Plan) -> dict[str, str]:
    terms = ", terms=terms" if plan.kind is Kind.TEXT else ""
    if plan.classes:
        facts = f"    return {prefix}Context(rows=len(split.train){terms})"
        targets = (
            '    """Return the place of each row\'s class in `LABELS`."""\n'
            f"    return part[TARGET].map(LABELS.index).to_numpy({_class_type(plan)})"
        )
    else:
        facts = (
            "    known = split.train[TARGET]\n"
            "    spread = float(known.std()) or 1.0\n"
            f"    return {prefix}Context(rows=len(known), center=float(known.mean()), spread=spread{terms})"
        )
        targets = (
            '    """Return (value - center) / spread."""\n'
            "    away: Floats = (part[TARGET].to_numpy() - context.center) / context.spread\n"
            "    return away.astype(np.float32)"
        )
    whole = [f"{quoted(column.field)}: {column.type}" for column in plan.numbers if column.type != "float"]
    return {"facts": facts, "targets": targets, "whole": "{" + ", ".join(whole) + "}"}


def _class_type(plan: Plan) -> str:
    return "np.int64" if plan.model == "torch" else "np.float32"


SOFTMAX = '''\
def softmax(scores: Floats) -> Floats:
    """Return probabilities, [n, outputs]."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    found: Floats = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return found


'''


def _model(plan: Plan) -> dict[str, str]:
    if plan.classes:
        return {
            "finish": "Softmax",
            "xgboost_params": '"objective": "multi:softprob", "num_class": OUTPUTS, "eval_metric": "mlogloss",',
            "lightgbm_params": '"objective": "multiclass", "num_class": OUTPUTS, "metric": "multi_logloss",',
            "Forest": "RandomForestClassifier",
            "max_features": '"sqrt"',
            "predict": "predict_proba",
            "torch_finish": "found.softmax(dim=1)",
            "torch_loss": "nn.functional.cross_entropy(network(features), wanted)",
            "linear": "logistic regression",
            "Linear": "LogisticRegression",
            "linear_params": '{"C": 10.0, "max_iter": 1000}',
            "numpy_finish": "softmax(found)",
            "softmax": SOFTMAX,
        }
    return {
        "finish": "Identity",
        "xgboost_params": '"objective": "reg:squarederror", "eval_metric": "mae",',
        "lightgbm_params": '"objective": "regression", "metric": "l1",',
        "Forest": "RandomForestRegressor",
        "max_features": "0.5",
        "predict": "predict",
        "torch_finish": "found",
        "torch_loss": "nn.functional.mse_loss(network(features)[:, 0], wanted)",
        "linear": "ridge regression",
        "Linear": "Ridge",
        "linear_params": '{"alpha": 1.0}',
        "numpy_finish": "found",
        "softmax": "",
    }


TO_CLASSES = """\
    edges = np.quantile(score, np.arange(1, len(LABELS)) / len(LABELS))
    return np.array(LABELS, dtype=object)[np.searchsorted(edges, score)]"""
TO_VALUES = """\
    place = (score - score.min()) / (score.max() - score.min())
    return np.array([float(f"{LOW + one * (HIGH - LOW):.6g}") for one in place])"""


def _synthetic(plan: Plan) -> dict[str, str]:
    holes = {column.name: MISSING if column.missing else 0.0 for column in plan.categories}
    pairs = [f"    {quoted(c.name)}: ({tuple_of(c.values)}, {holes[c.name]})," for c in plan.categories]
    more = ""
    if plan.time and plan.period:
        dates = f'pd.date_range("{plan.period[0]}", "{plan.period[1]}", ROWS)'
        more = f'    columns[{quoted(plan.time.name)}] = {dates}.strftime("%Y-%m-%dT%H:%M:%S")'
    elif plan.group:
        more = (
            f"    columns[{quoted(plan.group.name)}] = "
            '[f"group {number}" for number in random.integers(0, ROWS // 4, ROWS)]'
        )
    constants = f"LABELS: tuple[str, ...] = {tuple_of(plan.classes)}\n"
    if not plan.classes:
        constants = f"LOW, HIGH = {plan.target.low!r}, {plan.target.high!r}\n"
    return {
        "many_rows": str(max(LEAST_ROWS, ROWS_PER_CLASS * len(plan.classes))),
        "noise": str(NOISE if any(column.type == "float" for column in plan.numbers) else LITTLE_NOISE),
        "number_table": number_table(plan.numbers),
        "category_table": "\n".join(["{", *pairs, "}"]) if pairs else "{}",
        "more_columns": more,
        "target_constants": constants,
        "target_rule": TO_CLASSES if plan.classes else TO_VALUES,
        "refused": f'{plan.text.field}="..."' if plan.text else 'reference=" "',
        "refused_field": plan.text.field if plan.text else "reference",
        "classvar": "",
    }
