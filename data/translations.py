"""Local stand-in until the sequence models land; never committed."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Alternative:
    token_id: int
    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class Step:
    token: Token
    probability: float
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True, slots=True)
class Heads:
    kind: str
    weights: np.ndarray


@dataclass(frozen=True, slots=True)
class Beam:
    text: str
    log_probability: float
    token_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Translation:
    source_text: str
    source: tuple[Token, ...]
    text: str
    steps: tuple[Step, ...]
    attention: tuple[Heads, ...]
    beams: tuple[Beam, ...]
    forced: int


@dataclass(frozen=True, slots=True)
class Evidence:
    attention: np.ndarray
    gradient: np.ndarray
    masking: np.ndarray
    agreement: tuple
