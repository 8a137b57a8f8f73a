"""HIT layouts: pages with placeholders in a folder of the server's, named in a call by HITLayoutId.

`layouts/MYPAGE.html` in the data folder is the layout MYPAGE. `${name}` in it is replaced by the value of the
HITLayoutParameter of that name, as it stands.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .protocol.errors import RequestError
from .protocol.questions import HTML

if TYPE_CHECKING:
    from pathlib import Path

_PLACE = re.compile(r"\$\{([\w.-]{1,100})\}")
_MAX_BYTES = 262_144


def filled(folder: Path, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return a call's parameters with the layout's page as its Question; RequestError names what lacks."""
    layout_id = parameters.get("HITLayoutId")
    if layout_id is None:
        if parameters.get("HITLayoutParameters"):
            raise RequestError("HITLayoutParameters need a HITLayoutId.")
        return parameters
    if parameters.get("Question") is not None:
        raise RequestError("Give Question or HITLayoutId, not both.")
    path = folder / f"{layout_id}.html"
    if not path.is_file() or path.stat().st_size > _MAX_BYTES:
        raise RequestError(
            f"HITLayout {layout_id} does not exist. Put its page, with ${{name}} for each parameter, into "
            f"{path}.",
            "HITLayoutDoesNotExist",
        )
    values = {row["Name"]: row["Value"] for row in parameters.get("HITLayoutParameters") or []}
    try:
        html = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise RequestError(f"{path} is not UTF-8.", "InvalidHITLayout") from None
    names = set(_PLACE.findall(html))
    missing, unknown = sorted(names - values.keys()), sorted(values.keys() - names)
    if missing or unknown:
        raise RequestError(
            f"HITLayout {layout_id} has the parameters {', '.join(sorted(names)) or 'none'}; missing: "
            f"{', '.join(missing) or 'none'}, unknown: {', '.join(unknown)[:200] or 'none'}.",
            "InvalidHITLayoutParameter",
        )
    page = _PLACE.sub(lambda found: values[found[1]], html).replace("]]>", "]]]]><![CDATA[>")
    question = (
        f'<HTMLQuestion xmlns="{HTML}"><HTMLContent><![CDATA[{page}]]></HTMLContent>'
        "<FrameHeight>0</FrameHeight></HTMLQuestion>"
    )
    rest = {key: value for key, value in parameters.items() if not key.startswith("HITLayout")}
    return {**rest, "Question": question}
