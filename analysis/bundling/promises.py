"""What participants were promised: consents by which answers are published in summary alone."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

from glimpse.files import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# What consents of Glimpse before 0.2.0 said in each language, and what others of their own say in English.
PROMISES = (
    r"(?:only|solely) (?:be )?(?:published |reported )?in (?:summary|(?:summari[sz]ed|aggregated?) form)",
    r"(?:not|never) (?:be )?(?:published|shared) individually",
    "nur zusammengefasst veröffentlicht",
    "solo de forma resumida",
    "ne sont publiées que sous forme agrégée",
    "solo in forma aggregata",
    "somente de forma resumida",
    "alleen samengevat gepubliceerd",
    "tylko w formie zbiorczej",
    "только в обобщённом виде",
    "yalnızca özet olarak yayımlanır",
    "ولا تُنشر إلا ملخّصة",
    "まとめた形でのみ公表します",
    "요약된 형태로만 공개됩니다",
    "只以汇总形式发表",
)
_PROMISE = re.compile("|".join(PROMISES), re.IGNORECASE)
_ASIDE = re.compile(r"<(style|script)\b.*?</\1>|<[^>]*>", re.DOTALL)


def promise_in(text: str) -> str:
    """Return the words that promise answers in summary alone, or nothing.

    >>> promise_in("These data are used for research only and published only in summary.")
    'only in summary'
    """
    found = _PROMISE.search(re.sub(r"\s+", " ", text))
    return found.group() if found else ""


def warning_of(promise: str) -> str:
    """Return what to say of such a promise, and what to do."""
    return (
        f'participants were told in the consent: "{promise}". A bundle publishes each answer, though not '
        "whose it is: ask your ethics board, or those who took part, before you share it. In the next study "
        "say so beforehand, in a consent of your own (build-hits --consent, or `consent` in the study file)."
    )


def promised(study: Path) -> str:
    """Return what the consent of a study promises so: in its own words, or on its first page."""
    document = read_json(study / "study.json")
    consent = _own(document)
    page = next((study / str(hit["page"]) for hit in document.get("hits") or () if "page" in hit), None)
    if not consent and page is not None and page.is_file():
        consent = html.unescape(_ASIDE.sub(" ", page.read_text(encoding="utf-8", errors="replace")))
    return promise_in(consent)


def _own(document: Mapping[str, Any]) -> str:
    page = document.get("page")
    text = page.get("consent") if isinstance(page, dict) else ""
    return "\n".join(map(str, text)) if isinstance(text, list) else str(text or "")
