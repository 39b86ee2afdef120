"""A small source with metadata of every type, under names as odd as people give them."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from PIL import Image

from data.sources import Item
from data.sources.protocol import MetadataValue

SITE, WEIGHT, SEEN = "site", 'weight "net", kg\'s; DROP TABLE s--', "gesehen ✓ été"
DOTTED = "camera.model"
COLUMNS: Mapping[str, type[MetadataValue]] = {SITE: str, WEIGHT: float, SEEN: bool, DOTTED: str}
COUNT = 12


def value(name: str, row: int) -> MetadataValue | None:
    values: dict[str, MetadataValue | None] = {
        SITE: None if row == 11 else ("Nørth", "south", "o'east")[row % 3],
        WEIGHT: float("nan") if row == 10 else row / 4,
        SEEN: None if row == 9 else row % 2 == 0,
        DOTTED: f"M{row}",
    }
    return values[name]


def pixels() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (2, 2)).save(content, "PNG")
    return content.getvalue()


@dataclass(frozen=True)
class Field:
    """Twelve small pictures with metadata, one value missing in each column."""

    name: str = "field"
    classes: tuple[str, ...] = ("a",)
    total: int = COUNT
    has_masks: bool = False
    metadata: Mapping[str, type[MetadataValue]] = field(default_factory=lambda: dict(COLUMNS))

    def items(self) -> Iterator[Item]:
        for row in range(COUNT):
            given = {name: found for name in COLUMNS if (found := value(name, row)) is not None}
            yield Item(f"{row:02d}.png", "a", None, content=pixels(), metadata=given)
