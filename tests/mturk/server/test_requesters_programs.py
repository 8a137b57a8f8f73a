"""Programs of requesters, each from a virtual environment of its own: their packages do not go together.

`GLIMPSE_CLIENTS=FOLDER` names where the environments are: `FOLDER/psiturk/bin/python` has psiTurk, and so on.
Where one is not there, its test is skipped. docs/clients.md says what was tried, and with which versions.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from glimpse.mturk.server.protocol.signing import load_keys

pytestmark = pytest.mark.slow

# Both write Amazon's address into their code; everything else in them is as it came.
HERE = """
import json, os, sys
import boto3.session
made = boto3.session.Session.client
def client(self, name, **options):
    return made(self, name, **{**options, "endpoint_url": os.environ["ENDPOINT"]})
boto3.session.Session.client = client
key, secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
out = {}
"""
PSITURK_CREATES = """
import datetime
from psiturk.amt_services import MTurkServices
access = {"aws_access_key_id": key, "aws_secret_access_key": secret}
class Config:
    def get(self, section, name): return access[name]
    def set(self, section, name, value): access[name] = value
turk = MTurkServices(Config())
def done(response):
    assert response.success, repr(response.exception)
    return response.data
"""
PSITURK = [
    """
out["balance"] = done(turk.check_balance())
out["hit"] = done(turk.create_hit({
    "approve_requirement": 0, "number_hits_approved": 0, "require_master_workers": False, "us_only": False,
    "require_qualification_ids": [], "block_qualification_ids": [], "advanced_qualifications": [],
    "title": "T", "description": "D", "keywords": "k", "reward": 0.5, "ad_location": "https://example.org/ad",
    "duration": datetime.timedelta(hours=1), "lifetime": datetime.timedelta(hours=24), "max_assignments": 10,
}))["HITId"]
done(turk.extend_hit(out["hit"], assignments_increment=2, expiration_increment=60))
out["places"] = done(turk.get_hit(out["hit"])).options["max_assignments"]
""",
    """
hit = sys.argv[1]
found = done(turk.get_assignments("Submitted", hit))
out["submitted"] = len(found)
done(turk.approve_assignment(found[0]["assignmentId"]))
done(turk.reject_assignment(found[1]["assignmentId"]))
done(turk.unreject_assignment(found[1]["assignmentId"]))
done(turk.bonus_assignment(found[0]["assignmentId"], "", 0.25, "thanks"))
out["status"] = done(turk.get_assignment(found[1]["assignmentId"]))["status"]
out["types"] = len(done(turk.list_qualification_types()))
out["hits"] = [one.options["hitid"] for one in done(turk.get_all_hits())]
done(turk.expire_hit(hit))
done(turk.delete_hit(hit))
out["unknown"] = str(turk.get_hit("3NONE").exception)
""",
]
DALLINGER_CREATES = """
from dallinger.mturk import MTurkQualificationRequirements, MTurkQuestions, MTurkService, RevokedQualification
turk = MTurkService(key, secret, "us-east-1")
"""
DALLINGER = [
    """
out["balance"] = turk.account_balance()
assert turk.check_credentials()
kind = turk.create_qualification_type("seen", "has taken part")["id"]
assert turk.get_qualification_type_by_name("seen")["id"] == kind
question = MTurkQuestions.external("https://example.org/ad")
hit = turk.create_hit("e1", "T", "D", ["a", "b"], 0.5, 1, 1, question, 10, annotation="e1",
    qualifications=[MTurkQualificationRequirements.must_not_have(kind)], do_subscribe=False)
out["hit"] = hit["id"]
turk.extend_hit(hit["id"], 2, 1)
out["places"] = turk.get_hit(hit["id"])["max_assignments"]
""",
    """
hit, worker, assignment = sys.argv[1:4]
kind = turk.get_qualification_type_by_name("seen")["id"]
out["unknown"] = turk.get_assignment("3NONE")
out["status"] = turk.get_assignment(assignment)["status"]
turk.grant_bonus(assignment, 0.25, "thanks")
turk.increment_named_qualification_score("seen", worker)
turk.increment_qualification_score(kind, worker)
out["score"] = turk.current_named_qualification_score("seen", worker)["score"]
out["workers"] = len(list(turk.get_workers_with_qualification(kind)))
turk.revoke_qualification(kind, worker, "over")
try:
    turk.current_qualification_score(kind, worker)
except RevokedQualification:
    out["revoked"] = True
out["hits"] = [one["id"] for one in turk.get_hits()]
turk.expire_hit(hit)
out["deleted"] = turk.mturk.delete_hit(HITId=hit)["ResponseMetadata"]["HTTPStatusCode"]
assert turk.dispose_qualification_type(kind)
""",
]
# What Mephisto says to MTurk is in one file; the rest of version 1.1.1 needs a Python before 3.11.
MEPHISTO_CREATES = """
import importlib.util, logging, types
found = importlib.util.find_spec("mephisto").submodule_search_locations[0]
def stand_in(name, **members):
    module = sys.modules[name] = types.ModuleType(name)
    vars(module).update(members)
for name in ("mephisto", "mephisto.data_model", "mephisto.utils", "mephisto.operations"):
    stand_in(name)
stand_in("mephisto.data_model.qualification", QUAL_EXISTS="Exists", QUAL_NOT_EXIST="DoesNotExist")
stand_in("mephisto.utils.logger_core", get_logger=logging.getLogger, format_loud=str)
stand_in("mephisto.operations.config_handler", get_config_arg=None, DEFAULT_CONFIG_FOLDER="")
place = f"{found}/abstractions/providers/mturk/mturk_utils.py"
spec = importlib.util.spec_from_file_location("mturk_utils", place)
turk = importlib.util.module_from_spec(spec)
spec.loader.exec_module(turk)
import boto3
requester = boto3.client("mturk", region_name="us-east-1")
"""
MEPHISTO = [
    """
out["balance"] = turk.get_requester_balance(requester)
out["kind"] = turk.find_or_create_qualification(requester, "allowed", "may take part")
assert turk.find_or_create_qualification(requester, "allowed", "may take part") == out["kind"]
task = types.SimpleNamespace(task_title="T", task_description="D", task_tags="a,b", task_reward=0.5,
    assignment_duration_in_seconds=600)
hit_type = turk.create_hit_type(requester, task, [], skip_locale_qual=True)
_, out["hit"], _ = turk.create_hit_with_hit_type(requester, 650, "https://example.org/?a=1&b=2", hit_type, 3)
""",
    """
hit, worker, assignment, kind = sys.argv[1:5]
found = turk.get_assignments_for_hit(requester, hit)
out["submitted"] = len(found)
turk.approve_work(requester, assignment)
others = [one["AssignmentId"] for one in found if one["AssignmentId"] != assignment]
turk.reject_work(requester, others[0], "no")
turk.give_worker_qualification(requester, worker, kind, 3)
turk.remove_worker_qualification(requester, worker, kind, "over")
assert turk.pay_bonus(requester, worker, 0.25, assignment, "thanks", "token")
out["told"] = turk.email_worker(requester, worker, "Thanks", "for taking part")
turk.block_worker(requester, worker, "too often")
out["blocked"] = turk.is_worker_blocked(requester, worker)
turk.unblock_worker(requester, worker, "enough")
out["open"] = [one["HITId"] for hits in turk.get_outstanding_hits(requester).values() for one in hits]
out["status"] = turk.get_assignment(requester, assignment)["Assignment"]["AssignmentStatus"]
turk.expire_hit(requester, hit)
out["places"] = turk.get_hit(requester, hit)["HIT"]["NumberOfAssignmentsAvailable"]
""",
]


@pytest.fixture
def program(server, tmp_path):
    """A function that runs a script in a program's own environment, and returns what it found."""

    def run(name, script, *words):
        python = Path(os.environ.get("GLIMPSE_CLIENTS", "clients")) / name / "bin" / "python"
        if not python.exists():
            pytest.skip(f"without {name}: GLIMPSE_CLIENTS names no folder with an environment that has it")
        key, secret = next(iter(load_keys(server.site.settings.data / "credentials").items()))
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
        result = subprocess.run(
            [python, "-c", HERE + script + "\nprint('\\n' + json.dumps(out))", *words],
            env=kept | {"ENDPOINT": server.url, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret},
            cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr[-3000:]
        return json.loads(result.stdout.splitlines()[-1])

    return run


def submitted(server, hit, names):
    """Let people do a HIT; returns (worker, assignment) of each."""
    done = []
    for name in names:
        worker = server.worker(name)
        done.append((worker.id, worker.take(hit)))
        worker.submit(done[-1][1])
    return done


def test_a_study_of_psiturk(server, program):
    made = program("psiturk", PSITURK_CREATES + PSITURK[0])
    assert (made["balance"], made["places"]) == ("10000.00", 12)
    submitted(server, made["hit"], ["a", "b"])
    found = program("psiturk", PSITURK_CREATES + PSITURK[1], made["hit"])
    assert (found["submitted"], found["status"], found["hits"]) == (2, "Approved", [made["hit"]])
    assert "does not exist" in found["unknown"]


def test_a_study_of_dallinger(server, program):
    made = program("dallinger", DALLINGER_CREATES + DALLINGER[0])
    assert (made["balance"], made["places"]) == (10000.0, 12)
    (worker, assignment), _ = submitted(server, made["hit"], ["a", "b"])
    found = program("dallinger", DALLINGER_CREATES + DALLINGER[1], made["hit"], worker, assignment)
    assert found["unknown"] is None
    assert (found["score"], found["workers"], found["revoked"]) == (2, 1, True)
    assert (found["hits"], found["deleted"]) == ([made["hit"]], 200)


def test_a_study_of_mephisto(server, program):
    made = program("mephisto", MEPHISTO_CREATES + MEPHISTO[0])
    (worker, assignment), _ = submitted(server, made["hit"], ["a", "b"])
    words = (made["hit"], worker, assignment, made["kind"])
    found = program("mephisto", MEPHISTO_CREATES + MEPHISTO[1], *words)
    assert (made["balance"], found["submitted"], found["status"]) == (10000.0, 2, "Approved")
    assert (found["told"], found["blocked"]) == ([True, ""], True)
    assert found["open"] == [made["hit"]]
