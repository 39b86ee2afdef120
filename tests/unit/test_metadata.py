"""Filters by metadata columns: types kept, odd names harmless, nonsense refused."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from callbacks.services import Services
from data.columns import ColumnKind, MetadataColumn, metadata_columns
from data.errors import InvalidInput, WorkspaceDamaged
from data.metadata import MAX_CHOICES, metadata_summaries, metadata_values
from data.samples import View
from data.selections import Selection
from data.sources import open_source
from tests.unit.metadata_world import COUNT, DOTTED, SEEN, SITE, WEIGHT, Field, pixels


@pytest.fixture
def view(services: Services) -> View:
    return View(services.datasets.add("field", Field()).dataset)


def rows(services: Services, view: View, **parameters: str | list[str]) -> list[int]:
    selection = Selection.from_parameters(parameters)
    assert Selection.from_parameters(selection.to_parameters()) == selection
    found: list[int] = services.samples.order(view, selection).tolist()
    assert services.samples.count(view, selection) == services.samples.counts(view, selection).selected == len(found)
    return found


def test_columns_keep_their_names_and_types(services: Services, view: View) -> None:
    kinds = {column.name: column.kind for column in metadata_columns(services.workspace, "field")}
    assert kinds == {
        SITE: ColumnKind.TEXT,
        WEIGHT: ColumnKind.NUMBER,
        SEEN: ColumnKind.BOOLEAN,
        DOTTED: ColumnKind.TEXT,
    }


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"meta.site": "o'east"}, [2, 5, 8]),
        ({"meta.site": ["Nørth", "south"]}, [0, 1, 3, 4, 6, 7, 9, 10]),
        ({"has.site": "NØR"}, [0, 3, 6, 9]),
        ({"has.site": "%"}, []),
        ({"meta.site": "' OR 1=1 --"}, []),
        ({f"min.{WEIGHT}": "2"}, [8, 9, 11]),
        ({f"max.{WEIGHT}": "0.5"}, [0, 1, 2]),
        ({f"min.{WEIGHT}": "0.5", f"max.{WEIGHT}": "1"}, [2, 3, 4]),
        ({f"min.{WEIGHT}": "-1e300"}, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11]),
        ({f"meta.{SEEN}": "yes"}, [0, 2, 4, 6, 8, 10]),
        ({f"meta.{SEEN}": "no"}, [1, 3, 5, 7, 11]),
        ({f"meta.{SEEN}": ["yes", "no"]}, [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11]),
        ({f"has.{DOTTED}": "m1"}, [1, 10, 11]),
        ({"meta.site": "Nørth", f"meta.{SEEN}": "yes", f"min.{WEIGHT}": "1"}, [6]),
        ({f"meta.{SEEN}": "yes", "sort": "sample_id", "descending": "1"}, [10, 8, 6, 4, 2, 0]),
        ({"no.site": "1"}, [11]),
        ({"no.site": "0", "meta.site": "south"}, [1, 4, 7, 10]),
        ({"no.site": "x", "max.count": [], "sort": "row"}, list(range(COUNT))),
        ({f"no.{WEIGHT}": "1"}, [10]),
        ({f"no.{SEEN}": "1"}, [9]),
        ({f"no.{DOTTED}": "1"}, []),
        ({"meta.site": "o'east", "no.site": "1"}, [2, 5, 8, 11]),
        ({f"min.{WEIGHT}": "2", f"no.{WEIGHT}": "1"}, [8, 9, 10, 11]),
        ({"no.site": "1", f"no.{SEEN}": "1"}, []),
        ({"has.site": "NØR", "no.site": "1", f"max.{WEIGHT}": "1"}, [0, 3]),
        ({"sort": "meta.site"}, [0, 3, 6, 9, 2, 5, 8, 1, 4, 7, 10, 11]),
        ({"sort": "meta.site", "descending": "1"}, [1, 4, 7, 10, 2, 5, 8, 0, 3, 6, 9, 11]),
        ({"sort": f"meta.{WEIGHT}", "descending": "1"}, [11, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 10]),
        ({"sort": f"meta.{SEEN}", "meta.site": "Nørth"}, [3, 0, 6, 9]),
    ],
)
def test_filters_narrow(
    services: Services, view: View, parameters: dict[str, str | list[str]], expected: list[int]
) -> None:
    assert rows(services, view, **parameters) == expected


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"meta.colour": "red"}, "metadata column 'colour' is not known; allowed: site, "),
        ({"meta.label": "a"}, "metadata column 'label' is not known"),
        ({"meta.site\" = '' OR \"row": "x"}, "is not known"),
        ({"min.site": "1"}, "'site' holds text and no numbers"),
        ({f"has.{SEEN}": "y"}, "holds boolean and no numbers"),
        ({f"meta.{SEEN}": "perhaps"}, "'perhaps' is not known; allowed: yes, no"),
        ({f"meta.{WEIGHT}": "1"}, "holds numbers; filter it with min"),
        ({f"has.{WEIGHT}": "1"}, "holds numbers"),
        ({"no.colour": "1"}, "metadata column 'colour' is not known"),
        ({"sort": "meta.colour"}, "metadata column 'colour' is not known; allowed: site, "),
        ({"sort": 'meta.site" DESC, "row'}, "is not known"),
    ],
)
def test_what_a_column_does_not_know_is_refused(
    services: Services, view: View, parameters: dict[str, str], reason: str
) -> None:
    with pytest.raises(InvalidInput, match=reason):
        services.samples.order(view, Selection.from_parameters(parameters))


def test_a_dataset_without_metadata_says_so(services: Services, tmp_path: Path) -> None:
    (tmp_path / "images" / "a").mkdir(parents=True)
    (tmp_path / "images" / "a" / "0.png").write_bytes(pixels())
    plain = View(services.datasets.add("plain", open_source(f"imagefolder:{tmp_path / 'images'}")).dataset)
    with pytest.raises(InvalidInput, match="this dataset has no metadata"):
        services.samples.count(plain, Selection.from_parameters({"meta.site": "x"}))
    assert metadata_summaries(services.samples, plain) == ()
    assert metadata_values(services.samples, plain, [0]) == [{}]


def test_columns_are_summed_up(services: Services, view: View) -> None:
    site, weight, seen, camera = metadata_summaries(services.samples, view)
    assert site.choices == (("Nørth", 4), ("south", 4), ("o'east", 3))
    assert (site.known, site.missing, site.distinct) == (11, 1, 3)
    assert [weight.missing, seen.missing, camera.missing] == [1, 1, 0]
    assert (weight.known, weight.low, weight.high, weight.choices) == (11, 0.0, 2.75, ())
    assert seen.choices == ((True, 6), (False, 5))
    assert camera.distinct == COUNT < MAX_CHOICES
    assert len(metadata_summaries(services.samples, view, limit=2)) == 2


def test_values_come_in_the_order_that_was_asked_for(services: Services, view: View) -> None:
    last, first = metadata_values(services.samples, view, [11, 0])
    assert last == {SITE: None, WEIGHT: 2.75, SEEN: False, DOTTED: "M11"}
    assert first == {SITE: "Nørth", WEIGHT: 0.0, SEEN: True, DOTTED: "M0"}
    assert metadata_values(services.samples, view, []) == []


def test_a_name_that_sql_takes_for_another_is_left_out(services: Services, view: View) -> None:
    path = services.workspace.dataset("field") / "samples.parquet"
    table = pq.read_table(path)
    for name in ("LABEL", "Site", "count"):
        table = table.append_column(name, pa.array(range(COUNT)))
    table = table.append_column("list", pa.array([[1]] * COUNT))
    pq.write_table(table, path)
    names = [column.name for column in metadata_columns(services.workspace, "field")]
    assert names == [SITE, WEIGHT, SEEN, DOTTED, "count"]
    assert rows(services, view, **{"max.count": "1"}) == [0, 1]


def test_pages_in_the_order_of_a_column_never_overlap(services: Services, view: View) -> None:
    selection = Selection.from_parameters({"sort": f"meta.{SEEN}", "descending": "1"})
    pages = [row.sample.row for start in range(0, COUNT, 5) for row in services.samples.page(view, selection, start, 5)]
    assert pages == [0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 11, 9]


def test_infinity_is_a_value_and_not_missing(services: Services, view: View) -> None:
    path = services.workspace.dataset("field") / "samples.parquet"
    table = pq.read_table(path).append_column("odd", pa.array([float("inf"), float("-inf"), float("nan"), None] * 3))
    pq.write_table(table, path)
    assert rows(services, view, **{"no.odd": "1"}) == [2, 3, 6, 7, 10, 11]
    assert rows(services, view, sort="meta.odd") == [1, 5, 9, 0, 4, 8, 2, 3, 6, 7, 10, 11]
    odd = metadata_summaries(services.samples, view)[-1]
    assert (odd.known, odd.missing, odd.low) == (0, 6, None)


def test_a_damaged_table_is_told(services: Services, view: View) -> None:
    (services.workspace.dataset("field") / "samples.parquet").write_bytes(b"no table")
    with pytest.raises(WorkspaceDamaged, match="missing or damaged"):
        metadata_columns(services.workspace, "field")


def test_a_column_is_quoted() -> None:
    assert MetadataColumn('a"b', ColumnKind.TEXT).sql == 's."a""b"'
