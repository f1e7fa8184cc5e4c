"""README's quick starts in a cluster: its commands, word for word, where no Dormouse is yet."""

import json
import os
import re
import subprocess

import pytest

from harness import manifests
from harness.cluster import RELEASE, ROOT, SPACE
from harness.local_program import LocalProgram

BLOCK = re.compile(r"<!-- e2e -->\n```sh\n(.*?)^```\n((?:<!-- expect: .*? -->\n)*)",
                   re.MULTILINE | re.DOTALL)
EXPECT = re.compile(r"<!-- expect: (.*?) -->")
SECONDS = 300
SHOP = "shop"


@pytest.fixture
def shop(cluster):
    """What README assumes: a namespace `shop` with a Deployment `web` and a pod `legacy`, and no
    Dormouse."""
    def remove():
        cluster.helm("uninstall", RELEASE, "--namespace", SPACE, "--ignore-not-found", "--wait")
        cluster.kubectl("delete", "namespace", SHOP, SPACE, "--ignore-not-found", seconds=120)

    remove()
    cluster.kubectl("create", "namespace", SHOP)
    cluster.kubectl("--namespace", SHOP, "create", "--filename", "-",
                    input=json.dumps(manifests.deployment("web", labels={})))
    cluster.kubectl("--namespace", SHOP, "create", "--filename", "-",
                    input=json.dumps(manifests.pod("legacy", labels={})))
    cluster.ready(SHOP, "legacy")
    cluster.kubectl("--namespace", SHOP, "rollout", "status", "deployment/web", "--timeout=60s")
    yield
    if not os.environ.get("E2E_KEEP"):
        remove()


def test_the_quick_start_works_as_written(cluster, shop, tmp_path):
    blocks = BLOCK.findall((ROOT / "README.md").read_text())
    assert blocks, "README.md has no block marked <!-- e2e -->"
    # The commands write files where they stand, and name the chart by its folder.
    work = tmp_path / "work"
    work.mkdir()
    (work / "chart").symlink_to(ROOT / "chart")
    script = ["set -euo pipefail", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    for number, (commands, _) in enumerate(blocks):
        script += [f"exec >{tmp_path}/{number}.out 2>&1", commands]
    with LocalProgram(port=3000) as program:
        done = subprocess.run(["bash", "-c", "\n".join(script)], cwd=work, timeout=SECONDS,
                              env=cluster.environment, stdin=subprocess.DEVNULL)
        received = b"".join(program.connections())
    outputs = {number: path.read_text(errors="replace")
               for number in range(len(blocks)) if (path := tmp_path / f"{number}.out").exists()}
    last = max(outputs)
    assert done.returncode == 0, f"in this block:\n{blocks[last][0]}\nwhich said:\n{outputs[last]}"
    for number, (commands, expected) in enumerate(blocks):
        for text in EXPECT.findall(expected):
            assert text in outputs[number], f"{commands}\ndid not say {text!r} but\n{outputs[number]}"
    assert b"HTTP/1.1\r\n" in received, "nothing reached the local program"
