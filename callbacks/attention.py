"""Sequence attention: has a sentence translated, draws what was looked at, and tells what a change made of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from dash import ClientsideFunction, Dash, Input, Output, State, no_update
from dash.development.base_component import Component

from callbacks import attention_parts as parts
from callbacks.attended import Attended, ask, attended_of
from callbacks.context import resolve
from callbacks.guard import guarded
from callbacks.services import Services
from callbacks.shell import write_address
from data.errors import EngineUnavailable, VitrineError
from data.looks import FOLDS
from data.text import gettext as _
from data.text import lazy
from data.translations import Evidence, Translation
from inference.folding import heads_of
from layouts import attention_shown, ids
from layouts.attention import ALL, KIND_TITLES, no_model, no_sentence
from layouts.parts import error_state, help_text, icon, percent
from layouts.unit import trouble

__all__ = ["register"]

_EVIDENCE = "translation_evidence"
_FOLD_TITLES = {"mean": lazy("Mean"), "max": lazy("Largest"), "rollout": lazy("Rollout")}


def register(app: Dash, services: Services) -> None:
    """Adds the page's callbacks."""
    _register_show(app, services)
    _register_evidence(app, services)
    _register_clientside(app)


def _register_show(app: Dash, services: Services) -> None:
    outputs = (
        Output(ids.ATTENTION_MESSAGE, "children"),
        Output(ids.ATTENTION_STATUS, "children"),
        Output(ids.ATTENTION_AGAIN, "hidden"),
        Output(ids.ATTENTION_CLOCK, "disabled"),
        Output(ids.ATTENTION_RESULT, "hidden"),
        Output(ids.ATTENTION_SHOWN, "data"),
        Output(ids.ATTENTION_CHANGED, "children"),
        Output(ids.ATTENTION_STEP, "children"),
        Output(ids.ATTENTION_WORD, "children"),
        Output(ids.ATTENTION_BEAMS, "children"),
        Output(ids.ATTENTION_KIND, "options"),
        Output(ids.ATTENTION_KIND, "value"),
        Output(ids.ATTENTION_LAYER, "options"),
        Output(ids.ATTENTION_LAYER, "value"),
        Output(ids.ATTENTION_HEAD, "options"),
        Output(ids.ATTENTION_HEAD, "value"),
    )
    kept = (no_update,) * 11

    @app.callback(
        *outputs,
        Input(ids.ATTENTION_STATE, "data"),
        Input(ids.ATTENTION_CLOCK, "n_intervals"),
        Input(ids.ATTENTION_AGAIN, "n_clicks"),
        State(ids.ATTENTION_SHOWN, "data"),
    )
    def show(
        state: dict[str, Any] | None, _ticks: int | None, _again: int | None, drawn: dict[str, Any] | None
    ) -> tuple[Any, ...]:
        try:
            attended = attended_of(services, state)
            if attended is None:
                return _nothing(services, state), None, True, True, True, *kept
            wanted = [attended.sentence] + ([attended.before] if attended.before else [])
            found = [ask(services, sentence) for sentence in wanted]
        except EngineUnavailable as error:
            return trouble(str(error)), None, False, True, True, *kept
        except VitrineError as error:
            return error_state(str(error)), None, True, True, True, *kept
        known = [translation for translation, _answer in found if translation is not None]
        if len(known) < len(found):
            return None, _("Translating…"), True, False, no_update, *kept
        try:
            return None, None, True, True, False, *_shown(attended, known, drawn)
        except VitrineError as error:
            return error_state(str(error)), None, True, True, True, *kept


def _register_evidence(app: Dash, services: Services) -> None:
    @app.callback(
        Output(ids.ATTENTION_EVIDENCE, "children"),
        Output(ids.ATTENTION_EVIDENCE_CLOCK, "disabled"),
        Input(ids.ATTENTION_DRAWN, "data"),
        Input(ids.ATTENTION_STATE, "data"),
        Input(ids.ATTENTION_EVIDENCE_CLOCK, "n_intervals"),
    )
    @guarded(outputs=2)
    def evidence(drawn: str | None, state: dict[str, Any] | None, _ticks: int | None) -> tuple[Any, ...]:
        attended = attended_of(services, state) if drawn else None
        if attended is None:
            return no_update, True
        hint = help_text(_("Choose a word of the output to see what it depends on."))
        if attended.target is None:
            return hint, True
        try:
            translation = ask(services, attended.sentence)[0]
            answer = services.engine.ask(_EVIDENCE, attended.sentence.payload)
        except VitrineError as error:
            return trouble(str(error)), True
        if translation is None or not answer.done:
            words = _("Weighing the evidence: {share}", share=percent(answer.share or 0.0, 0))
            return help_text(words), False
        if attended.target >= len(translation.steps):
            return hint, True
        return _weighed(translation, answer.value, attended.target), True


def _register_clientside(app: Dash) -> None:
    write_address(app, ids.ATTENTION_STATE, ids.ATTENTION_WRITTEN)
    app.clientside_callback(
        ClientsideFunction("attention", "draw"),
        Output(ids.ATTENTION_DRAWN, "data"),
        Input(ids.ATTENTION_SHOWN, "data"),
        Input(ids.SHELL_THEME_NAME, "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("attention", "pin"),
        Output(ids.ATTENTION_PINNED, "data"),
        Input(ids.ATTENTION_STATE, "data"),
    )
    app.clientside_callback(
        ClientsideFunction("attention", "state"),
        Output(ids.ATTENTION_STATE, "data"),
        Input(ids.ATTENTION_TURN, "data"),
        Input(ids.ATTENTION_TEXT, "value"),
        Input(ids.ATTENTION_KIND, "value"),
        Input(ids.ATTENTION_LAYER, "value"),
        Input(ids.ATTENTION_HEAD, "value"),
        Input(ids.ATTENTION_OTHER, "value"),
        State(ids.ATTENTION_STATE, "data"),
        prevent_initial_call=True,
    )


def _nothing(services: Services, state: dict[str, Any] | None) -> Component:
    context = resolve(services, {**(state or {}), "other": None})
    return no_model(context.dataset.name) if context.version is None else no_sentence()


def _shown(attended: Attended, known: Sequence[Translation], drawn: dict[str, Any] | None) -> tuple[Any, ...]:
    """What is drawn, said and offered, in the order of the outputs."""
    translation, look = known[0], attended.look
    payload = parts.payload_of(translation, look, attended.sentence.hidden)
    same = drawn is not None and drawn.get("key") == payload["key"]
    kinds = [heads.kind for heads in translation.attention]
    heads = heads_of(translation, look.kind)
    layers = [(ALL, _("All")), *((str(n), str(n)) for n in range(1, len(heads) + 1))]
    singles = [(str(n), _("Head {n}", n=n)) for n in range(1, heads.shape[1] + 1)]
    beams = [(beam.text, beam.log_probability) for beam in translation.beams]
    return (
        no_update if same else payload,
        _changed(attended, known),
        _step(attended, translation),
        _word(attended, translation),
        no_update if same else attention_shown.beams_table(beams),
        _options([(kind, _(KIND_TITLES[kind])) for kind in kinds]),
        look.kind,
        _options(layers),
        str(look.layer or ALL),
        _options([*((fold, _(_FOLD_TITLES[fold])) for fold in FOLDS), *singles]),
        str(look.head),
    )


def _options(pairs: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"value": value, "label": label} for value, label in pairs]


def _changed(attended: Attended, known: Sequence[Translation]) -> Component | None:
    if len(known) < 2:
        return None
    now, before = known[0], known[1]
    was, became = parts.differences(before, now)
    sentence = attended.sentence
    facts = []
    if before.source_text != now.source_text:
        facts.append(_("The source was: {text}", text=before.source_text))
    if sentence.hidden:
        names = [parts.word(now.source_text, now.source[place]) for place in sentence.hidden if place < len(now.source)]
        facts.append(_("Hidden from the model: {words}", words=", ".join(names)))
    if sentence.forced:
        said = "".join(step.token.text for step in now.steps[: now.forced])
        facts.append(_("The output was made to begin with: {text}", text=said))
    same = _("The output stays the same.") if before.text == now.text else None
    undo = attention_shown.turn_button(
        {"text": before.source_text, "was": "", "forced": "", "hidden": "", "target": "", "source": ""},
        [icon("arrow-counterclockwise"), _("Take it all back")],
        _("Back to the sentence as it was"),
    )
    return attention_shown.changed_box(
        _("What the change made of it"), was, became, [*facts, *([same] if same else [])], undo
    )


def _step(attended: Attended, translation: Translation) -> list[Component]:
    place, forced = attended.target, attended.sentence.forced
    undo = None
    if forced:
        undo = attention_shown.turn_button(
            {"forced": ""}, [icon("arrow-counterclockwise"), _("Force nothing")], _("Let the model choose every word")
        )
    if place is None or place >= len(translation.steps):
        return attention_shown.step_card(None, 0, 0.0, False, [], undo)
    step = translation.steps[place]
    return attention_shown.step_card(
        parts.word(translation.text, step.token),
        place + 1,
        step.probability,
        place < translation.forced,
        parts.choices(translation, place, forced),
        undo,
    )


def _word(attended: Attended, translation: Translation) -> list[Component]:
    place, hidden = attended.source, attended.sentence.hidden
    restore = None
    if hidden:
        restore = attention_shown.turn_button(
            {"hidden": ""}, [icon("eye"), _("Show all again")], _("Hide no word from the model")
        )
    if place is None or place >= len(translation.source):
        return attention_shown.source_card(None, 0, 0, None, restore)
    token = translation.source[place]
    rest = [str(at) for at in hidden if at != place]
    if place in hidden:
        button = attention_shown.turn_button(
            {"hidden": ",".join(rest)}, [icon("eye"), _("Show it again")], _("The model sees the word again")
        )
    else:
        button = attention_shown.turn_button(
            {"hidden": ",".join(sorted([*rest, str(place)], key=int)), "target": ""},
            [icon("slash-circle"), _("Hide it from the model")],
            _("What does the model say without this word?"),
        )
    name = parts.word(translation.source_text, token)
    return attention_shown.source_card(name, token.start, token.end, button, restore)


def _weighed(translation: Translation, evidence: Evidence, place: int) -> list[Component]:
    told = parts.correlations(evidence, place)

    def text(value: float) -> str:
        return "—" if np.isnan(value) else f"{value:+.2f}"

    here = [
        (name, _("{here} for this word, {mean} on average", here=text(one), mean=text(mean)))
        for name, one, mean in told
    ]
    with_attention = [mean for name, _one, mean in told if not np.isnan(mean)][:2]
    agree = bool(with_attention) and min(with_attention) >= 0.5
    sentence = (
        _("In this sentence attention ranks the source words much as the evidence does.")
        if agree
        else _("Attention ranks the source words differently from the evidence: do not read it as the reason.")
    )
    name = parts.word(translation.text, translation.steps[place].token)
    title = _("What “{word}” depends on", word=name)
    rows, more = parts.measured(translation, evidence, place)
    return attention_shown.evidence_box(title, rows, more, here, sentence)
