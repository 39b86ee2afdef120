"""Every map's judgement: it appears beside the map when the engine has made it, on whichever page the map is shown."""

from collections.abc import Mapping
from typing import Any

from dash import MATCH, Dash, Input, Output, State
from dash.development.base_component import Component

from callbacks.services import Services
from data.errors import InvalidInput, VitrineError
from data.explanations import Trust
from data.types import parse_model_reference
from inference.calibration import CALIBRATION
from inference.catalogue import cached_trust
from layouts import ids
from layouts.trust import judged, judging, unjudged

__all__ = ["judgement", "payload_of", "register"]


def register(app: Dash, services: Services) -> None:
    """Adds the callback that fills the boxes of `layouts.trust.evidence`."""

    @app.callback(
        Output({"type": ids.TRUST_BOX, "panel": MATCH}, "children"),
        Output({"type": ids.TRUST_CLOCK, "panel": MATCH}, "disabled"),
        Input({"type": ids.TRUST_CLOCK, "panel": MATCH}, "n_intervals"),
        Input({"type": ids.TRUST_THOROUGH, "panel": MATCH}, "n_clicks"),
        State({"type": ids.TRUST_SUBJECT, "panel": MATCH}, "data"),
    )
    def look(_ticks: int | None, thorough: int | None, about: dict[str, Any]) -> tuple[Any, bool]:
        try:
            return judgement(services, about, bool(thorough))
        except VitrineError as error:
            return unjudged(str(error)), True


def judgement(
    services: Services, about: Mapping[str, Any], thorough: bool = False
) -> tuple[Component | list[Component], bool]:
    """The judgement, and whether it is there; looked after until then.

    Args:
        about: What `layouts.trust.evidence` stored.
        thorough: Whether everything is wanted, whatever it costs.

    Raises:
        VitrineError: The map cannot be judged, or nobody can do it now.
    """
    trust = cached_trust(services.cache, str(about.get("key")), thorough)
    if trust is None:
        answer = services.engine.ask("judge", {**payload_of(about), "thorough": thorough})
        if not answer.done:
            return judging(answer.share), False
        trust = Trust(**answer.value)
    return judged(trust, about, CALIBRATION), True


def payload_of(about: Mapping[str, Any]) -> dict[str, Any]:
    """What task `judge` takes.

    Raises:
        InvalidInput: The page sent something that is no subject.
    """
    try:
        model, version = parse_model_reference(about["model"])
        image = {"upload": about["upload"]} if about.get("upload") else {"row": int(about["row"])}
        layers = [name for name in str(about["layers"]).split(",") if name]
        request = {"method": about["method"], "target": about["target"], "contrast": about["contrast"]}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"{dict(about)!r} names no map; load the page again") from error
    return {"dataset": about.get("dataset"), "model": model, "version": version, "layers": layers, **image, **request}
