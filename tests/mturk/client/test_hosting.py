"""Hosting: the local server, S3 against moto's server, and addresses that are only checked."""

import contextlib
import functools
import hashlib
import http.server
import re
import secrets
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import boto3
import httpx
import pytest
from click.testing import CliRunner
from moto.server import ThreadedMotoServer

from glimpse.errors import GlimpseError
from glimpse.main import main
from glimpse.mturk.publishing.client import Endpoint
from glimpse.mturk.publishing.hosting import Image, LocalHosting, PrefixHosting, S3Hosting, images_of
from tests.mturk.server import postgresql
from tests.mturk.server.conftest import Worker

ROOT = Path(__file__).parents[3]


def silent(items, *_):
    return items


@pytest.fixture(scope="module")
def moto():
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(moto, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    client = boto3.client("s3", endpoint_url=moto, region_name="us-east-1")
    client.create_bucket(Bucket="pictures", ACL="public-read")
    yield client
    for found in client.list_objects_v2(Bucket="pictures").get("Contents", []):
        client.delete_object(Bucket="pictures", Key=found["Key"])
    client.delete_bucket(Bucket="pictures")
    client.close()


def sandbox(tmp_path):
    return Endpoint("sandbox", "http://unused.example", tmp_path)


def keys(s3):
    return {found["Key"]: found for found in s3.list_objects_v2(Bucket="pictures").get("Contents", [])}


def test_images_go_to_s3_once_under_opaque_names(study, s3, moto, tmp_path, browser):
    hosting = S3Hosting(sandbox(tmp_path), "pictures", url=moto)
    hosting.host(study.study, images_of(study), silent)
    base = hosting.base_url(study.study)
    assert base == f"{moto}/pictures/glimpse/{study.study}/"
    first = keys(s3)
    assert set(first) == {f"glimpse/{study.study}/{stimulus.file}" for stimulus in study.stimuli.values()}
    # Letters at random may spell a condition, so what is looked at is that they are letters at random.
    assert all(re.fullmatch(r"glimpse/[a-z2-7]{16}/[a-z2-7]{20}\.png", key) for key in first)
    for name, stimulus in study.stimuli.items():
        got = browser.get(base + stimulus.file)
        assert got.content == study.image_path(name).read_bytes()
        assert got.headers["content-type"] == "image/png"
        assert "immutable" in got.headers["cache-control"]
    hosting.host(study.study, images_of(study), silent)
    assert {key: found["LastModified"] for key, found in keys(s3).items()} == {
        key: found["LastModified"] for key, found in first.items()
    }


def test_an_interrupted_upload_goes_on(study, s3, moto, tmp_path):
    hosting = S3Hosting(sandbox(tmp_path), "pictures", prefix="", url=moto)
    images = images_of(study)
    hosting.host(study.study, images[:3], silent)
    hosting.host(study.study, images, silent)
    assert set(keys(s3)) == {f"{study.study}/{image.name}" for image in images}


def test_a_bucket_that_nobody_may_read(study, s3, moto, tmp_path):
    s3.put_bucket_acl(Bucket="pictures", ACL="private")
    hosting = S3Hosting(sandbox(tmp_path), "pictures", url=moto)
    with pytest.raises(GlimpseError) as caught:
        hosting.host(study.study, images_of(study), silent)
    said, _, hint = str(caught.value).partition(": answers 403. ")
    assert said.startswith(f"1 of 1 images are not at their address. The first: {moto}/pictures/glimpse/")
    assert hint == (
        "Workers' browsers must be able to read it: turn off 'Block public access' for the bucket and give "
        f"it a policy that allows s3:GetObject on arn:aws:s3:::pictures/glimpse/{study.study}/* to everybody."
    )


def test_a_bucket_that_is_not_there(study, s3, moto, tmp_path):
    hosting = S3Hosting(sandbox(tmp_path), "no-such-bucket", url=moto)
    with pytest.raises(GlimpseError) as caught:
        hosting.host(study.study, images_of(study), silent)
    assert (
        str(caught.value) == "S3 bucket no-such-bucket: there is no such bucket; create it, or check the name"
    )


def test_public_addresses_of_buckets(tmp_path, monkeypatch):
    monkeypatch.setattr(S3Hosting, "region", lambda _self: "eu-west-1")
    assert S3Hosting(sandbox(tmp_path), "pictures").base_url("s") == (
        "https://pictures.s3.eu-west-1.amazonaws.com/glimpse/s/")  # fmt: skip
    assert S3Hosting(sandbox(tmp_path), "a.b", prefix="x/").base_url("s") == (
        "https://s3.eu-west-1.amazonaws.com/a.b/x/s/")  # fmt: skip


@pytest.fixture
def website(tmp_path):
    """A folder that is served as a website."""
    folder = tmp_path / "website"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_images_at_an_address_of_your_own_are_checked(study, website):
    folder, url = website
    images = images_of(study)
    hosting = PrefixHosting(url, secure=False)
    assert hosting.base_url(study.study) == url + "/"
    with pytest.raises(
        GlimpseError, match=rf"^{len(images)} of {len(images)} images are not at their address"
    ):
        hosting.host(study.study, images, silent)
    for image in images:
        (folder / image.name).write_bytes(image.path.read_bytes())
    hosting.host(study.study, images, silent)
    (folder / images[1].name).write_bytes(b"short")
    with pytest.raises(GlimpseError) as caught:
        hosting.host(study.study, images, silent)
    size = images[1].path.stat().st_size
    assert str(caught.value) == (
        f"1 of {len(images)} images are not at their address. The first: {url}/{images[1].name}: "
        f"5 bytes that are not those of {images[1].path} ({size} bytes). "
        "Copy the files of study/images/ there."
    )


def test_addresses_that_cannot_work():
    with pytest.raises(GlimpseError) as caught:
        PrefixHosting("images.example", secure=True)
    assert str(caught.value) == (
        "--image-url-prefix images.example: an address starts with https:// or http://"
    )
    with pytest.raises(GlimpseError) as caught:
        PrefixHosting("http://a.example/", secure=True)
    assert str(caught.value) == (
        "--image-url-prefix http://a.example/: the worker's page is served by https, and browsers load "
        "no images by http into it; allowed is https://"
    )


def test_the_local_server_says_why_it_refuses(study, server, tmp_path):
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = A\naws_secret_access_key = B\n")
    hosting = LocalHosting(Endpoint("local", server.url, tmp_path))
    with pytest.raises(
        GlimpseError, match=r"the server refused .*\(403: .*The access key is not one of this"
    ):
        hosting.host(study.study, images_of(study), silent)
    away = LocalHosting(Endpoint("local", "http://127.0.0.1:9", server.data))
    with pytest.raises(GlimpseError, match=r"^nobody answers at http://127.0.0.1:9. Start the server"):
        away.host(study.study, images_of(study), silent)


def test_a_changed_image_is_noticed_before_it_is_hosted(study):
    path = study.image_path(next(iter(study.stimuli)))
    path.chmod(0o644)
    path.write_bytes(b"x")
    with pytest.raises(GlimpseError, match="is missing or changed since build-hits"):
        images_of(study)


def test_the_command_publishes_with_images_in_s3(study, server, moto, s3, monkeypatch):
    key, secret = next(iter(server.site.keys.items()))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    words = ["publish", str(study.folder), "--to", "sandbox", "--endpoint", server.url]
    result = CliRunner().invoke(main, [*words, "--s3-bucket", "pictures", "--s3-endpoint", moto])
    assert result.exit_code == 0, result.output
    assert "Price in play money: $6.00 rewards + $1.20 fees = $7.20." in result.stdout
    assert "https://workersandbox.mturk.com/mturk/preview?groupId=" in result.stdout
    for row in server.hits():
        question = server.requester("sandbox").call("GetHIT", HITId=row["hit_id"])["HIT"]["Question"]
        assert f"{moto}/pictures/glimpse/{study.study}/" in question
        bare = re.sub(r"[a-z2-7]{16,}", "", question)  # opaque names, which may spell a condition
        assert not any(word in bare for word in ("image-space", "crn"))


def test_images_are_uploaded_with_the_keys_for_s3_wherever_the_study_goes(s3, moto, tmp_path, monkeypatch):
    """Amazon knows nothing of the key pair that our own server made."""
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id=AOURS\naws_secret_access_key=s\n")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDOFS3")
    target = Endpoint("local", "http://unused.example", tmp_path)
    client = S3Hosting(target, "pictures", url=moto)._client("us-east-1")
    address = client.generate_presigned_url("get_object", Params={"Bucket": "pictures", "Key": "x"})
    assert "AKIDOFS3" in address


@contextlib.contextmanager
def serving(data, database):
    """A server process on a shared database; gives its address."""
    words = [sys.executable, "cli.py", "serve", "--port", "0", "--data", str(data), "--database", database]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield re.search(r"http://[\d.:]+", process.stdout.readline())[0]
    finally:
        process.terminate()
        process.communicate()


def test_two_servers_on_one_database_serve_a_study_whose_images_are_on_s3(study, s3, moto, tmp_path):
    if not postgresql.is_there():
        pytest.skip(postgresql.MISSING)
    first, second = tmp_path / "first", tmp_path / "second"
    database = postgresql.new_database(f"glimpse_{secrets.token_hex(6)}")
    with serving(first, database) as one:
        second.mkdir(mode=0o700)
        for name in ("credentials", "dashboard-token"):
            shutil.copy(first / name, second)
        words = ["publish", str(study.folder), "--to", "local", "--data", str(first)]
        result = CliRunner().invoke(main, [*words, "--s3-bucket", "pictures", "--s3-endpoint", moto])
        assert result.exit_code == 0, result.output
        assert len(keys(s3)) == len(study.stimuli)
        with serving(second, database) as other, httpx.Client(base_url=one, timeout=60) as http:
            worker = Worker(http)
            assignment = worker.join(study.study, PROLIFIC_PID="p").headers["location"].rpartition("/")[2]
            state = http.get(f"/worker/assignments/{assignment}/state").json()
            pages = [http.get(server + state["page_url"]) for server in (one, other)]
            assert [page.status_code for page in pages] == [200, 200]
            assert pages[0].text == pages[1].text
            assert f"{moto}/pictures/glimpse/{study.study}/" in pages[1].text
            # Without TLS, as a lab's store may be: the browser must be let to it.
            assert " http: " in re.search("img-src[^;]*", pages[1].headers["content-security-policy"])[0]
            answered = {"assignmentId": assignment, "answers": "{}"}
            assert http.post(f"{other}/mturk/externalSubmit", data=answered).status_code == 200


def test_a_clip_goes_to_s3_with_its_type(s3, moto, tmp_path, browser):
    path = tmp_path / "abc.webm"
    path.write_bytes(b"\x1a\x45\xdf\xa3" + bytes(5000))
    clip = Image("abc.webm", path, hashlib.sha256(path.read_bytes()).hexdigest())
    hosting = S3Hosting(sandbox(tmp_path), "pictures", url=moto)
    hosting.host("study1", [clip], silent)
    got = browser.get(f"{hosting.base_url('study1')}abc.webm", headers={"Range": "bytes=0-3"})
    assert got.headers["content-type"] == "video/webm"
    assert (got.status_code, got.content) == (206, b"\x1a\x45\xdf\xa3")
