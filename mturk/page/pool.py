"""What a server needs to draw an assignment's trials, and a HIT's page with the trials drawn. Pure.

The HIT of a study with adaptive allocation is a template: its page has the planned trials, of which the
server keeps sentinels and practice, and replaces the compared ones. A pool names everything by numbers:
conditions, items, and trials packed as `page_data` packs them. What was drawn is a text beside the answers,
under DRAWN, which no page can send: `shown_trials` reads it back as trials.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from glimpse.drawn import DIGITS, DrawnTrials, is_adaptive, rows_of
from glimpse.errors import GlimpseError
from glimpse.submission import AnswerError

from ..answers import parse_answer_xml
from .data import endings_of, exposures_of, packed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from glimpse.allocation import DrawnPair
    from glimpse.study import Study
    from glimpse.trials import Trial

DRAWN = "drawn"
POOL_VERSION = 1
_DATA = re.compile(r'(<script type="application/json" id="data">)(.*?)(</script>)', re.DOTALL)


def pool_of(study: Study) -> dict[str, Any]:
    """Return the pool of a study, as JSON can hold it. It is private: it names conditions, and right sides.

    conditions, items: their names. stimuli: by condition and item its opaque name, and the number of its
    file's ending; endings: how many there are. contrasts: numbers of conditions that may meet. exposures:
    what stands for each of the experiment's in a packed trial. hits: by name, how many trials, and the known
    ones by place: packed, correct side, whether it is scored, item of its context. first: the number of the
    first trial that is drawn. leading, only where stated: how many of the first conditions to tell apart.
    """
    experiment = study.experiment
    by_place = {(one.condition, one.item): name for name, one in study.stimuli.items() if one.item}
    conditions = list(dict.fromkeys(name for contrast in experiment.contrasts for name in contrast))
    items = sorted({item for condition, item in by_place if condition in conditions})
    endings, exposures = endings_of(study), exposures_of(study)
    stimuli = [
        [[by_place[condition, item], endings.index(study.stimuli[by_place[condition, item]].ending)]
         for item in items] for condition in conditions
    ]  # fmt: skip
    contexts = list(study.contexts)
    hits = {}
    for hit in study.hits:
        trials = study.trials_of(hit.hit)
        known = {
            place: [packed(one, study, exposures, endings), one.correct_side, one.sentinel, one.context]
            for place, one in enumerate(trials)
            if one.sentinel or one.practice
        }
        hits[hit.hit] = {"trials": len(trials), "known": known}
    return {
        "version": POOL_VERSION,
        "study": study.study,
        "seed": study.seed,
        "conditions": conditions,
        "items": items,
        "stimuli": stimuli,
        "contrasts": [[conditions.index(a), conditions.index(b)] for a, b in experiment.contrasts],
        "exposures": [exposures.index(one) if one else 0 for one in experiment.exposures_ms],
        "endings": len(endings),
        "contexts": contexts,
        "hits": hits,
        "first": 1 + max(int(trial.trial[1:]) for trial in study.trials),
        "question": experiment.questions[0].name,
        "judged_by": experiment.judged_by.name,
        "max_wrong": experiment.max_wrong_sentinels,
        **({} if experiment.first is None else {"leading": experiment.first}),
    }


def drawn_trials(
    pool: Mapping[str, Any], template: str, number: int, pairs: Sequence[DrawnPair]
) -> DrawnTrials:
    """Return the trials of draw `number` (from 1) of a HIT: those drawn, and the known in their places."""
    hit = pool["hits"][template]
    known, rest = hit["known"], iter(pairs)
    trials, contexts, listed = [], [], pool["contexts"]
    for place in range(hit["trials"]):
        if str(place) in known:
            trial, _, _, context = known[str(place)]
        else:
            one = next(rest)
            sides = [pool["stimuli"][condition][one.item] for condition in (one.left, one.right)]
            ending = sides[0][1] * pool["endings"] + sides[1][1]
            trial = sides[0][0] + sides[1][0] + DIGITS[pool["exposures"][one.exposure]] + DIGITS[ending]
            context = pool["items"][one.item]
        trials.append(trial)
        contexts.append(listed.index(context) if context in listed else -1)
    first = pool["first"] + (number - 1) * max(one["trials"] for one in pool["hits"].values())
    name = f"{template}-{number:05d}"
    return DrawnTrials(name, first, "".join(trials), template, tuple(contexts) if listed else ())


def filled(page: str, drawn: DrawnTrials) -> str:
    """Return a HIT's page with the trials of one assignment in place of the planned ones."""
    found = _DATA.search(page)
    if found is None:
        raise GlimpseError(f"the page of HIT {drawn.template} has no data; it is none of ours.")
    data = json.loads(found[2])
    data |= {"h": drawn.hit, "n": drawn.first, "t": drawn.packed}
    if "u" in data:
        data["u"] = list(drawn.contexts)
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
    return page[: found.start(2)] + text + page[found.end(2) :]


def shown_trials(study: Study, hit: str, answer_xml: str) -> tuple[str, tuple[Trial, ...]]:
    """Return the name and the trials of the HIT as an assignment's worker had it.

    `hit` is the HIT that was served, `answer_xml` what came back of it. AnswerError where trials should have
    been drawn, and the answer does not say which.
    """
    if not is_adaptive(study):
        return hit, study.trials_of(hit)
    text = parse_answer_xml(answer_xml).get(DRAWN)
    if text is None:
        raise AnswerError("the answer does not say which trials were drawn")
    drawn = DrawnTrials.from_text(text)
    if drawn.template != hit:
        raise AnswerError(f"the trials that were drawn are of HIT {drawn.template}, the assignment of {hit}")
    return drawn.hit, tuple(rows_of(study, drawn))
