"""Read text, Parquet or NumPy files, or a SQL query, into one table. Errors can name the file of each row."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import re
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import sqlalchemy
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from training.data.notation import Notation, decimal_of, delimiter_of, named_delimiter, with_dates, with_numbers
from training.errors import DataError
from training.recipe import Dataset, RowOrigin

__all__ = ["ROW", "file_and_row", "from_files", "from_generator", "from_query", "from_tables"]

ROW = "source_row"
"""Name of the index that numbers the rows as loaded. It survives filtering and sorting in a recipe's `tidy`."""
CSV = (".csv", ".csv.gz")
PARQUET = (".parquet", ".pq")
LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
"""A JSON object a line."""
TABBED = (".tsv", ".txt")
"""Tab-separated text without a header; the recipe names the columns."""
NUMPY = (".npz",)
UNNAMED_INDEX = re.compile(r"__index_level_\d+__")
"""What pandas calls an index without a name in a Parquet file."""
UNTOLD = Notation()
QUOTES = "; a number such as 1,10,000 must be in quotes where commas separate the columns"


def from_files(
    paths: Sequence[Path], columns: Sequence[str] = (), file_column: str = "", told: Notation = UNTOLD
) -> Dataset:
    """Read files of one layout and concatenate them.

    `columns` are the names of the columns of tab-separated files, which have no header; such files are refused
    when it is empty. `file_column`, if any, names a column for each row's file name without its ending. `told`
    says how numbers and dates are written. Raises `DataError`, which names the file and says what to do.
    """
    if not paths:
        raise DataError("no file was given; give one with --data")
    notes: list[str] = []
    frames = [_read(path, columns, told, notes) for path in paths]
    for path, frame in zip(paths[1:], frames[1:], strict=True):
        _same_columns(paths[0], frames[0], path, frame)
    # Blank lines are not rows, but the index counts them.
    origins = tuple(
        RowOrigin(
            path.name, int(frame.index[-1]) + 1, first=1 if path.name.lower().endswith(TABBED + LINES) else 2
        )
        for path, frame in zip(paths, frames, strict=True)
    )
    starts = [sum(origin.rows for origin in origins[:index]) for index in range(len(origins))]
    digests = [_digest(path) for path in paths]
    sha256 = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    if file_column:
        names = [path.name.split(".")[0] for path in paths]
        frames = [frame.assign(**{file_column: name}) for frame, name in zip(frames, names, strict=True)]
    joined = pd.concat([frame.set_axis(frame.index + start) for frame, start in zip(frames, starts, strict=True)])
    joined, dated = with_dates(joined, told)
    return Dataset(
        frame=_numbered(joined),
        source=", ".join(path.name for path in paths),
        sha256=sha256,
        origins=origins,
        notes=tuple(dict.fromkeys([*notes, *dated])),
    )


def from_tables(
    paths: Sequence[Path],
    names: Sequence[str],
    join: Callable[[Mapping[str, pd.DataFrame]], pd.DataFrame],
    told: Notation = UNTOLD,
) -> Dataset:
    """Read one table per name and join them. `paths` are the files, or the folder that holds them.

    `join` returns one row for every row of the first table, with its index; errors name that table's file. Raises
    `DataError`, which names the file and says what to do.
    """
    files = _by_name(paths, names)
    tables, notes = {}, list[str]()
    for name in names:
        table, dated = with_dates(_read(files[name], (), told, notes), told)
        tables[name] = _numbered(table)
        notes += dated
    digests = [_digest(files[name]) for name in names]
    first = files[names[0]]
    return Dataset(
        frame=_numbered(join(tables)),
        source=", ".join(files[name].name for name in names),
        sha256=hashlib.sha256("".join(digests).encode()).hexdigest(),
        origins=(RowOrigin(first.name, int(tables[names[0]].index[-1]) + 1),),
        notes=tuple(notes),
    )


def _by_name(paths: Sequence[Path], names: Sequence[str]) -> dict[str, Path]:
    """Table name -> file. Raises `DataError` for a table that is missing or given twice, or an unknown file."""
    found: dict[str, Path] = {}
    for path in paths:
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        for file in inside:
            name = file.name.partition(".")[0]
            known = name in names and file.name.lower().endswith(CSV + PARQUET)
            if not known and not path.is_dir():
                raise DataError(f"{file.name}: not a table of this app; its tables are {', '.join(names)}")
            if known and name in found:
                raise DataError(
                    f"{file.name}: the table {name} was already given as {found[name].name}; give it once"
                )
            if known:
                found[name] = file
    missing = [name for name in names if name not in found]
    if missing:
        raise DataError(
            f"table {missing[0]!r} is missing; give the folder with the files {', '.join(names)} "
            f"({', '.join(CSV + PARQUET)}), or repeat --data for each file"
        )
    return found


def from_query(dsn: str, query: str, told: Notation = UNTOLD) -> Dataset:
    """Run a SQL query. Raises `DataError`, whose message never contains the password of the DSN."""
    try:
        url = sqlalchemy.make_url(dsn)
    except ArgumentError:
        # The cause shows the DSN, so it is not chained.
        raise DataError("dsn: not a database URL; expected for example postgresql://user@host/database") from None
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    shown = url.render_as_string(hide_password=True)
    try:
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
        with engine.connect() as connection:
            frame = pd.read_sql_query(sqlalchemy.text(query), connection)
    except (SQLAlchemyError, NoSuchModuleError, ImportError) as cause:
        text = str(getattr(cause, "orig", None) or cause).strip().splitlines()[0]
        if url.password:
            text = text.replace(str(url.password), "***")
        # The cause may show the DSN, so it is not chained.
        raise DataError(f"{shown}: the query failed: {text}") from None
    if frame.empty:
        raise DataError(f"{shown}: the query returned no rows; check its conditions")
    digest = frame_digest(frame)
    frame, notes = with_dates(frame, told)
    source = f"query on {url.get_backend_name()} {Path(url.database or '').name}".strip()
    return Dataset(
        frame=_numbered(frame),
        source=source,
        sha256=digest,
        origins=(RowOrigin(source, len(frame), first=1),),
        notes=tuple(notes),
    )


def from_generator(frame: pd.DataFrame, app: str) -> Dataset:
    """A generated table, marked synthetic."""
    source = f"synthetic data of {app}"
    return Dataset(
        frame=_numbered(frame.reset_index(drop=True)),
        source=source,
        sha256=frame_digest(frame),
        synthetic=True,
        origins=(RowOrigin(source, len(frame), first=1),),
    )


def file_and_row(dataset: Dataset, label: int) -> str:
    """File and row for an index label, for example `prices.csv, row 17` (the header is row 1)."""
    rest = label
    for origin in dataset.origins:
        if rest < origin.rows:
            return f"{origin.name}, row {rest + origin.first}"
        rest -= origin.rows
    return f"row {label}"


def frame_digest(frame: pd.DataFrame) -> str:
    """SHA-256 of a table's columns, values and order."""
    digest = hashlib.sha256(repr([(str(name), str(kind)) for name, kind in frame.dtypes.items()]).encode())
    digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return digest.hexdigest()


def _numbered(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.rename_axis(index=ROW)


def _read(path: Path, columns: Sequence[str], told: Notation, notes: list[str]) -> pd.DataFrame:
    """Read one file; sentences on how its numbers are read go to `notes`."""
    name = path.name.lower()
    try:
        if name.endswith(CSV):
            frame = _read_csv(path, told, notes)
        elif name.endswith(TABBED) and columns:
            frame = _read_tabbed(path, columns)
        elif name.endswith(PARQUET):
            frame = _read_parquet(path)
        elif name.endswith(LINES):
            frame = _read_lines(path)
        elif name.endswith(NUMPY):
            frame = _read_npz(path)
        else:
            endings = CSV + PARQUET + LINES[:2] + NUMPY + (TABBED if columns else ())
            raise DataError(f"{path.name}: expected a file that ends in {', '.join(endings)}")
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file; check the path given with --data") from None
    except pd.errors.EmptyDataError as cause:
        raise DataError(f"{path.name}: the file is empty; export it again") from cause
    except pd.errors.ParserError as cause:
        raise DataError(f"{path.name}: not a table: {_first_line(cause)}; correct that line{QUOTES}") from cause
    except pd.errors.ParserWarning as cause:
        raise DataError(f"{path.name}: its rows have more columns than its header{QUOTES}") from cause
    except (UnicodeDecodeError, csv.Error) as cause:
        raise DataError(f"{path.name}: not UTF-8 text ({_first_line(cause)}); save it as UTF-8 CSV") from cause
    except (EOFError, gzip.BadGzipFile, zipfile.BadZipFile, pa.ArrowInvalid) as cause:
        raise DataError(f"{path.name}: damaged or incomplete ({_first_line(cause)}); copy it again") from cause
    except OSError as cause:
        raise DataError(
            f"{path.name}: cannot be read: {cause.strerror or cause}; check the path given with --data"
        ) from cause
    if frame.empty:
        raise DataError(f"{path.name}: the file has a header but no rows; export it again")
    return frame


def _read_csv(path: Path, told: Notation, notes: list[str]) -> pd.DataFrame:
    with _open(path) as stream:
        raw = stream.read()
    if b"\0" in raw[:65536]:
        raise DataError(f"{path.name}: a binary file, not CSV; expected text with a header row")
    text = raw.decode("utf-8-sig")
    if "\n" not in text:
        # Some spreadsheets end lines with a carriage return alone.
        text = text.replace("\r", "\n")
    said, start = named_delimiter(text)
    before, text = text[:start].count("\n"), text[start:]
    mark = said or delimiter_of(text)
    header = next(csv.reader(io.StringIO(text[: 2**20]), delimiter=mark), [])
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(f"{path.name}: row {1 + before}: column {twice[0]!r} occurs twice; rename one of them")
    _check_last_row(path, text, len(header), mark, before)
    decimal = told.decimal
    if not decimal:
        decimal = "." if mark == "," else decimal_of(_parsed(text, mark, before, dtype=str), path.name)
    frame, found = with_numbers(_parsed(text, mark, before, decimal=decimal), decimal)
    notes += found
    # Errors name rows by the index, which counts the lines of the file from its second one.
    frame.index += before
    return frame.dropna(how="all") if frame.isna().all(axis=1).any() else frame


def _parsed(text: str, mark: str, before: int, **options: Any) -> pd.DataFrame:
    """Parse a table that begins `before` lines below the first one of its file; errors name the file's lines."""
    with warnings.catch_warnings():
        # Rows that are longer than the header would lose their last cells.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        frame: pd.DataFrame = pd.read_csv(
            io.StringIO("\n" * before + text),
            sep=mark,
            skiprows=before,
            low_memory=False,
            skip_blank_lines=False,
            index_col=False,
            **options,
        )
    return frame


def _read_tabbed(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Every line is a row, and tabs separate the columns. Quotes have no meaning."""
    lines = path.read_bytes().decode("utf-8-sig").split("\n")
    rows = [line.rstrip("\r").split("\t") for line in (lines[:-1] if lines[-1] == "" else lines)]
    for number, row in enumerate(rows, 1):
        if len(row) != len(columns):
            wanted = f"{len(columns)} columns ({', '.join(columns)}) separated by tabs"
            raise DataError(f"{path.name}, row {number}: {len(row)} columns; expected {wanted}")
    return pd.DataFrame(rows, columns=list(columns))


def _read_parquet(path: Path) -> pd.DataFrame:
    """The columns as plain numbers, texts and times. An index that pandas named is a column."""
    names = pyarrow.parquet.read_schema(path).names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{path.name}: column {twice[0]!r} occurs twice; rename one of them")
    table = pyarrow.parquet.read_table(path)
    table = table.drop_columns([name for name in table.column_names if UNNAMED_INDEX.fullmatch(name)])
    for place, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(pa.float64()))
    # What pandas writes about its own types would give nullable ones, which NumPy cannot compute with.
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
    return frame


def _read_lines(path: Path) -> pd.DataFrame:
    """One JSON object a line; a key that an object lacks is a missing value. Blank lines are not rows."""
    with _open(path) as stream:
        lines = stream.read().decode("utf-8-sig").split("\n")
    rows: dict[int, dict[str, Any]] = {}
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            rows[number] = msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.DecodeError as cause:
            wanted = 'a JSON object such as {"a": 1, "b": "x"}'
            raise DataError(f"{path.name}, row {number + 1}: {_first_line(cause)}; expected {wanted}") from cause
    if not rows:
        raise DataError(f"{path.name}: the file is empty; export it again")
    return pd.DataFrame(list(rows.values()), index=list(rows))


def _read_npz(path: Path) -> pd.DataFrame:
    """One column for each 1-D array, and one for each column of a 2-D array: `X_1`, `X_2` and so on for `X`.

    Arrays of Python objects are refused: reading them would run code from the file.
    """
    columns = {}
    try:
        # When NumPy cannot read a file, it leaves the file open.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            for name in arrays.files:
                array = arrays[name]
                if array.ndim == 1:
                    columns[name] = array
                elif array.ndim == 2:
                    columns |= {f"{name}_{number}": column for number, column in enumerate(array.T, 1)}
                else:
                    raise DataError(f"{path.name}: array {name!r} has {array.ndim} axes; expected 1 or 2")
    except ValueError as cause:
        raise DataError(
            f"{path.name}: cannot be read: {_first_line(cause)}; save plain numbers or text"
        ) from cause
    rows = {len(column) for column in columns.values()}
    if len(rows) != 1:
        raise DataError(f"{path.name}: its arrays have {sorted(rows)} rows; all must have the same number of rows")
    return pd.DataFrame(columns)


def _check_last_row(path: Path, text: str, columns: int, mark: str, before: int) -> None:
    """Refuse a file that ends inside a row, which pandas would fill up; `before` lines of it precede `text`."""
    if not text or text.endswith("\n"):
        return
    last = next(csv.reader([text.rsplit("\n", 1)[-1]], delimiter=mark), [])
    if len(last) < columns:
        row = text.count("\n") + 1 + before
        raise DataError(
            f"{path.name}, row {row}: the file ends in the middle of a row ({len(last)} of {columns} columns); "
            "it is incomplete, copy it again"
        )


def _open(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if path.name.lower().endswith(".gz") else path.open("rb")


def _same_columns(first: Path, wanted: pd.DataFrame, path: Path, frame: pd.DataFrame) -> None:
    missing = [str(name) for name in wanted.columns if name not in frame.columns]
    extra = [str(name) for name in frame.columns if name not in wanted.columns]
    if missing or extra:
        raise DataError(
            f"{path.name}: its columns differ from those of {first.name}: "
            f"missing {missing or 'none'}, unexpected {extra or 'none'}"
        )


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _first_line(cause: Exception) -> str:
    return (str(cause).strip() or type(cause).__name__).splitlines()[0]
