"""Links that Prolific signs: what counts, and what is only marked."""

import base64
import json

import jwt
import pytest

from glimpse.mturk.panels.signed_links import ForgedLinkError, UnknownKeyError, check_link
from glimpse.mturk.rehearsal.signing import LIFE_S, LinkKey, filled

LINK = "https://study.example.org/join/s"
PERSON = {"PROLIFIC_PID": "5f1b", "STUDY_ID": "57", "SESSION_ID": "99"}
WHOLE = f"{LINK}?PROLIFIC_PID=5f1b&STUDY_ID=57&SESSION_ID=99"
NOW = 1_740_496_135.0


@pytest.fixture(scope="module")
def key():
    return LinkKey()


def checked(key, token, person=PERSON, now=NOW, keys=None):
    return check_link({**person, "prolific_token": token}, keys or key.jwks["keys"], LINK, now)


def test_a_signed_link_counts(key):
    claims = checked(key, key.token(WHOLE, "w1", "99", NOW))
    assert claims["prolific"]["workspace_id"] == "w1"


def test_a_clock_may_differ_a_little(key):
    token = key.token(WHOLE, "w", "99", NOW)
    assert checked(key, token, now=NOW + LIFE_S + 20)
    assert checked(key, token, now=NOW - 20)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"iss": "https://www.example.org"}, "its issuer is 'https://www.example.org'"),
        ({"exp": NOW - 31}, "its token has expired"),
        ({"iat": NOW + 31}, "issued in the future"),
        ({"exp": "soon"}, "its claim `exp` is no time"),
        ({"exp": True}, "its claim `exp` is no time"),
        ({"sub": "98"}, "its subject is not the link's SESSION_ID"),
        ({"aud": "https://other.example.org/join/s"}, "it was signed for 'https://other.example.org/join/s'"),
        ({"aud": "http://study.example.org/join/s"}, "it was signed for"),
        ({"aud": [LINK]}, "it was signed for"),
        ({"aud": WHOLE.replace("5f1b", "5f1c")}, "PROLIFIC_PID of its audience is not the link's"),
        ({"prolific": {**PERSON, "PROLIFIC_PID": "5f1c"}}, "PROLIFIC_PID of the link is not the one"),
        ({"prolific": {**PERSON, "SESSION_ID": "98"}}, "SESSION_ID of the link is not the one"),
        ({"prolific": {"PROLIFIC_PID": "5f1b"}}, "STUDY_ID of the link is not the one"),
        ({"prolific": "all"}, "holds no parameters"),
        ({"sub": None}, "its token does not count"),
    ],
)
def test_a_claim_that_does_not_fit(key, changes, text):
    with pytest.raises(ForgedLinkError, match=text):
        checked(key, key.token(WHOLE, "w", "99", NOW, **changes))


def test_only_rs256_is_taken(key):
    claims = {"iss": "https://www.prolific.com", "iat": NOW, "exp": NOW + 60, "aud": LINK, "sub": "99",
              "prolific": PERSON}  # fmt: skip
    head = {"kid": "rehearsal"}
    unsigned = jwt.encode(claims, None, algorithm="none", headers=head)
    public = key.jwks["keys"][0]["n"]
    by_secret = jwt.encode(claims, public, algorithm="HS256", headers=head)
    other_hash = jwt.encode(claims, key.private, algorithm="RS512", headers=head)
    for token in (unsigned, by_secret, other_hash):
        with pytest.raises(ForgedLinkError, match="its token does not count"):
            checked(key, token)


def test_a_signature_of_another_key(key):
    with pytest.raises(ForgedLinkError, match="Signature verification failed"):
        checked(key, LinkKey().token(WHOLE, "w", "99", NOW))
    stranger = jwt.encode({"iss": "x"}, key.private, algorithm="RS256", headers={"kid": "other"})
    with pytest.raises(UnknownKeyError, match="names a key that Prolific does not have: 'other'"):
        checked(key, stranger)


def test_a_changed_token(key):
    head, body, signature = key.token(WHOLE, "w", "99", NOW).split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    changed = base64.urlsafe_b64encode(json.dumps({**claims, "sub": "98"}).encode()).rstrip(b"=").decode()
    with pytest.raises(ForgedLinkError, match="Signature verification failed"):
        checked(key, f"{head}.{changed}.{signature}")


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "x" * 9000])
def test_what_is_no_token(key, token):
    with pytest.raises(ForgedLinkError):
        checked(key, token)


def test_marks_are_filled_in():
    assert filled("https://s/?a={{%PROLIFIC_PID%}}", {"PROLIFIC_PID": "p&q"}) == "https://s/?a=p%26q"
