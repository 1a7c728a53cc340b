"""Samples over several devices, and over several processes, give the numbers that one device gives."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.engine import many_devices

ROOT = Path(__file__).resolve().parents[2]


def start(devices: int, *arguments: str) -> subprocess.Popen:
    """Start the script in a process with so many virtual devices."""
    settings = {
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "PYTHONPATH": str(ROOT),
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",  # compiles in half the time, and rounds a little differently
    }
    command = [sys.executable, "-m", "tests.engine.many_devices", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | settings, text=True, **pipes)


def answers(processes: list[subprocess.Popen]) -> list[dict]:
    """Return what the processes print; none of them outlives the test."""
    try:
        printed = [process.communicate(timeout=400) for process in processes]
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()
    for process, (_, errors) in zip(processes, printed, strict=True):
        assert process.returncode == 0, errors[-3000:]
    return [json.loads(out.splitlines()[-1]) for out, _ in printed]


@pytest.fixture(scope="module")
def one_device() -> dict:
    return answers([start(1)])[0]


@pytest.fixture(scope="module")
def alone(one_device) -> dict:
    return one_device["results"]


def compare(found: dict, alone: dict) -> None:
    """Draws are the same; sums over samples may be rounded in another order."""
    np.testing.assert_array_equal(found["labels"], alone["labels"])
    assert set(found["methods"]) == {"estimated"}  # nothing that does without samples
    for name in ("overlap", "transitions"):
        np.testing.assert_allclose(found[name], alone[name], rtol=2e-5, atol=1e-6)


def test_four_devices_share_the_samples_and_give_equal_results(alone):
    (found,) = answers([start(4)])
    compare(found["results"], alone)
    for method in ("exact", "sde"):
        counts, points = found["results"][method]
        np.testing.assert_array_equal(counts, alone[method][0])
        np.testing.assert_allclose(points, alone[method][1], atol=1e-5)
    shards = found["shards"]
    assert shards["devices"] == 4
    assert shards["divisible"] == 1004
    assert shards["points"] == [[251, 3]] * 4
    assert shards["labels"] == [[251]] * 4
    assert [shape[1] for shape in shards["noise"]] == [250] * 4
    assert [shape[2] for shape in shards["ratios"]] == [16] * 4
    np.testing.assert_allclose(found["results"]["stored"], alone["stored"], rtol=2e-5, atol=1e-6)
    assert shards["even"] == [[2, 3]] * 4
    assert shards["uneven"] == [[6, 3]] * 4  # what does not divide stays whole
    assert shards["whole"]


def test_two_processes_give_what_one_gives(alone):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    first, second = answers([start(1, address, "2", str(index)) for index in range(2)])
    assert first["results"] == second["results"]
    compare(first["results"], alone)
    assert first["shards"]["devices"] == 2
    assert first["shards"]["labels"] == [[501]]
    assert [shape[1] for shape in first["shards"]["noise"]] == [500]


def test_one_device_changes_nothing(one_device):
    shards = one_device["shards"]
    assert shards["devices"] == 1
    assert shards["divisible"] == many_devices.N
    assert shards["points"] == [[many_devices.N, 3]]
    assert shards["labels"] == [[many_devices.N]]
    assert shards["whole"]
