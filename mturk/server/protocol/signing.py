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
        if "aws_access_key_id" in section and "aws_secret_access_key" in section
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


def verify(
    keys: Mapping[str, str],
    request: tuple[str, str, str],
    headers: Mapping[str, str],
    body: bytes,
    now: float,
) -> str:
    """Return the access key that signed a request; SignatureError when none of `keys` did.

    `request` is (method, path, query string); `headers` have lower-case names; `now` is the wall clock in
    epoch seconds, from which a signature may differ by 15 minutes. The body's digest is always checked, so
    what was signed is what arrived.
    """
    found = _FORM.fullmatch(headers.get("authorization", ""))
    if found is None:
        raise SignatureError(
            "The request is not signed (AWS4-HMAC-SHA256).", "MissingAuthenticationTokenException"
        )
    key, signed = found["key"], found["headers"].split(";")
    if key not in keys:
        raise SignatureError(
            "The access key is not one of this server's. They stand in `credentials` in its data folder.",
            "UnrecognizedClientException",
        )
    stamp = headers.get("x-amz-date", "")
    _check_moment(stamp, found["day"], now)
    if (found["region"], found["service"]) != ("us-east-1", "mturk-requester"):
        raise SignatureError("Credential should be scoped to us-east-1/mturk-requester.")
    if not {"host", "x-amz-date"} <= set(signed) or not set(signed) <= set(headers):
        raise SignatureError("SignedHeaders must name host and x-amz-date, and only headers that were sent.")
    _check_digest(headers.get("x-amz-content-sha256"), body)
    method, path, query = request
    url = f"http://{headers['host']}{path}" + (f"?{query}" if query else "")
    again = AWSRequest(method, url, {name: headers[name] for name in signed}, body)
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


def _check_digest(stated: str | None, body: bytes) -> None:
    if stated is not None and stated != hashlib.sha256(body).hexdigest():
        raise SignatureError("X-Amz-Content-SHA256 is not the digest of what arrived.")
