"""Cells of CSV files that people open in a spreadsheet."""

from __future__ import annotations

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def guarded(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: one that begins like one gets a `'` in front.

    A plain number, such as -0.5, stays as it is. For text that others wrote, see OWASP, "CSV Injection".

    >>> guarded('=HYPERLINK("https://example.org")'), guarded("-0.5"), guarded("Ann")
    ('\\'=HYPERLINK("https://example.org")', '-0.5', 'Ann')
    """
    if not text.startswith(_FORMULA):
        return text
    try:
        float(text)
    except ValueError:
        return "'" + text
    return text if text.strip() == text else "'" + text
