"""`kubectl mirror exec`: the developer's server is started, and gets what the pod gets."""

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys

import pytest

from harness.cluster import ROOT
from harness.mirror import kubectl_mirror
from harness.run import wait_until

SERVERS = ROOT / "tests/integration/servers"
AS = ("--as", "ana")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


def in_c(directory):
    subprocess.run(["cc", "-o", directory / "server", SERVERS / "server.c"], check=True)
    return [directory / "server"]


def in_go(directory):
    if not shutil.which("go"):
        pytest.skip("no Go on this machine")
    subprocess.run(["go", "build", "-o", directory / "server", SERVERS / "server.go"], check=True,
                   env=dict(os.environ, CGO_ENABLED="0", GO111MODULE="off", GOFLAGS=""))
    return [directory / "server"]


def in_javascript(_):
    if not shutil.which("node"):
        pytest.skip("no Node on this machine")
    return ["node", SERVERS / "server.js"]


def in_python(_):
    return [sys.executable, SERVERS / "server.py"]


@pytest.mark.parametrize("make", [in_c, in_go, in_javascript, in_python])
def test_a_thousand_requests_reach_a_server_that_was_started_for_them(installed, pair, tmp_path, make):
    target, client = pair
    before, port = len(target.connections()), free_port()
    taken = tmp_path / "taken"
    taken.mkdir()
    with kubectl_mirror(installed, "exec", f"pod/{target.name}", "-n", target.namespace, *AS,
                        "--map", f"{port}:8080", "--", *make(tmp_path), port, taken) as mirror:
        mirror.said("port 8080 to ")
        client.load(target, 1000)
        wait_until(lambda: len(list(taken.glob("whole-*"))) == 100, "all connections came", 20)
        # It reaches the client alone, which passes it on; each server dies of it.
        assert mirror.interrupt() == -signal.SIGINT, mirror.text()
        digests = sorted(hashlib.sha256(path.read_bytes()).hexdigest()
                         for path in taken.glob("whole-*"))
        assert digests == target.digests(before)
        assert "100 of 100 connections delivered" in mirror.text()
    with target.sidecar() as sidecar:
        wait_until(lambda: sidecar.status()["state"] == "asleep", "it is asleep again", 30)


def test_a_killed_client_leaves_neither_mirror_nor_program(installed, pair, tmp_path):
    target, _ = pair
    port = free_port()
    with kubectl_mirror(installed, "exec", f"pod/{target.name}", "-n", target.namespace, *AS,
                        "--map", f"{port}:8080", "--", *in_python(tmp_path), port, tmp_path) as mirror:
        mirror.said("port 8080 to ")
        mirror.kill()
    with target.sidecar() as sidecar:
        wait_until(lambda: sidecar.status()["state"] == "asleep", "it is asleep again", 30)

    def is_free():
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", port)) != 0
    wait_until(is_free, "the program has gone", 10)


def test_a_pod_without_a_sidecar_is_said_before_the_program_starts(installed, pair, tmp_path):
    client = pair[1]
    with kubectl_mirror(installed, "exec", f"pod/{client.name}", "-n", client.namespace, *AS, "--",
                        "touch", tmp_path / "ran") as mirror:
        assert mirror.end() == 3, mirror.text()
        assert "no mirror agent" in mirror.text()
    assert not (tmp_path / "ran").exists()
