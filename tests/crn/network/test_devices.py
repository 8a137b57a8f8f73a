"""Devices by name: what torch cannot use is said, and each process of torchrun keeps to its own GPU."""

import pytest
import torch

from glimpse.crn.network.devices import find_device
from glimpse.errors import GlimpseError


@pytest.mark.parametrize("name", ["cuda:99", "gpu", "meta", "", "cpu:x"])
def test_a_device_that_is_not_there_is_named(name):
    with pytest.raises(GlimpseError, match="is not available to torch here"):
        find_device(name)


@pytest.mark.parametrize(("name", "chosen"), [("cuda", [2]), ("cuda:1", [])])
def test_a_process_of_torchrun_touches_its_own_gpu_first(monkeypatch, name, chosen):
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_RANK", "2")
    touched = []
    monkeypatch.setattr(torch.cuda, "set_device", touched.append)
    monkeypatch.setattr(torch, "empty", lambda *_, device: touched.append(str(device)))
    assert find_device(name) == torch.device(name)
    assert touched == [*chosen, name]


def test_one_process_chooses_nothing(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setenv("LOCAL_RANK", "2")
    monkeypatch.setattr(torch.cuda, "set_device", lambda _: pytest.fail("nothing is to be chosen"))
    monkeypatch.setattr(torch, "empty", lambda *_, **__: None)
    find_device("cuda")
