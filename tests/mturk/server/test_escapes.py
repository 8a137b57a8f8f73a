"""Escapes of a form are read as Python reads them, whatever bytes come."""

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glimpse.mturk.server.protocol.errors import RequestError
from glimpse.mturk.server.protocol.forms import MAX_FIELDS, urlencoded

PIECES = st.sampled_from(
    [b"a", b"b=", b"=", b"==", b"&", b"%", b"%41", b"%e2%82%ac", b"%3d", b"%3D", b"%2", b"%zz", b"+", b" ",
     b"\t", b"\r", b"\n", b"%0D%0A", b"=\n", b"_", b".", b"%25", b"%%41", b"\xe4", b"\x00"]
)  # fmt: skip


@given(st.lists(st.one_of(PIECES, st.binary(max_size=4)), max_size=30).map(b"".join))
def test_any_bytes_are_read_as_python_reads_them(body):
    expected = parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    found = urlencoded(body, "utf-8").fields
    plain = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in expected]
    assert found == [(n.decode("utf-8", "replace"), v.decode("utf-8", "replace")) for n, v in plain]


def test_too_many_fields_are_refused():
    fields = [(f"f{n}", "x") for n in range(MAX_FIELDS)]
    assert len(urlencoded(urlencode(fields).encode()).fields) == MAX_FIELDS
    with pytest.raises(RequestError, match=f"more than {MAX_FIELDS} fields"):
        urlencoded(urlencode([*fields, ("one", "more")]).encode())
