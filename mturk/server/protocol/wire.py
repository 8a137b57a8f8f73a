"""AWS JSON 1.1: a request in, an operation's parameters out; a result in, a response out. Pure.

Everything is checked against botocore's own service model of MTurk, in both directions, with what botocore
leaves unchecked: maxima, patterns, enumerations.
"""

from __future__ import annotations

import json
import logging
import math
import re
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn, cast

import botocore.session
from botocore.exceptions import UnknownServiceError

from glimpse.errors import GlimpseError

from .errors import RequestError, ServiceFault, SignatureError

if TYPE_CHECKING:
    from botocore.model import ListShape, ServiceModel, Shape, StringShape, StructureShape

_log = logging.getLogger("mturk.server")

CONTENT_TYPE = "application/x-amz-json-1.1"
MAX_BODY = 1_048_576
_MAX_STRING = 200_000
_MAX_TIMESTAMP = 253_402_300_799
_RANGES = {"integer": 2**31, "long": 2**63}


@cache
def model() -> ServiceModel:
    """Return botocore's model of MTurk; GlimpseError when this botocore has none."""
    try:
        return botocore.session.get_session().get_service_model("mturk")
    except UnknownServiceError:
        raise GlimpseError(
            f"botocore {botocore.__version__} has no model of MTurk. Install one that has: "
            "pip install 'botocore>=1.34,<=1.44.5' 'boto3>=1.34,<=1.44.5'."
        ) from None


def parse(target: str, body: bytes) -> tuple[str, dict[str, Any]]:
    """Return the operation that a request names and its parameters; RequestError when either is not valid."""
    prefix, _, name = target.rpartition(".")
    if prefix != model().metadata["targetPrefix"] or name not in model().operation_names:
        raise RequestError(f"There is no operation {target[:100]!r}.", "UnknownOperation")
    try:
        parameters = json.loads(body or b"{}", parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        reason = error if isinstance(error, ValueError) else "nested too deeply"
        raise RequestError(f"The request is not JSON: {reason}.", "MalformedRequest") from None
    if not isinstance(parameters, dict):
        raise RequestError("The request is not a JSON object.", "MalformedRequest")
    shape = model().operation_model(name).input_shape
    problem = mismatch(shape, parameters, "") if shape else None
    if problem:
        raise RequestError(problem, "InvalidParameterValue")
    return name, parameters


def response(name: str, result: dict[str, Any]) -> bytes:
    """Return the body of an operation's response; ServiceFault when the result does not fit the model.

    Of a list, what does not fit is left out and named in the log: one bad record must not stop the others.
    """
    shape = model().operation_model(name).output_shape
    if shape:
        members = shape.members
        lists = {key: value for key, value in result.items() if key in members and isinstance(value, list)}
        problem = mismatch(shape, {**result, **{key: [] for key in lists}}, "", received=False)
        if problem:
            raise ServiceFault(
                f"The server made a response of {name} that its model does not allow: {problem}"
            )
        for key, records in lists.items():
            fitting = _fitting(f"{name}: {key}", cast("ListShape", members[key]).member, records)
            result = {**result, key: fitting}
            if "NumResults" in result:
                result["NumResults"] = len(fitting)
    return json.dumps(result, separators=(",", ":")).encode()


def _fitting(where: str, shape: Shape, records: list[Any]) -> list[Any]:
    """Return the records that the model allows; the log names the others."""
    kept = []
    for place, record in enumerate(records):
        problem = mismatch(shape, record, f"{where}[{place}]", received=False)
        if problem:
            named = {key: value for key, value in record.items() if key.endswith("Id")}
            _log.error("%s Left out: %s", problem, _short(named))
        else:
            kept.append(record)
    return kept


def error_body(error: RequestError | SignatureError | ServiceFault, now: float) -> tuple[int, bytes]:
    """Return the HTTP status and body that tell a client of an error; `now` is in epoch seconds."""
    if isinstance(error, SignatureError):
        return 400, json.dumps({"__type": error.kind, "message": error.message}).encode()
    if isinstance(error, RequestError):
        text = f"{error.message} ({round(now * 1000)} s {error.code})"
        return 400, json.dumps(
            {"__type": "RequestError", "Message": text, "TurkErrorCode": error.code}
        ).encode()
    text = f"{error} ({round(now * 1000)} s)"
    return 500, json.dumps(
        {"__type": "ServiceFault", "Message": text, "TurkErrorCode": "AWS.ServiceUnavailable"}
    ).encode()


def mismatch(shape: Shape, value: Any, path: str, *, received: bool = True) -> str | None:
    """Return how a JSON value differs from what the model allows, or None.

    Texts for which the model states no maximum have our own where they are `received`. What was taken is
    never too long to be told.
    """
    if shape.type_name == "structure":
        return _structure(shape, value, path, received=received)
    if shape.type_name == "list":
        return _list(shape, value, path, received=received)
    if shape.type_name == "string":
        return _string(shape, value, path, _MAX_STRING if received else math.inf)
    check = {"integer": _integer, "long": _integer, "boolean": _boolean, "timestamp": _timestamp}
    return check[shape.type_name](shape, value, path)


def _structure(shape: Shape, value: Any, path: str, *, received: bool) -> str | None:
    shape = cast("StructureShape", shape)
    if not isinstance(value, dict):
        return _wrong(path, value, "an object")
    for name in shape.required_members:
        if value.get(name) is None:
            return f"{_join(path, name)} is required."
    for name, inner in value.items():
        if name not in shape.members:
            return f"{_join(path, name)} is not known; known here: {', '.join(shape.members)}."
        if inner is None:
            continue
        problem = mismatch(shape.members[name], inner, _join(path, name), received=received)
        if problem:
            return problem
    return None


def _list(shape: Shape, value: Any, path: str, *, received: bool) -> str | None:
    shape = cast("ListShape", shape)
    if not isinstance(value, list):
        return _wrong(path, value, "a list")
    for number, inner in enumerate(value):
        problem = mismatch(shape.member, inner, f"{path}[{number}]", received=received)
        if problem:
            return problem
    return None


def _string(shape: Shape, value: Any, path: str, longest: float) -> str | None:
    shape = cast("StringShape", shape)
    if not isinstance(value, str):
        return _wrong(path, value, "a string")
    if longest < math.inf and ("\0" in value or not _encodable(value)):
        return f"{path} holds characters that cannot be stored."
    if shape.enum and value not in shape.enum:
        return f"{path} is {_short(value)}; allowed: {', '.join(shape.enum)}."
    low, high = shape.metadata.get("min", 0), shape.metadata.get("max", longest)
    if not low <= len(value) <= high:
        return f"{path} has {len(value)} characters; allowed: {low} to {high}."
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(pattern, value):
        return f"{path} is {_short(value)}, which does not match {pattern}."
    return None


def _integer(shape: Shape, value: Any, path: str) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return _wrong(path, value, "an integer")
    bound = _RANGES[shape.type_name]
    low, high = shape.metadata.get("min", -bound), shape.metadata.get("max", bound - 1)
    return None if low <= value <= high else f"{path} is {value}; allowed: {low} to {high}."


def _boolean(_shape: Shape, value: Any, path: str) -> str | None:
    return None if isinstance(value, bool) else _wrong(path, value, "true or false")


def _timestamp(_shape: Shape, value: Any, path: str) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return _wrong(path, value, "a number of epoch seconds")
    return None if 0 <= value <= _MAX_TIMESTAMP else f"{path} is {value}, which is no date."


def _wrong(path: str, value: Any, allowed: str) -> str:
    return f"{path or 'The request'} is {_short(value)}; allowed: {allowed}."


def _join(path: str, name: str) -> str:
    return f"{path}.{name[:80]}" if path else name[:80]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")
