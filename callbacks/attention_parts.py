"""What is said and drawn of a translation. Pure functions from translations to payloads, texts and components."""

import base64
import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

import numpy as np

from data.looks import Look
from data.text import gettext as _
from data.translations import Evidence, Token, Translation
from data.workspace import content_key
from inference.folding import Weights, fold, heads_of, thumbnails
from layouts.attention_shown import Choice, Measured, Piece

__all__ = ["choices", "correlations", "differences", "direction", "measured", "payload_of", "word"]

_TILE_NUMBERS = 120_000
_TILE = 28
STRONGEST = 5
_MEASURED = 24


def word(sentence: str, token: Token) -> str:
    """A token as people read it."""
    return sentence[token.start : token.end] or token.text


def direction(text: str) -> str:
    """`rtl` where the first letter belongs to a script that is written from right to left, else `ltr`."""
    kinds = (unicodedata.bidirectional(sign) for sign in text)
    strong = next((kind for kind in kinds if kind in {"L", "R", "AL"}), "L")
    return "ltr" if strong == "L" else "rtl"


def payload_of(translation: Translation, look: Look, hidden: Sequence[int] = ()) -> dict[str, Any]:
    """All that the browser draws: both sentences, one map of weights, and every head as a small picture.

    At most about 1 MB of text, whatever the sentence and the network.

    Raises:
        InvalidInput: There is no such kind, layer or head.
    """
    weights = fold(translation, look)
    target = [step.token for step in translation.steps]
    source_side = _side(translation.source_text, translation.source, translation.source)
    target_side = _side(translation.text, target, target)
    for place in hidden:
        if place < len(source_side["tokens"]):
            source_side["tokens"][place]["h"] = 1
    for place, step in enumerate(translation.steps):
        target_side["tokens"][place] |= {"p": round(step.probability, 6), "f": int(place < translation.forced)}
    rows = "source" if look.kind == "encoder" else "target"
    columns = "target" if look.kind == "decoder" else "source"
    drawn = {
        "kind": look.kind,
        "layer": look.layer,
        "head": look.head,
        "text": translation.source_text,
        "source": source_side,
        "target": target_side,
        "rows": rows,
        "columns": columns,
        "shift": int(look.kind == "decoder"),
        "shape": list(weights.shape),
        "weights": _encoded(weights),
        "wall": _wall(heads_of(translation, look.kind)),
        "words": {
            "start": _("(start)"),
            "hint": _("Point at a word, or walk with the arrow keys: the words that it looked at light up."),
            "bands": _("Bands between the words of two sentences; the same as a table below"),
            "heat": _("Heat map of weights; the same as a table below"),
            "left": _("The {n} faintest bands are left out; the bars have them.", n="{n}"),
            "table": [_("Word"), _("Probability"), _("Looks at")],
            "caption": _("The {n} strongest weights of each word; the file has all.", n=STRONGEST),
            "strongest": STRONGEST,
            "head": _("Layer {layer}, head {head}", layer="{layer}", head="{head}"),
        },
    }
    return {**drawn, "key": content_key(drawn)}


def _side(text: str, tokens: Sequence[Token], _all: Sequence[Token]) -> dict[str, Any]:
    """A sentence: its tokens as read, what stands before each, whether it is a special one, and how it is written."""
    found: list[dict[str, Any]] = []
    end = 0
    for token in tokens:
        special = token.end <= token.start
        between = " " if special and found else text[end : token.start]
        found.append({"t": word(text, token), "b": between, "s": int(special)})
        end = end if special else token.end
    return {"tokens": found, "dir": direction(text)}


def _wall(heads: Weights) -> dict[str, Any]:
    layers, count = heads.shape[:2]
    side = max(min(_TILE, int((_TILE_NUMBERS / (layers * count)) ** 0.5)), 4)
    small = thumbnails(heads, side)
    return {
        "layers": layers,
        "heads": count,
        "height": small.shape[2],
        "width": small.shape[3],
        "data": _encoded(small),
    }


def _encoded(array: np.ndarray) -> str:
    kind = "<f4" if array.dtype == np.float32 else array.dtype
    return base64.b64encode(np.ascontiguousarray(array, kind).tobytes()).decode("ascii")


def choices(translation: Translation, place: int, forced: Sequence[int]) -> list[Choice]:
    """What could have been said in place of an output word.

    Args:
        forced: Ids that were forced.
    """
    step = translation.steps[place]
    before = _ids(translation, place, forced)
    return [
        Choice(
            text=alternative.text,
            probability=alternative.probability,
            forced="" if before is None else ",".join(map(str, [*before, alternative.token_id])),
            chosen=alternative.text == step.token.text,
        )
        for alternative in step.alternatives
    ]


def _ids(translation: Translation, place: int, forced: Sequence[int]) -> list[int] | None:
    """Ids of the output's tokens before a place; None where they are not known."""
    beam = next(
        (beam for beam in translation.beams if len(beam.token_ids) >= place and beam.text == translation.text), None
    )
    known = list(beam.token_ids if beam is not None else forced)[:place]
    return known if len(known) == place else None


def differences(before: Translation, after: Translation) -> tuple[list[Piece], list[Piece]]:
    """Both outputs in pieces that are the same or not, by words."""
    old, new = (_split(translation.text) for translation in (before, after))
    was: list[Piece] = []
    now: list[Piece] = []
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if b > a:
            was.append(Piece("".join(old[a:b]), "same" if tag == "equal" else "gone"))
        if d > c:
            now.append(Piece("".join(new[c:d]), "same" if tag == "equal" else "new"))
    return was, now


def _split(text: str) -> list[str]:
    """Words with the spaces before them; of a script without spaces each sign is one."""
    words: list[str] = []
    for sign in text:
        apart = not sign.isalnum() or ord(sign) >= 0x2E80
        if (
            words
            and not apart
            and (words[-1][-1].isspace() or (words[-1][-1].isalnum() and ord(words[-1][-1]) < 0x2E80))
        ):
            words[-1] += sign
        else:
            words.append(sign)
    return words


def measured(translation: Translation, evidence: Evidence, place: int) -> tuple[list[Measured], int]:
    """The source words that matter most for one output word by any measure, in their order; and how many more there are."""
    rows = np.stack([evidence.attention[place], evidence.gradient[place], evidence.masking[place]])
    weight = (np.abs(rows) / np.maximum(np.abs(rows).max(1, keepdims=True), 1e-12)).max(0)
    kept = sorted(np.argsort(-weight, kind="stable")[:_MEASURED].tolist())
    words = [word(translation.source_text, token) for token in translation.source]
    return [Measured(words[at], *map(float, rows[:, at])) for at in kept], len(words) - len(kept)


def correlations(evidence: Evidence, place: int) -> list[tuple[str, float, float]]:
    """(pair of measures, rank correlation for this word, mean over the sentence); NaN where it is not defined."""
    names = {"attention": _("Attention"), "gradient": _("Gradient"), "masking": _("Masking")}
    return [
        (f"{names.get(a, a)} · {names.get(b, b)}", float(values[place]), float(np.nanmean(values)))
        for a, b, values in evidence.agreement
    ]
