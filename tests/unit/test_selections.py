"""A selection survives the trip through a URL, and nonsense in a URL is refused in one line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InvalidInput
from data.selections import COMPARED, FEEDBACK, SORTS, Lasso, MetadataFilter, Outcome, Selection

texts = st.text(min_size=1, max_size=20)
names = st.lists(texts, max_size=4, unique=True).map(tuple)
thousandths = st.integers(0, 1000).map(lambda number: number / 1000)
corners = st.tuples(st.integers(-999, 999).map(float), st.integers(-999, 999).map(float))
lassos = st.builds(Lasso, st.sampled_from(["0a1b", "ff00"]), st.lists(corners, min_size=3, max_size=9).map(tuple))
# A filter that asks for nothing has no parameter, so it does not come back.
asked = st.builds(
    MetadataFilter,
    column=texts,
    values=names,
    contains=texts,
    low=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    high=st.none() | thousandths,
)
metadata = st.lists(asked, max_size=4, unique_by=lambda one: one.column).map(
    lambda found: tuple(sorted(found, key=lambda one: one.column))
)


@given(
    st.builds(
        Selection,
        splits=names,
        labels=names,
        predictions=names,
        outcome=st.none() | st.sampled_from(Outcome),
        compared=st.none() | st.sampled_from(COMPARED),
        low=thousandths,
        high=thousandths,
        text=st.just("") | texts,
        feedback=st.none() | st.sampled_from(FEEDBACK),
        metadata=metadata,
        lasso=st.none() | lassos,
        sort=st.sampled_from(SORTS),
        descending=st.booleans(),
    )
)
def test_a_selection_comes_back_from_its_parameters(selection: Selection) -> None:
    assert Selection.from_parameters(selection.to_parameters()) == selection


def test_the_whole_dataset_needs_no_parameter() -> None:
    assert Selection().to_parameters() == {}
    assert Selection.from_parameters({"dataset": "digits", "model": "m@1"}) == Selection()


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"outcome": "maybe"}, "'maybe'.*right, wrong"),
        ({"sort": "row; DROP TABLE"}, "sort"),
        ({"low": "-1"}, "from 0 to 1"),
        ({"high": "nan"}, "from 0 to 1"),
        ({"low": "x"}, "from 0 to 1"),
        ({"feedback": "love"}, "feedback"),
        ({"compared": "better"}, "compared"),
        ({"min.weight": "heavy"}, "min.weight 'heavy' is not a number"),
        ({"max.weight": "inf"}, "max.weight 'inf' is not a number"),
        ({"meta." + "n" * 201: "x"}, "at most 200 characters"),
        ({"sort": "meta." + "n" * 201}, "is not known; allowed: row"),
        ({"sort": "meta."}, "'meta.' is not known; allowed: row"),
        ({f"meta.{name}": "x" for name in range(21)}, "21 metadata columns; at most 20"),
        ({"lasso": "abc"}, "lasso"),
        ({"lasso": "abc:1,2,3,4"}, "3 to 200 corners"),
        ({"lasso": "abc:1,2,3,4,5"}, "3 to 200 corners"),
        ({"lasso": "abc:1,2,3,4,5,inf"}, "3 to 200 corners"),
        ({"lasso": "../x:1,2,3,4,5,6"}, "3 to 200 corners"),
        ({"lasso": "abc:" + ",".join(["1"] * 402)}, "3 to 200 corners"),
    ],
)
def test_nonsense_is_refused_with_its_name(parameters: dict[str, str], reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        Selection.from_parameters(parameters)


@pytest.mark.parametrize("key", ["", "a" * 65, "../x", "É", "a b", "a" * 5000])
def test_a_lasso_names_a_projection_and_never_a_path(key: str) -> None:
    with pytest.raises(InvalidInput, match="draw it again"):
        Lasso.parse(f"{key}:0,0,1,0,1,1")
