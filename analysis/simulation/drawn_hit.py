"""The HIT that a simulated worker gets where a server draws its trials: read from its page."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from glimpse.drawn import DrawnTrials, rows_of
from glimpse.errors import GlimpseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glimpse.study import Study
    from glimpse.trials import Trial

_DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)


def trials_on(page: str, study: Study, template: str) -> list[Trial]:
    """Return the trials of an assignment; GlimpseError for a page that is none of the study's."""
    found = _DATA.search(page)
    if found is None:
        raise GlimpseError(f"the page of HIT {template} has no trials; it is none of ours.")
    data = json.loads(found[1])
    return rows_of(study, DrawnTrials(data["h"], data["n"], data["t"], template))


def drawable(study: Study) -> Iterator[tuple[tuple[str, str, str], tuple[tuple[str, str], tuple[str, str]]]]:
    """Yield every pair that may be drawn: the contrast and both opaque names in order, and its two images."""
    shown = {(one.condition, one.item): name for name, one in study.stimuli.items() if one.item}
    items = sorted({item for _, item in shown})
    for a, b in study.experiment.contrasts:
        for item in items:
            names = sorted((shown[a, item], shown[b, item]))
            yield (f"{a}:{b}", names[0], names[1]), ((a, item), (b, item))
