"""CSV manifests: a table whose rows name images, with labels, splits and whatever else is known of them."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.csv as pc

from data.errors import InvalidInput
from data.sources.columns import Columns, ordered_classes
from data.sources.places import Place
from data.sources.tables import Locator, Part, TableSource

__all__ = ["open_csv"]

_SEPARATORS = ",;\t|"
_LINES = 4096
_HEADER = 1 << 16


def open_csv(where: str) -> TableSource:
    """Opens `csv:FILE`, a path or URL; UTF-8, the first line names the columns.

    The separator is the comma, semicolon, tab or bar that the first line has most of. Types of further columns are
    inferred: whole numbers, numbers, true and false; all else is text. A line with too few or too many cells is
    quarantined.

    Raises:
        InvalidInput: There is no such file, it is no CSV, or no column names images.
    """
    if not where:
        raise InvalidInput("source 'csv:' lacks its file; write csv:FILE")
    place = Place.parse(where)
    name = f"csv:{place.name}"
    problems: dict[str, str] = {}
    header, separator = _header(place)
    try:
        schema = pa.schema([(column, pa.string()) for column in header])
        columns = Columns.find(schema, {}, name)
        table = _read(place, separator, columns, problems)
        columns = Columns.find(table.schema, {}, name)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise InvalidInput(f"{name} is not a CSV that can be read: {' '.join(str(error).split())}") from error

    def batches() -> Iterator[pa.RecordBatch]:
        yield from table.to_batches(max_chunksize=_LINES)

    classes = ordered_classes(label for batch in batches() for label in columns.labels(batch))
    total = table.num_rows + len(problems)
    locator = Locator(place.folder, anywhere=True)
    return TableSource(name, (Part("row ", None, batches),), columns, classes, total, locator, problems)


def _header(place: Place) -> tuple[list[str], str]:
    with place.open() as file:
        try:
            line = file.read(_HEADER).partition(b"\n")[0].decode("utf-8-sig").strip()
        except UnicodeDecodeError as error:
            raise InvalidInput(f"csv:{place.name} is not UTF-8; save it as UTF-8") from error
    separator = max(_SEPARATORS, key=line.count)
    names = [cell.strip().strip('"') for cell in line.split(separator)]
    if len(set(names)) != len(names):
        raise InvalidInput(f"csv:{place.name} has two columns of one name; its first line must name each once: {line}")
    return names, separator


def _read(place: Place, separator: str, columns: Columns, problems: dict[str, str]) -> pa.Table:
    def refuse(row: pc.InvalidRow) -> str:
        name = f"line {row.number}" if row.number is not None else f"line {row.text[:80]}"
        problems[name] = f"has {row.actual_columns} cells, not {row.expected_columns}"
        return "skip"

    texts = {name: pa.string() for name in (columns.image, columns.label, columns.split) if name is not None}
    with place.open() as file:
        return pc.read_csv(
            file,
            pc.ReadOptions(use_threads=False),  # only so does a bad line know its number
            pc.ParseOptions(delimiter=separator, newlines_in_values=True, invalid_row_handler=refuse),
            pc.ConvertOptions(column_types=texts, null_values=[""], strings_can_be_null=True),
        )
