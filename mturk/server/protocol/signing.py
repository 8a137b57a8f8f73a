"""The server's keys, and the check that a request was signed with one of them (AWS Signature Version 4).

Signatures are recomputed by botocore's own signer, so that whatever boto3 can sign is understood.
"""

from __future__ import annotations

import configparser
import hashlib
import hmac
import io
import re
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from glimpse.errors import GlimpseError
from glimpse.files import write_whole

from .errors import SignatureError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SKEW_S = 15 * 60
_DIGEST = re.compile(r"[0-9a-f]{64}")
# What decides what is done must be signed: else a signed request could be turned into another.
_DECIDING = {"x-amz-target", "x-amz-content-sha256", "x-amz-security-token"}
_FORM = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,\s]{1,128})/(?P<day>\d{8})/(?P<region>[a-z0-9-]{1,32})/"
    r"(?P<service>[a-z0-9-]{1,32})/aws4_request,\s*SignedHeaders=(?P<headers>[a-z0-9;-]{1,512}),\s*"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)


def load_keys(path: Path) -> dict[str, str]:
    """Return access key -> secret key from an AWS shared-credentials file; without one, a pair is made.

    Every profile of the file counts, so a second key is added by adding a profile. Readable by its owner
    only. GlimpseError when the file cannot be understood.
    """
    if not path.exists():
        write_whole(path, _generated(), mode=0o600)
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (configparser.Error, UnicodeDecodeError) as error:
        raise GlimpseError(f"{path} is not an AWS credentials file: {error}") from None
    keys = {
        section["aws_access_key_id"]: section["aws_secret_access_key"]
        for section in parser.values()
        if section.get("aws_access_key_id", "").strip() and section.get("aws_secret_access_key", "").strip()
    }
    if not keys:
        raise GlimpseError(
            f"{path} holds no aws_access_key_id with its aws_secret_access_key. Delete the file to "
            "have a new pair made, or write one there."
        )
    return keys


def _generated() -> str:
    parser = configparser.ConfigParser(interpolation=None)
    parser["default"] = {
        "aws_access_key_id": "GLIMPSE" + secrets.token_hex(8).upper()[:13],
        "aws_secret_access_key": secrets.token_urlsafe(30),
        "region": "us-east-1",
    }
    text = io.StringIO()
    parser.write(text)
    return text.getvalue()


def claim(keys: Mapping[str, str], headers: Mapping[str, str], now: float) -> re.Match[str]:
    """Return what the Authorization header claims, as far as it can be judged before a body is read.

    SignatureError where a key, a moment or the list of signed headers is wrong: then no byte of the body is
    worth the memory. Arguments as in `verify`.
    """
    found = _FORM.fullmatch(headers.get("authorization", ""))
    if found is None:
        raise SignatureError(
            "The request is not signed (AWS4-HMAC-SHA256).", "MissingAuthenticationTokenException"
        )
    if found["key"] not in keys:
        raise SignatureError(
            "The access key is not one of this server's. They stand in `credentials` in its data folder.",
            "UnrecognizedClientException",
        )
    _check_moment(headers.get("x-amz-date", ""), found["day"], now)
    if (found["region"], found["service"]) != ("us-east-1", "mturk-requester"):
        raise SignatureError("Credential should be scoped to us-east-1/mturk-requester.")
    signed = set(found["headers"].split(";"))
    needed = {"host", "x-amz-date", *(_DECIDING & set(headers))}
    if not needed <= signed or not signed <= set(headers):
        raise SignatureError(
            f"SignedHeaders must name {', '.join(sorted(needed))}, and only headers that were sent."
        )
    return found


def verify(
    keys: Mapping[str, str],
    request: tuple[str, str, str],
    headers: Mapping[str, str],
    body: bytes | None,
    now: float,
) -> str:
    """Return the access key that signed a request; SignatureError when none of `keys` did.

    `request` is (method, path, query string); `headers` have lower-case names; `now` is the wall clock in
    epoch seconds, from which a signature may differ by 15 minutes. `body` None is one that is not read yet:
    then X-Amz-Content-SHA256 must be signed, and `check_digest` follows. Else what was signed has arrived.
    """
    found = claim(keys, headers, now)
    if body is not None:
        check_digest(headers, hashlib.sha256(body).hexdigest())
    elif not _DIGEST.fullmatch(headers.get("x-amz-content-sha256", "")):
        raise SignatureError("X-Amz-Content-SHA256 must be sent, and signed: the digest of the body.")
    key, stamp = found["key"], headers["x-amz-date"]
    method, path, query = request
    url = f"http://{headers['host']}{path}" + (f"?{query}" if query else "")
    # The signer takes the digest that the header states, where it states one.
    signed = {name: headers[name] for name in found["headers"].split(";")}
    again = AWSRequest(method, url, signed, body or b"")
    again.context["timestamp"] = stamp
    signer = SigV4Auth(Credentials(key, keys[key]), found["service"], found["region"])
    text = signer.string_to_sign(again, signer.canonical_request(again))
    if not hmac.compare_digest(signer.signature(text, again), found["signature"]):
        raise SignatureError(
            "The request signature we calculated does not match the signature you provided. Check the secret "
            "key, and that a proxy in front passes Host on unchanged."
        )
    return key


def _check_moment(stamp: str, day: str, now: float) -> None:
    try:
        signed_at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise SignatureError("X-Amz-Date is missing or malformed.", "IncompleteSignatureException") from None
    if not stamp.startswith(day):
        raise SignatureError("X-Amz-Date and the credential's date differ.")
    if abs(now - signed_at) > SKEW_S:
        raise SignatureError(f"Signature expired: {stamp} is more than 15 minutes from the server's clock.")


def check_digest(headers: Mapping[str, str], digest: str) -> None:
    """Raise SignatureError where X-Amz-Content-SHA256 is sent, and not `digest`, that of the body."""
    stated = headers.get("x-amz-content-sha256")
    if stated is not None and stated != digest:
        raise SignatureError("X-Amz-Content-SHA256 is not the digest of what arrived.")
