"""Where the images live: the local server, an S3 bucket, or an address of your own.

A hosting puts a study's images under their opaque names and returns the base URL to which a page adds
`<stimulus>.<ext>`. Hosting twice does nothing twice: names and bytes of a stimulus never change.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol

from glimpse.errors import GlimpseError
from glimpse.images import content_type

from .client import REGION, Endpoint, service
from .own_server import TIMEOUT_S, ask, signer
from .several import each

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import httpx

    from glimpse.progress import Track
    from glimpse.study import Study


PART_BYTES = 262_144


@dataclass(frozen=True)
class Image:
    """One image to host: its opaque name, where it lies, its digest."""

    name: str
    path: Path
    sha256: str

    @property
    def content_type(self) -> str:
        """The MIME type that goes with the name."""
        return content_type(self.name)


@dataclass(frozen=True)
class FileParts:
    """A file as the body of a request, a part at a time: several large clips at once fill no memory."""

    path: Path

    def __iter__(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            while part := file.read(PART_BYTES):
                yield part


class Hosting(Protocol):
    """A place for images."""

    def base_url(self, study: str, /) -> str:
        """Return the address, ending in `/`, under which a study's images are found."""

    def host(self, study: str, images: Sequence[Image], track: Track, /) -> None:
        """Put the images there, or see that they are there; GlimpseError when they are not."""


def images_of(study: Study) -> list[Image]:
    """Return a study's images; GlimpseError names the first that is missing or changed."""
    study.check_images()
    return [
        Image(stimulus.file, study.image_path(name), stimulus.sha256)
        for name, stimulus in study.stimuli.items()
    ]


class LocalHosting:
    """The local server: `PUT /media/<study>/<file>`, signed with its key.

    Pages are served by the same server, so that the base is a path: it holds under every name of the server.
    """

    def __init__(self, target: Endpoint) -> None:
        self.target = target

    def base_url(self, study: str) -> str:
        """Return `/media/<study>/`."""
        return f"/media/{study}/"

    def host(self, study: str, images: Sequence[Image], track: Track) -> None:
        """Upload every image."""
        import httpx

        sign = signer(self.target)
        with httpx.Client(timeout=TIMEOUT_S) as client:

            def put(image: Image) -> None:
                url = f"{self.target.url}/media/{study}/{image.name}"
                digest = {
                    "Content-Type": image.content_type,
                    "Content-Length": str(image.path.stat().st_size),
                    "X-Amz-Content-SHA256": image.sha256,
                }
                response = ask(
                    self.target, client, "PUT", url,
                    headers=lambda: sign("PUT", url, b"", digest), content=FileParts(image.path),
                )  # fmt: skip
                if response.status_code not in (200, 201, 204):
                    said = f"{response.status_code}: {response.text[:200]}"
                    raise GlimpseError(f"{url}: the server refused {image.path} ({said})")

            each(put, images, "Uploading images", track)

    def missing(self, study: str, names: Sequence[str], track: Track) -> list[str]:
        """Return which of a study's images are not there, whatever was hosted before."""
        import httpx

        with httpx.Client(timeout=TIMEOUT_S) as client:

            def absent(name: str) -> bool:
                found = ask(self.target, client, "HEAD", f"{self.target.url}/media/{study}/{name}")
                return found.status_code != httpx.codes.OK

            answers = each(absent, names, "Checking images", track)
        return [name for name, gone in zip(names, answers, strict=True) if gone]


class S3Hosting:
    """An S3 bucket (or a compatible store, with `url`), keys `<prefix>/<study>/<file>`.

    The bucket must let everybody read these objects; after the upload one is fetched as a browser would.
    """

    def __init__(
        self, target: Endpoint, bucket: str, prefix: str = "glimpse", url: str | None = None
    ) -> None:
        self.target, self.bucket, self.prefix, self.url = target, bucket, prefix.strip("/"), url
        self._region: str | None = None

    def base_url(self, study: str) -> str:
        """Return the bucket's public address and the study's folder in it."""
        key = f"{self.prefix}/{study}/" if self.prefix else f"{study}/"
        if self.url:
            return f"{self.url.rstrip('/')}/{self.bucket}/{key}"
        if "." in self.bucket:  # no certificate covers such a host name
            return f"https://s3.{self.region()}.amazonaws.com/{self.bucket}/{key}"
        return f"https://{self.bucket}.s3.{self.region()}.amazonaws.com/{key}"

    def region(self) -> str:
        """Return the bucket's region; GlimpseError when the bucket cannot be reached."""
        if self._region is None:
            from botocore.exceptions import BotoCoreError, ClientError

            try:
                answer = self._client(REGION).head_bucket(Bucket=self.bucket)
                self._region = str(answer.get("BucketRegion") or REGION)
            except ClientError as error:
                found = (
                    error.response.get("ResponseMetadata", {})
                    .get("HTTPHeaders", {})
                    .get("x-amz-bucket-region")
                )
                code = error.response.get("Error", {}).get("Code", "")
                if code in ("404", "403", "NoSuchBucket") or not found:
                    raise GlimpseError(
                        f"S3 bucket {self.bucket}: {_S3_CODES.get(code, str(error))}"
                    ) from None
                self._region = str(found)
            except BotoCoreError as error:
                raise GlimpseError(f"S3 bucket {self.bucket}: {error}") from None
        return self._region

    def _client(self, region: str) -> Any:
        return service(self.target, "s3", url=self.url, region=region)

    def host(self, study: str, images: Sequence[Image], track: Track) -> None:
        """Upload what is not there yet, then fetch one image without credentials."""
        from botocore.exceptions import BotoCoreError, ClientError

        client = self._client(self.region())
        folder = f"{self.prefix}/{study}/" if self.prefix else f"{study}/"

        def put(image: Image) -> None:
            key = folder + image.name
            if _stored_digest(client, self.bucket, key) == image.sha256:
                return
            with image.path.open("rb") as body:
                client.put_object(
                    Bucket=self.bucket,
                    Key=key,
                    Body=body,
                    ContentType=image.content_type,
                    CacheControl="public, max-age=31536000, immutable",
                    Metadata={"sha256": image.sha256},
                )

        try:
            each(put, images, "Uploading images", track)
        except (ClientError, BotoCoreError) as error:
            raise GlimpseError(f"S3 bucket {self.bucket}: uploading failed: {error}") from None
        check_reachable(
            self.base_url(study), images[:1], lambda items, *_: items, hint=_public_hint(self.bucket, folder)
        )


_S3_CODES = {
    "404": "there is no such bucket; create it, or check the name",
    "NoSuchBucket": "there is no such bucket; create it, or check the name",
    "403": "these credentials may not use it",
}


def _public_hint(bucket: str, folder: str) -> str:
    return (
        "Workers' browsers must be able to read it: turn off 'Block public access' for the bucket and give "
        f"it a policy that allows s3:GetObject on arn:aws:s3:::{bucket}/{folder}* to everybody"
    )


def _stored_digest(client: Any, bucket: str, key: str) -> str | None:
    from botocore.exceptions import ClientError

    try:
        found = client.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404):
            return None
        raise
    return str(found.get("Metadata", {}).get("sha256", "")) or None


class PrefixHosting:
    """An address of your own, to which you copy `study/images/*` yourself; here it is only checked."""

    def __init__(self, prefix: str, *, secure: bool) -> None:
        if not prefix.startswith(("http://", "https://")):
            raise GlimpseError(f"--image-url-prefix {prefix}: an address starts with https:// or http://")
        if secure and not prefix.startswith("https://"):
            raise GlimpseError(
                f"--image-url-prefix {prefix}: the worker's page is served by https, and browsers load "
                "no images by http into it; allowed is https://"
            )
        self.prefix = prefix.rstrip("/") + "/"

    def base_url(self, _study: str) -> str:
        """Return the address as given."""
        return self.prefix

    def host(self, _study: str, images: Sequence[Image], track: Track) -> None:
        """See that every image is there with the right size, and three of them byte for byte."""
        check_reachable(self.prefix, images, track, hint="Copy the files of study/images/ there")


def check_reachable(base: str, images: Sequence[Image], track: Track, *, hint: str) -> None:
    """Fetch images as a browser would; GlimpseError names how many are not as they should be, and the first.

    Sizes are compared for all of them, by HEAD where the server answers it; the first, middle and last are
    fetched and compared byte for byte.
    """
    import httpx

    whole = {images[index].name for index in (0, len(images) // 2, -1)}
    with httpx.Client(timeout=TIMEOUT_S, follow_redirects=True) as client:
        problems: list[str] = []

        def check(image: Image) -> None:
            try:
                problem = _problem(client, base + image.name, image, whole=image.name in whole)
            except httpx.HTTPError as error:
                problem = f"{error or type(error).__name__}"
            if problem:
                problems.append(f"{base}{image.name}: {problem}")

        each(check, images, "Checking images", track)
    if problems:
        raise GlimpseError(
            f"{len(problems)} of {len(images)} images are not at their address. "
            f"The first: {min(problems)}. {hint}."
        )


def _problem(client: httpx.Client, url: str, image: Image, *, whole: bool) -> str | None:
    size = image.path.stat().st_size
    if not whole:
        head = client.head(url)
        if head.status_code == 200 and head.headers.get("content-length") == str(size):
            return None
    with client.stream("GET", url) as got:
        if got.status_code != 200:
            return f"answers {got.status_code}"
        found, length = sha256(), 0
        for part in got.iter_bytes():
            found.update(part)
            length += len(part)
    if found.hexdigest() != image.sha256:
        return f"{length} bytes that are not those of {image.path} ({size} bytes)"
    return None
