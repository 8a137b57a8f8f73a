"""A study's life through clients of Amazon's in other languages: the AWS CLI, and the SDK for JavaScript."""

import json
import os
import shutil
import subprocess

import pytest

from glimpse.mturk.server.protocol.signing import load_keys
from tests.mturk.server.conftest import HTML

pytestmark = pytest.mark.slow

AWS, NODE, NPM = shutil.which("aws"), shutil.which("node"), shutil.which("npm")
SDK = "@aws-sdk/client-mturk@3"


@pytest.fixture
def keys(server):
    """The environment in which a client of Amazon's finds the server's keys, and nobody else's."""
    key, secret = next(iter(load_keys(server.site.settings.data / "credentials").items()))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {
        "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": "",
    }  # fmt: skip


@pytest.fixture
def aws(server, keys, tmp_path):
    """A function that runs one command of `aws mturk` and returns its JSON, or the error's text."""

    def run(*words, fails=False):
        result = subprocess.run(
            [AWS, "--endpoint-url", server.url, "--output", "json", "mturk", *words],
            env=keys | {"HOME": str(tmp_path)}, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert (result.returncode != 0) == fails, result.stderr
        return result.stderr if fails else json.loads(result.stdout or "{}")

    return run


@pytest.mark.skipif(AWS is None, reason="without the AWS CLI")
def test_a_study_through_the_aws_cli(server, aws):
    assert aws("get-account-balance") == {"AvailableBalance": "10000.00"}
    hits = [
        aws(
            "create-hit", "--title", "T", "--description", "D", "--reward", "0.1", "--lifetime-in-seconds",
            "3600", "--assignment-duration-in-seconds", "60", "--max-assignments", "2", "--question", HTML,
        )["HIT"]["HITId"]
        for _ in range(2)
    ]  # fmt: skip
    assert {row["HITId"] for row in aws("list-hits", "--page-size", "1")["HITs"]} == set(hits)
    for name in ("a", "b"):
        worker = server.worker(name)
        worker.submit(worker.take(hits[0]))
    found = aws("list-assignments-for-hit", "--hit-id", hits[0], "--page-size", "1")["Assignments"]
    assert len(found) == 2
    aws("approve-assignment", "--assignment-id", found[0]["AssignmentId"])
    aws("reject-assignment", "--assignment-id", found[1]["AssignmentId"], "--requester-feedback", "no")
    assert aws("get-hit", "--hit-id", hits[0])["HIT"]["NumberOfAssignmentsCompleted"] == 2
    said = aws("get-hit", "--hit-id", "3NONE", fails=True)
    assert "(RequestError)" in said
    assert "does not exist" in said
    aws("update-expiration-for-hit", "--hit-id", hits[1], "--expire-at", "0")
    aws("delete-hit", "--hit-id", hits[1])
    assert [row["HITId"] for row in aws("list-hits")["HITs"]] == hits[:1]


SCRIPT = """
import * as sdk from '@aws-sdk/client-mturk';
const client = new sdk.MTurkClient({endpoint: process.env.ENDPOINT, region: 'us-east-1'});
const call = (name, input = {}) => client.send(new sdk[name + 'Command'](input));
const out = {balance: (await call('GetAccountBalance')).AvailableBalance};
const common = {Title: 'T', Description: 'D', Reward: '0.1', AssignmentDurationInSeconds: 60,
  LifetimeInSeconds: 3600, Question: process.env.QUESTION};
for (let i = 0; i < 3; i++) await call('CreateHIT', {...common, UniqueRequestToken: 't' + i});
out.listed = [];
for await (const page of sdk.paginateListHITs({client, pageSize: 2}, {}))
  out.listed.push((page.HITs ?? []).length);
try { await call('CreateHIT', {...common, UniqueRequestToken: 't0'}); } catch (error) {
  out.error = [error.name, error.TurkErrorCode, error.$metadata.requestId.length]; }
const type = await call('CreateQualificationType', {Name: 'n', Description: 'd',
  QualificationTypeStatus: 'Active'});
await call('AssociateQualificationWithWorker', {WorkerId: 'A1B',
  QualificationTypeId: type.QualificationType.QualificationTypeId, IntegerValue: 5});
const score = await call('GetQualificationScore', {WorkerId: 'A1B',
  QualificationTypeId: type.QualificationType.QualificationTypeId});
out.score = score.Qualification.IntegerValue;
out.dated = score.Qualification.GrantTime instanceof Date;
console.log(JSON.stringify(out));
"""


@pytest.fixture(scope="module")
def javascript(tmp_path_factory):
    """A folder in which the SDK for JavaScript is installed."""
    if NODE is None or NPM is None:
        pytest.skip("without node and npm")
    folder = tmp_path_factory.mktemp("javascript")
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    words = [NPM, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", SDK]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        pytest.skip(f"npm does not bring {SDK}")
    return folder


def test_a_study_through_the_sdk_for_javascript(server, keys, javascript):
    (javascript / "study.mjs").write_text(SCRIPT, encoding="utf-8")
    result = subprocess.run(
        [NODE, "study.mjs"], cwd=javascript, env=keys | {"ENDPOINT": server.url, "QUESTION": HTML},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    out = json.loads(result.stdout)
    assert out["balance"] == "10000.00"
    assert sum(out["listed"]) == 3
    assert out["error"] == ["RequestError", "AWS.MechanicalTurk.HitAlreadyExists", 36]
    assert (out["score"], out["dated"]) == (5, True)
