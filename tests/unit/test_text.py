"""Texts follow the language of the person being answered, and only theirs."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from data.text import current_language, gettext, ngettext, speaking


def test_places_are_filled_and_counts_choose_the_form() -> None:
    assert gettext("Showing {n} of {m}", n=3, m=9) == "Showing 3 of 9"
    assert ngettext("{count} sample", "{count} samples", 1) == "1 sample"
    assert ngettext("{count} sample", "{count} samples", 1200) == "1,200 samples"


def test_braces_in_values_and_in_texts_without_values_are_kept() -> None:
    assert gettext("Sample {name}", name="{0} {x}") == "Sample {0} {x}"
    assert gettext("100 % {as it is}") == "100 % {as it is}"


def test_two_people_at_once_keep_their_language() -> None:
    both = Barrier(2)

    def answer(language: str) -> str:
        with speaking(language):
            both.wait(timeout=10)
            return current_language()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(answer, ["zh", "en"])) == ["zh", "en"]
    assert current_language() == "en"


def test_an_unknown_language_means_english() -> None:
    with speaking("tlh"):
        assert current_language() == "en"
