"""The client of an endpoint: local, sandbox or production, through the same boto3.

`connect` returns a `Requester`, whose `call` and `pages` are the only ways in which Glimpse speaks to an
endpoint. Throttling and connections that break are retried with back-off by botocore itself; every call that
costs money carries a token, so that a retry never pays twice. What remains becomes an error in words:

    GlimpseError
    ├── EndpointError       nobody answers, or not with this protocol
    ├── CredentialsError    no keys, or keys that are refused
    └── TurkError           the endpoint refused the request; `.code` is its TurkErrorCode
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glimpse.errors import GlimpseError
from glimpse.program import program

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICE = "mturk-requester"
REGION = "us-east-1"
LOCAL_URL = "http://127.0.0.1:8080"
NAMES = ("local", "sandbox", "production")
URLS = {
    "sandbox": "https://mturk-requester-sandbox.us-east-1.amazonaws.com",
    "production": "https://mturk-requester.us-east-1.amazonaws.com",
}
WORKER_SITES = {"sandbox": "https://workersandbox.mturk.com", "production": "https://worker.mturk.com"}
ATTEMPTS = 8

HIT_EXISTS = "AWS.MechanicalTurk.HitAlreadyExists"
WRONG_STATE = "AWS.MechanicalTurk.InvalidAssignmentState"
KEY_ERRORS = (
    "AccessDeniedException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "UnrecognizedClientException",
)
CLOCK_ERRORS = ("RequestExpired", "RequestTimeTooSkewed")
NO_MORE_PLACES = (
    "AWS.MechanicalTurk.InvalidMaximumAssignmentsIncrease",
    "AWS.MechanicalTurk.HITTooOldForExtension",
)


class EndpointError(GlimpseError):
    """Nobody answers at the endpoint, or not as MTurk would."""


class CredentialsError(GlimpseError):
    """There are no keys for the endpoint, or it refuses them."""


class TurkError(GlimpseError):
    """The endpoint refused a request; `code` is its TurkErrorCode or AWS error code, `detail` its message."""

    def __init__(self, operation: str, code: str, detail: str) -> None:
        super().__init__(f"{operation} was refused: {detail}" + ("" if code in detail else f" ({code})"))
        self.operation, self.code, self.detail = operation, code, detail


@dataclass(frozen=True)
class Endpoint:
    """Where requests go: one of `NAMES`, its URL, and for `local` the server's data folder.

    `public_url` is where people find a local server that stands behind a proxy.
    """

    name: str
    url: str
    data: Path
    public_url: str | None = None

    @property
    def costs_money(self) -> bool:
        """Whether publishing here spends real money."""
        return self.name == "production"

    @property
    def at_once(self) -> int:
        """How many requests it may be sent at once; Amazon answered more than one by throttling."""
        return 4 if self.name == "local" else 1

    @property
    def worker_site(self) -> str:
        """The address of the workers' site."""
        return WORKER_SITES.get(self.name, f"{self.people_url}/worker/")

    @property
    def people_url(self) -> str:
        """The address under which people, not requests, come."""
        return self.public_url or self.url


def endpoint(name: str, url: str | None = None, data: Path = Path("server")) -> Endpoint:
    """Return an endpoint by name; `url` replaces the known address.

    Without `url`, `local` is where the server running on `data` says it is, or else `LOCAL_URL`; the same
    folder says where a proxy shows it to people.
    """
    if name not in NAMES:
        raise GlimpseError(f"no endpoint {name!r}; there are {', '.join(NAMES)}")
    if url is not None and not url.startswith(("http://", "https://")):
        raise GlimpseError(f"--endpoint {url}: an address starts with http:// or https://")
    public = None
    if url is None and name == "local":
        url, public = said(data / "endpoint") or LOCAL_URL, said(data / "public-url")
    return Endpoint(name, (url or URLS[name]).rstrip("/"), data, public)


def said(path: Path) -> str | None:
    """Return what a running server wrote into a file of its folder; None where there is no such file."""
    return path.read_text(encoding="utf-8").strip() if path.exists() else None


class Requester:
    """A boto3 MTurk client whose refusals are `TurkError`s and whose other failures are in words."""

    def __init__(self, target: Endpoint, client: Any) -> None:
        self.endpoint = target
        self.client = client

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Call one operation by its name in the service model, for example `GetHIT`."""
        from botocore import xform_name

        try:
            answer: dict[str, Any] = getattr(self.client, xform_name(operation))(**arguments)
        except Exception as error:
            raise _readable(error, operation, self.endpoint) from error
        return answer

    def pages(self, operation: str, key: str, **arguments: Any) -> Iterator[list[dict[str, Any]]]:
        """Yield the lists under `key`, page after page, 100 entries each, until the endpoint has no more."""
        arguments.setdefault("MaxResults", 100)
        while True:
            answer = self.call(operation, **arguments)
            yield answer.get(key, [])
            if not answer.get("NextToken"):
                return
            arguments["NextToken"] = answer["NextToken"]


def connect(target: Endpoint, *, attempts: int = ATTEMPTS) -> Requester:
    """Return a client of the endpoint; nothing is sent yet.

    Raises CredentialsError when there are no keys, GlimpseError when botocore does not know MTurk.
    """
    return Requester(target, service(target, "mturk", url=target.url, attempts=attempts))


def service(
    target: Endpoint, name: str, *, url: str | None = None, region: str = REGION, attempts: int = ATTEMPTS
) -> Any:
    """Return a boto3 client of an AWS service with our way of retrying.

    Its keys are the endpoint's for MTurk, and for every other service those that AWS tools find: our own
    server has no other.
    """
    import botocore
    from botocore.config import Config
    from botocore.exceptions import UnknownServiceError

    chosen = session(target) if name == "mturk" else aws_session(f"the images ({name})")
    # Standard mode: exponential back-off with jitter on throttling, 5xx and broken connections.
    config = Config(retries={"mode": "standard", "total_max_attempts": attempts}, region_name=region)
    try:
        return chosen.client(name, endpoint_url=url, config=config)
    except UnknownServiceError:
        raise GlimpseError(
            f"botocore {botocore.__version__} does not know the service {name!r}. "
            "Versions 1.5.19 to 1.44.5 do: pip install 'boto3<=1.44.5' 'botocore<=1.44.5'"
        ) from None


def session(target: Endpoint) -> Any:
    """Return a boto3 session with the endpoint's keys: the local server's, or those that AWS tools find."""
    if target.name == "local":
        key, secret = local_keys(target.data)
        return _boto3_session(aws_access_key_id=key, aws_secret_access_key=secret)
    return aws_session(f"--to {target.name}")


def _boto3_session(**keys: str) -> Any:
    """Return a boto3 session that reads times fast: they take botocore half of the time of a long list."""
    import boto3
    from botocore.session import get_session

    below = get_session()
    # The AWS CLI sets a parser of its own in the same way.
    below.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_moment)
    return boto3.Session(botocore_session=below, region_name=REGION, **keys)


def _moment(value: Any) -> datetime:
    """Return a time of the protocol, in seconds, in UTC; what is written otherwise, as botocore does.

    >>> _moment(1767323045.5)
    datetime.datetime(2026, 1, 2, 3, 4, 5, 500000, tzinfo=datetime.timezone.utc)
    """
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value, UTC)
    from botocore.utils import parse_timestamp

    parsed: datetime = parse_timestamp(value)
    return parsed


def aws_session(purpose: str) -> Any:
    """Return a boto3 session with the keys that AWS tools find; CredentialsError where there are none."""
    from botocore.exceptions import BotoCoreError

    try:
        found = _boto3_session()
        credentials = found.get_credentials()
    except BotoCoreError as error:
        raise CredentialsError(f"AWS credentials cannot be read: {error}") from None
    if credentials is None:
        raise CredentialsError(
            f"no AWS credentials found for {purpose}. Set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or run `aws configure`. --to local needs no account."
        )
    return found


def local_keys(data: Path) -> tuple[str, str]:
    """Return the key pair that the local server wrote to `<data>/credentials` on its first start."""
    import configparser

    path = data / "credentials"
    if not path.exists():
        raise CredentialsError(
            f"{path} does not exist: the local server writes it on its first start. "
            f"Start it in another terminal: {program()} serve{data_option(data)}"
        )
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
        profile = parser["default"]
        return profile["aws_access_key_id"], profile["aws_secret_access_key"]
    except (configparser.Error, KeyError, UnicodeDecodeError) as error:
        raise CredentialsError(f"{path}: not a credentials file with a [default] profile: {error}") from None


def data_option(data: Path) -> str:
    """Return what a command needs to find a server's folder, with a space before it."""
    return "" if data == Path("server") else f" --data {shlex.quote(str(data))}"


def _readable(error: Exception, operation: str, target: Endpoint) -> Exception:
    """Return what to raise for whatever botocore raised."""
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        return _refusal(error.response, operation, target)
    if isinstance(error, (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError)):
        return nobody_answers(target)
    if isinstance(error, exceptions.NoCredentialsError):
        return CredentialsError(f"no AWS credentials found for {target.name}. --to local needs no account.")
    if isinstance(error, exceptions.ParamValidationError):
        return GlimpseError(f"{operation}: {error}")
    if isinstance(error, exceptions.BotoCoreError):
        return EndpointError(f"{operation} at {target.url} failed: {error}")
    return error


def nobody_answers(target: Endpoint) -> EndpointError:
    """Return the error for an endpoint that cannot be reached."""
    if target.name == "local":
        return EndpointError(
            f"nobody answers at {target.url}. Start the server in another terminal: "
            f"{program()} serve{data_option(target.data)}"
        )
    return EndpointError(
        f"nobody answers at {target.url}. Amazon's documentation says that Mechanical Turk and its sandbox "
        "closed on 2026-09-30; --to local needs neither, and --endpoint URL names a compatible server."
    )


def _refusal(response: Any, operation: str, target: Endpoint) -> GlimpseError:
    error = response.get("Error", {})
    code = str(response.get("TurkErrorCode") or error.get("Code") or "unknown")
    detail = str(response.get("Message") or error.get("Message") or "no reason given")
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if code in CLOCK_ERRORS or "Signature expired" in detail:
        return EndpointError(
            f"the clocks of this machine and of {target.url} differ too much; set them right ({detail})"
        )
    if status in (401, 403) or code in KEY_ERRORS:
        where = f"{target.data}/credentials" if target.name == "local" else "the AWS credentials"
        return CredentialsError(f"{target.url} refuses the keys in {where}: {detail} ({code})")
    return TurkError(operation, code, detail)
