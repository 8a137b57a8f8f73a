"""Time, pay and contact of a study, checked before it is written: what participants are owed."""

from __future__ import annotations

from decimal import ROUND_UP, Decimal
from typing import TYPE_CHECKING

from glimpse.duration import hit_minutes, hourly_usd, study_minutes
from glimpse.errors import GlimpseError
from glimpse.experiment import shorter
from glimpse.text import counted

from ..page.consent import names_contact

if TYPE_CHECKING:
    from glimpse.study import Study

    from ..page.settings import PageSettings

# What Prolific and Connect demand at least, an hour.
LEAST_HOURLY_USD = Decimal("8.00")


def check_time(study: Study) -> None:
    """Raise GlimpseError for a study that takes longer, as its pages estimate, than the time allotted."""
    allotted = study.experiment.time_allotted_minutes
    hit, minutes = max(
        ((one.hit, hit_minutes(study, one.hit)) for one in study.hits), key=lambda pair: pair[1]
    )
    if minutes > allotted:
        raise GlimpseError(
            f"HIT {hit} takes about {counted(minutes, 'minute')}, {minutes - allotted} more than the "
            f"{allotted} allotted, and people need time to spare. Raise --time-allotted-minutes to "
            f"{2 * minutes}, or ask for fewer trials a HIT ({shorter(study.experiment)})."
        )


def pay_warnings(study: Study, least_usd: Decimal) -> list[str]:
    """Return what should be known of a reward that is stated, but low."""
    reward, minutes = study.experiment.reward_usd, study_minutes(study)
    hourly = hourly_usd(reward, minutes)
    if reward == 0 or hourly >= least_usd:
        return []
    wanted = (least_usd * minutes / 60).quantize(Decimal("0.01"), rounding=ROUND_UP)
    said = (
        f"${reward} for about {counted(minutes, 'minute')} is ${hourly} an hour, less than the ${least_usd} "
        f"that panels demand: pay ${wanted}, or make HITs shorter ({shorter(study.experiment)}). "
        "--least-hourly sets another limit."
    )
    return [said]


def contact_warnings(page: PageSettings) -> list[str]:
    """Return what to say where a consent names nobody to ask."""
    if names_contact(page):
        return []
    own = "the text of --consent names no contact, such as an e-mail address."
    usual = "the consent names no contact. Give an e-mail address with --contact."
    return [f"Participants cannot ask anybody: {own if page.consent else usual}"]


def pay_line(study: Study) -> str:
    """Return the time and pay of an assignment in words."""
    reward, minutes = study.experiment.reward_usd, study_minutes(study)
    pay = f"${reward} is ${hourly_usd(reward, minutes)} an hour"
    return f"about {counted(minutes, 'minute')} ({study.experiment.time_allotted_minutes} allotted), {pay}"
