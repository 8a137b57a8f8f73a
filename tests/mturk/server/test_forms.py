"""Forms in every charset and with files: what browsers send, read without a browser."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glimpse.mturk.server.protocol import forms
from glimpse.mturk.server.protocol.errors import RequestError


@pytest.mark.parametrize(
    ("body", "charset", "value"),
    [
        (b"a=caf%C3%A9", None, "café"),
        (b"a=caf%E9", None, "café"),
        (b"a=caf%E9+%80", "iso-8859-1", "café €"),
        (b"a=\xe9", None, "é"),
        (b"a=%83e&_charset_=Shift_JIS", None, "テ"),
        (b"a=%83e", "shift_jis", "テ"),
        (b"a=%81%C3", None, "\ufffdÃ"),
        (b"a=%C3%A9", "no-such-charset", "é"),
        (b"a=%C3%A9", "base64", "é"),
        (b"a=%FF", "utf-8", "\ufffd"),
        (b"a=%5Cud800", "unicode_escape", "\\ud800"),
    ],
)
def test_a_charset_is_read_as_declared_else_replaced(body, charset, value):
    assert dict(forms.urlencoded(body, charset).fields)["a"] == value


def multipart(*parts):
    return (
        b"".join(b"--b\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % part for part in parts)
        + b"--b--\r\n"
    )


def read(body, step=7, kind="multipart/form-data; boundary=b", most=1000):
    reader = forms.Multipart(kind, most)
    for start in range(0, len(body), step):
        reader.feed(body[start : start + step])
    return reader.form()


def test_text_is_kept_and_a_file_named():
    form = read(
        multipart(
            (b'name="comment"', b"one\r\ntwo"),
            (b'name="photo"; filename="me \xc3\xa9.jpg"', b"\xff\xd8" * 4000),
            (b'name="none"; filename=""', b""),
            (b'name="comment"', b"three"),
        )
    )
    assert form.files == ["me é.jpg"]
    assert form.fields == [
        ("comment", "one\r\ntwo"),
        ("photo", "[file not kept: me é.jpg]"),
        ("comment", "three"),
    ]


def test_multipart_in_other_charsets():
    body = multipart((b'name="_charset_"', b"windows-1252"), (b'name="a"', b"caf\xe9"))
    assert read(body).fields[1] == ("a", "café")
    assert read(multipart((b'name="a"', b"caf\xe9"))).fields == [("a", "café")]


def test_what_is_kept_is_bounded():
    with pytest.raises(RequestError, match="too long"):
        read(multipart((b'name="a"', b"x" * 2000)))
    with pytest.raises(RequestError, match="more than 1000 fields"):
        read(multipart(*[(b'name="a"', b"")] * 1001), step=100_000, most=10**6)
    with pytest.raises(RequestError, match="more than 1000 fields"):
        forms.urlencoded(b"a=1&" * 1001)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"--b\r\nbroken", "multipart/form-data; boundary=b"),
        (b"", "multipart/form-data; boundary=b"),
        (b"x", "multipart/form-data"),
        (b"x", "multipart/form-data; boundary=" + "b" * 400),
        (b"x", "text/plain; boundary=b"),
    ],
)
def test_what_is_no_form_is_said(body, kind):
    with pytest.raises(RequestError, match="The form"):
        read(body, kind=kind)


@given(st.binary(max_size=300), st.text(max_size=20))
def test_any_bytes_are_a_form_or_refused(body, charset):
    for name, value in forms.urlencoded(body, charset).fields:
        assert (name + value).encode().decode() == name + value
    try:
        form = read(multipart((b'name="a"', body)))
    except RequestError:
        return
    assert all((name + value).encode() for name, value in form.fields)
