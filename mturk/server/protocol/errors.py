"""What the server refuses, in the form in which MTurk refuses.

GlimpseError
  RequestError     the request is wrong: HTTP 400, client.exceptions.RequestError
  SignatureError     the signature is missing, wrong or expired: HTTP 400, as AWS names it
  ServiceFault     the server failed (disk full): HTTP 500, which boto3 repeats by itself
"""

from __future__ import annotations

from glimpse.errors import GlimpseError

PREFIX = "AWS.MechanicalTurk."


class RequestError(GlimpseError):
    """A call or a form that cannot be done; `code` is the TurkErrorCode without its prefix."""

    def __init__(self, message: str, code: str = "InvalidParameterValue") -> None:
        super().__init__(message)
        self.message = message
        self.code = PREFIX + code


class SignatureError(GlimpseError):
    """A signature that was not made with a key of this server; `kind` is the name that AWS gives it."""

    def __init__(self, message: str, kind: str = "InvalidSignatureException") -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind


class ServiceFault(GlimpseError):  # noqa: N818 - the name that MTurk gives it
    """The server could not do what it should; nothing was stored."""


def missing(kind: str, identifier: str) -> RequestError:
    """Return the error for an id that the server does not know, as MTurk words it."""
    return RequestError(f"{kind} {identifier} does not exist.", f"{kind}DoesNotExist")


def wrong_state(status: str, *allowed: str) -> RequestError:
    """Return the error for an assignment that is not in one of the `allowed` states."""
    return RequestError(
        f"This operation can be called with a status of: {','.join(allowed)} (found: {status}).",
        "InvalidAssignmentState",
    )
