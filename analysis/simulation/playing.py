"""How clips play for simulated people: almost always together, again and again until they answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

APART = 0.01  # share of trials in which the two start a refresh apart
DROPPED = 0.1  # frames a trial that never come, mean
STALLED = 0.003  # share of trials in which a clip waits
LOOKED_AGAIN = 0.3  # plays more, mean, where people may ask for them


@dataclass(frozen=True)
class PlayedClips:
    """The clips of a study: how long the longest plays, and whether they loop or play again when asked."""

    duration_ms: float
    loops: bool
    again: bool

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> PlayedClips | None:
        """Return the clips of a study.json; None for images."""
        stimuli = [one for one in (document.get("stimuli") or {}).values() if isinstance(one, dict)]
        lengths = [1000 * one["frames"] / one["frame_rate"] for one in stimuli if one.get("frames")]
        page = document.get("page") or {}
        if not lengths:
            return None
        return cls(max(lengths), page.get("play", "loop") == "loop", bool(page.get("again")))

    def recorded(
        self, answers: list[dict[str, Any]], refresh_hz: float, rng: np.random.Generator
    ) -> list[dict[str, Any]]:
        """Return answers of a page with how their clips played, as the page records it."""
        found = []
        for answer in answers:
            stated = answer["response_ms"]
            response_ms = sum(stated.values()) if isinstance(stated, dict) else stated
            seen_ms = response_ms if answer["shown_ms"] is None else answer["shown_ms"]
            plays = 1 + int(seen_ms // self.duration_ms) * self.loops
            plays += int(rng.poisson(LOOKED_AGAIN)) * self.again
            apart, stalls = rng.random() < APART, int(rng.random() < STALLED)
            skew_ms = float(rng.choice([-1, 1])) * 1000 / refresh_hz * apart
            flags = [*answer.get("flags", []), *["skew"] * apart, *["stall"] * stalls]
            played = {
                "plays": plays,
                "skew_ms": round(skew_ms, 1) + 0.0,
                "dropped": int(rng.poisson(DROPPED)),
            }
            found.append({**answer, **({"flags": flags} if flags else {}), **played, "stalls": stalls})
        return found
