"""The wire: signatures, bounds, errors as botocore understands them, and whatever else arrives."""

import json
import time

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from glimpse.errors import GlimpseError
from glimpse.mturk.server.protocol import signing
from glimpse.mturk.server.protocol import wire as protocol
from glimpse.mturk.server.protocol.errors import RequestError, ServiceFault, SignatureError
from glimpse.mturk.server.protocol.signing import load_keys, verify

TARGET = "MTurkRequesterServiceV20170117."
KEYS = {"KEY": "secret"}


def signed(url, body, operation="GetAccountBalance", *, key="KEY", secret="secret", method="POST", **headers):
    """Return the headers of a request as boto3 signs it."""
    request = AWSRequest(method, url, {"X-Amz-Target": TARGET + operation, **headers}, body)
    SigV4Auth(Credentials(key, secret), "mturk-requester", "us-east-1").add_auth(request)
    return dict(request.headers)


def post(server, body, operation="GetAccountBalance", **change):
    key, secret = next(iter(server.site.keys.items()))
    headers = signed(server.url + "/", body, operation, key=key, secret=secret) | change
    return httpx.post(server.url + "/", content=body, headers=headers, verify=False)


# Signatures


def lowered(headers, host="h:1"):
    return {"host": host, **{name.lower(): value for name, value in headers.items()}}


def test_a_good_signature_is_accepted():
    headers = lowered(signed("http://h:1/", b"{}"))
    assert verify(KEYS, ("POST", "/", ""), headers, b"{}", time.time()) == "KEY"


@pytest.mark.parametrize(
    ("change", "body", "kind", "text"),
    [
        ({"authorization": ""}, b"{}", "MissingAuthenticationTokenException", "not signed"),
        ({}, b"{ }", "InvalidSignatureException", "does not match"),
        ({"x-amz-target": TARGET + "ListHITs"}, b"{}", "InvalidSignatureException", "does not match"),
        ({"host": "other"}, b"{}", "InvalidSignatureException", "does not match"),
        ({"x-amz-date": "20200101T000000Z"}, b"{}", "InvalidSignatureException", "date differ"),
        ({"x-amz-date": "soon"}, b"{}", "IncompleteSignatureException", "malformed"),
        (
            {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"},
            b"{}",
            "InvalidSignatureException",
            "must name host, x-amz-c",
        ),
    ],
)
def test_bad_signatures(change, body, kind, text):
    headers = lowered(signed("http://h:1/", b"{}")) | change
    with pytest.raises(SignatureError, match=text) as raised:
        verify(KEYS, ("POST", "/", ""), headers, body, time.time())
    assert raised.value.kind == kind


def test_the_wrong_key_secret_or_moment():
    good = signed("http://h:1/", b"{}")
    with pytest.raises(SignatureError, match="not one of this server's"):
        verify({"OTHER": "x"}, ("POST", "/", ""), lowered(good), b"{}", time.time())
    with pytest.raises(SignatureError, match="does not match"):
        verify({"KEY": "x"}, ("POST", "/", ""), lowered(good), b"{}", time.time())
    for moment in (time.time() + 1000, time.time() - 1000):
        with pytest.raises(SignatureError, match="15 minutes"):
            verify(KEYS, ("POST", "/", ""), lowered(good), b"{}", moment)


def test_signed_headers_must_be_there():
    headers = lowered(signed("http://h:1/", b"{}", **{"X-More": "1"}))
    del headers["x-more"]
    with pytest.raises(SignatureError, match="only headers that were sent"):
        verify(KEYS, ("POST", "/", ""), headers, b"{}", time.time())
    headers = lowered(signed("http://h:1/", b"{}"))
    headers["authorization"] = headers["authorization"].replace("host;", "")
    with pytest.raises(SignatureError, match="must name host"):
        verify(KEYS, ("POST", "/", ""), headers, b"{}", time.time())


@given(st.text(max_size=300))
def test_any_authorization_header_is_refused_calmly(text):
    with pytest.raises(SignatureError):
        verify(KEYS, ("POST", "/", ""), {"authorization": text, "host": "h"}, b"", 0.0)


def test_boto3_with_a_wrong_secret(server):
    from botocore.exceptions import ClientError

    turk = server.requester(secret="wrong")
    with pytest.raises(ClientError, match="InvalidSignatureException"):
        turk.get_account_balance()
    turk = server.requester(key="WRONG")
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        turk.get_account_balance()


def test_keys_are_made_once_and_kept_private(tmp_path):
    path = tmp_path / "credentials"
    keys = load_keys(path)
    assert load_keys(path) == keys
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text(path.read_text() + "[second]\naws_access_key_id = B\naws_secret_access_key = %c\n")
    assert load_keys(path) == {**keys, "B": "%c"}


@pytest.mark.parametrize(
    ("text", "message"), [("[default]\n", "holds no aws_access_key_id"), ("x", "not an AWS")]
)
def test_a_damaged_credentials_file(tmp_path, text, message):
    (tmp_path / "credentials").write_text(text)
    with pytest.raises(GlimpseError, match=message):
        load_keys(tmp_path / "credentials")


# Bodies


@pytest.mark.parametrize(
    ("operation", "body", "code"),
    [
        ("Nothing", b"{}", "UnknownOperation"),
        ("GetHIT", b"{", "MalformedRequest"),
        ("GetHIT", b"[]", "MalformedRequest"),
        ("GetHIT", b"[" * 100_000, "MalformedRequest"),
        ("GetHIT", b"\xff", "MalformedRequest"),
        ("GetHIT", b'{"HITId": NaN}', "MalformedRequest"),
        ("GetHIT", b"{}", "InvalidParameterValue"),
        ("GetHIT", b'{"HITId": 5}', "InvalidParameterValue"),
        ("GetHIT", b'{"HITId": "A", "More": 1}', "InvalidParameterValue"),
        ("ListHITs", b'{"MaxResults": true}', "InvalidParameterValue"),
        ("ListHITs", b'{"MaxResults": 1e2}', "InvalidParameterValue"),
        ("UpdateExpirationForHIT", b'{"HITId": "A", "ExpireAt": 1e300}', "InvalidParameterValue"),
        ("UpdateExpirationForHIT", b'{"HITId": "A", "ExpireAt": "now"}', "InvalidParameterValue"),
        ("CreateWorkerBlock", b'{"WorkerId": "A1", "Reason": "\\ud800"}', "InvalidParameterValue"),
        ("CreateWorkerBlock", b'{"WorkerId": "A1", "Reason": "\\u0000"}', "InvalidParameterValue"),
        ("CreateWorkerBlock", b'{"WorkerId": "B1", "Reason": ""}', "InvalidParameterValue"),
    ],
)
def test_what_botocore_would_not_send(operation, body, code):
    with pytest.raises(RequestError) as raised:
        protocol.parse(TARGET + operation, body)
    assert raised.value.code == f"AWS.MechanicalTurk.{code}"


def test_null_is_as_good_as_absent(server):
    reply = post(server, b'{"MaxResults": null, "NextToken": null}', "ListHITs")
    assert (reply.status_code, reply.json()["HITs"]) == (200, [])


def test_errors_have_the_form_that_clients_parse(server):
    reply = post(server, b'{"HITId": "A"}', "GetHIT")
    assert reply.status_code == 400
    assert reply.headers["content-type"] == "application/x-amz-json-1.1"
    error = reply.json()
    assert (error["__type"], error["TurkErrorCode"]) == ("RequestError", "AWS.MechanicalTurk.HITDoesNotExist")
    assert post(server, b"{}", **{"X-Amz-Target": "?"}).json()["__type"] == "InvalidSignatureException"
    huge = post(server, b" " * (protocol.MAX_BODY + 1))
    assert huge.json()["TurkErrorCode"] == "AWS.MechanicalTurk.RequestTooLarge"
    assert (
        httpx.post(server.url + "/", verify=False).json()["__type"] == "MissingAuthenticationTokenException"
    )


def test_a_response_that_does_not_fit_the_model_is_not_sent():
    with pytest.raises(ServiceFault, match="NumResults is 'x'"):
        protocol.response("ListHITs", {"NumResults": "x"})
    with pytest.raises(ServiceFault, match="Surprise is not known"):
        protocol.response("GetHIT", {"Surprise": 1})


def test_a_defect_is_a_service_fault_without_details(server, turk, monkeypatch):
    from glimpse.mturk.server.operations import table

    def broken(_tx, _parameters):
        raise ZeroDivisionError("private detail")

    monkeypatch.setitem(table.OPERATIONS, "GetAccountBalance", table.Operation(broken))
    with pytest.raises(turk.exceptions.ServiceFault, match="its log says why") as raised:
        turk.get_account_balance()
    assert "private detail" not in str(raised.value)


def test_a_botocore_without_the_model_says_which_have_it(monkeypatch):
    from botocore.exceptions import UnknownServiceError

    def unknown():
        raise UnknownServiceError(service_name="mturk", known_service_names="s3")

    protocol.model.cache_clear()
    monkeypatch.setattr(protocol.botocore.session, "get_session", unknown)
    with pytest.raises(GlimpseError, match="has no model of MTurk"):
        protocol.model()
    protocol.model.cache_clear()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


def parameters_of(operation):
    """Return a strategy of parameters that have the operation's names, with anything inside."""
    names = list(protocol.model().operation_model(operation).input_shape.members)
    return st.dictionaries(st.sampled_from(names), JSON, max_size=8) if names else st.just({})


@given(
    st.sampled_from(list(protocol.model().operation_names)).flatmap(
        lambda o: st.tuples(st.just(o), parameters_of(o))
    )
)
@settings(max_examples=300)
def test_any_parameters_parse_or_are_refused(call):
    operation, parameters = call
    try:
        name, parsed = protocol.parse(TARGET + operation, json.dumps(parameters).encode())
    except RequestError:
        return
    assert (name, parsed) == (operation, parameters)


def values_of(shape):  # noqa: PLR0911 - one a type
    """Return a strategy of values that the model allows, small and odd."""
    kind = shape.type_name
    if kind == "structure":
        required = {name: values_of(shape.members[name]) for name in shape.required_members}
        optional = {name: values_of(inner) for name, inner in shape.members.items() if name not in required}
        return st.fixed_dictionaries(required, optional=optional)
    if kind == "list":
        return st.lists(values_of(shape.member), max_size=3)
    if kind == "boolean":
        return st.booleans()
    if kind == "timestamp":
        return st.floats(0, 3e9)
    if kind in {"integer", "long"}:
        low, high = shape.metadata.get("min", -(2**31)), shape.metadata.get("max", 2**31 - 1)
        return st.integers(low, high) | st.sampled_from([max(low, 1), max(low, 60)])
    if shape.enum:
        return st.sampled_from(shape.enum)
    if "pattern" in shape.metadata:
        return st.from_regex(shape.metadata["pattern"], fullmatch=True).filter(lambda text: len(text) <= 64)
    text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=64)
    return text | st.sampled_from(["W1tbW1tb", "WyJzZXEiLDFd"])


CALLS = st.sampled_from(list(protocol.model().operation_names)).flatmap(
    lambda name: st.tuples(st.just(name), values_of(protocol.model().operation_model(name).input_shape))
)


@given(st.lists(CALLS, max_size=6))
@settings(max_examples=60)
def test_any_sequence_of_valid_calls_answers_by_the_model(server, calls):
    """Straight through the operations: a refusal or a result that fits, never a defect."""
    import asyncio

    from glimpse.mturk.server.app import run

    for name, parameters in calls:
        try:
            json.loads(asyncio.run(run(server.site, name, parameters)))
        except RequestError:
            continue


def test_the_region_and_service_are_checked():
    request = AWSRequest("POST", "http://h:1/", {}, b"")
    SigV4Auth(Credentials("KEY", "secret"), "s3", "us-east-1").add_auth(request)
    with pytest.raises(SignatureError, match="us-east-1/mturk-requester"):
        signing.verify(KEYS, ("POST", "/", ""), lowered(dict(request.headers)), b"", time.time())
