"""A pod that is already running: the agent as an ephemeral container, and what it leaves behind."""

import json
import os
import signal
import time

import pytest

import ways
from harness import manifests, node
from harness.agents import flag, kept_token, sha256
from harness.cluster import ENFORCE
from harness.developer import developer
from harness.local_program import LocalProgram
from harness.mirror import kubectl_mirror
from harness.run import run, wait_until
from harness.target import Client, make_pods

STARTED = ": port 8080 to 127.0.0.1:"
IDLE = ("--exit-when-idle", "4s")
# What the table says, as rules of a Role; and the same without the one right that matters.
RULES = ways.rules("ephemeral")[None]
FEWER = [rule for rule in RULES if rule["resources"] != ["pods/ephemeralcontainers"]]


@pytest.fixture(scope="module")
def plain(installed):
    """A namespace that nobody has opted in, without tokens: a target that was not prepared, and a
    client."""
    with installed.namespace("attach", tokens=False) as namespace:
        target, _ = make_pods(installed, namespace, manifests.pod("app", labels={}), Client.manifest())
        yield target, Client(installed, namespace)


@pytest.fixture
def dev(installed, plain, tmp_path):
    """With the rights that docs/ways-in.md names, and no other."""
    with developer(installed, plain[0].namespace, tmp_path, rules=RULES) as found:
        yield found


def agents(target):
    """[(container, state)] of all ephemeral containers of the pod, in their order."""
    pod = target.fresh()
    states = {each.name: each.state for each in pod.status.ephemeral_container_statuses or []}
    return [(each, states.get(each.name)) for each in pod.spec.ephemeral_containers or []]


def mirror_text(who, *arguments, check=True, code=0, seconds=60):
    done = run("kubectl", "mirror", *arguments, env=who.environment, check=False, seconds=seconds)
    text = done.stdout + done.stderr
    assert not check or done.returncode == code, f"{done.returncode}: {text}"
    return text


def await_end(target, number=-1, seconds=30):
    """Waits until the agent has ended by itself, in order: nothing of it runs or holds a socket."""
    def ended():
        state = agents(target)[number][1]
        return state and state.terminated
    assert wait_until(ended, "the agent has ended", seconds).exit_code == 0


def app_process(target):
    return node.processes(target.fresh(), "app")[0]


@ways.states("ephemeral", "command", "`kubectl mirror attach pod/NAME 8080:3000`")
@ways.states("ephemeral", "rights", "`get pods`, `list pods`, `create pods/portforward`, "
             "`update pods/ephemeralcontainers`")
@ways.states("ephemeral", "token", "its SHA-256 is in the pod's description")
@ways.states("ephemeral", "stays behind", "the ended container's description")
def test_a_thousand_requests_byte_for_byte_and_nothing_is_left(installed, plain, dev, on_node):
    """The target is an image from scratch: neither a shell nor a library is in it."""
    target, client = plain
    before, restarts = len(target.connections()), target.restarts()
    with LocalProgram() as program, \
            kubectl_mirror(dev, *ways.command("ephemeral", "app", program.port), *IDLE) as mirror:
        mirror.said(STARTED, seconds=60)
        container, state = agents(target)[-1]
        assert state.running
        client.load(target, 1000)
        wait_until(lambda: len(program.connections()) == 100, "all connections came", 20)
        assert mirror.interrupt() == 0, mirror.text()
        assert program.digests() == target.digests(before)
        text = mirror.text()
    assert "100 of 100 connections delivered" in text
    assert "an ephemeral container cannot be removed" in text

    # Nothing of the target's is in it; of the token, its hash alone.
    assert not container.env and not container.env_from and not container.volume_mounts
    assert not container.resources.requests and not container.resources.limits
    token = kept_token(dev)
    assert flag(container, "token-sha256").split("=")[1] == sha256(token)
    assert token not in json.dumps(installed.core.api_client.sanitize_for_serialization(target.fresh()))
    assert token not in text

    await_end(target)
    assert node.packet_sockets(app_process(target)) == 0
    assert not node.processes(target.fresh(), container.name)
    assert target.restarts() == restarts
    left, state = agents(target)[-1]
    assert left.name == container.name and state.terminated


@ways.states("ephemeral", "token", "made for this agent alone")
def test_each_agent_has_a_token_of_its_own(plain, dev):
    target, _ = plain
    tokens = []
    for _ in range(2):
        mirror_text(dev, "attach", "pod/app", *IDLE)
        tokens.append(kept_token(dev))
        assert flag(agents(target)[-1][0], "token-sha256").split("=")[1] == sha256(tokens[-1])
        await_end(target)
        # The file goes once the agent is seen to have ended.
        assert "no agent runs" in mirror_text(dev, "list")
    assert tokens[0] != tokens[1]


@ways.states("ephemeral", "capabilities", "`NET_RAW`")
def test_its_process_has_the_capability_that_the_table_names(plain, dev, on_node):
    target, _ = plain
    mirror_text(dev, "attach", "pod/app", *IDLE)
    container = agents(target)[-1][0]
    assert container.security_context.capabilities.drop == ["ALL"]
    for pid in node.processes(target.fresh(), container.name):
        fields = node.fields(pid)
        assert int(fields["CapBnd"], 16) == int(fields["CapPrm"], 16) == node.CAP_NET_RAW
        assert int(fields["CapEff"], 16) == int(fields["CapInh"], 16) == 0
        assert fields["NoNewPrivs"] == "1"
        assert set(fields["Uid"].split()) == {"65532"}
    await_end(target)


@ways.states("ephemeral", "memory", "the pod's: a budget of 32 MiB, at most two mirrors")
def test_it_has_no_memory_of_its_own_and_two_mirrors_at_most(plain, dev):
    target, _ = plain
    mirror_text(dev, "attach", "pod/app", "--exit-when-idle", "20s")
    container = agents(target)[-1][0]
    assert not container.resources.requests and not container.resources.limits
    assert flag(container, "memory-budget") == "32MiB"
    with LocalProgram() as program:
        mapping = ("pod/app", f"8080:{program.port}")
        with kubectl_mirror(dev, *mapping) as first, kubectl_mirror(dev, *mapping) as second:
            first.said(STARTED)
            second.said(STARTED)
            refused = mirror_text(dev, *mapping, code=3)
            assert "with 3 mirrors the sidecar may need" in refused
            assert "its memory limit is 32 MiB" in refused
            assert first.interrupt() == second.interrupt() == 0
    await_end(target, seconds=60)


@ways.states("ephemeral", "admin's ceilings", "do not hold")
def test_an_admins_ceiling_does_not_bind_it(plain, dev):
    """The chart's --max-ttl=7h, which binds the injected agents of the same installation."""
    target, _ = plain
    with LocalProgram() as program, kubectl_mirror(
            dev, "attach", "pod/app", f"8080:{program.port}", *IDLE, "--ttl", "421m") as mirror:
        mirror.said(STARTED, seconds=60)
        assert mirror.interrupt() == 0, mirror.text()
    await_end(target)


@ways.states("ephemeral", "ends", "without a mirror for 30 s")
def test_it_ends_by_itself_after_the_time_that_the_table_names(plain, dev):
    target, _ = plain
    idle = ways.idle_seconds("ephemeral")
    with LocalProgram() as program, \
            kubectl_mirror(dev, "attach", "pod/app", f"8080:{program.port}") as mirror:
        mirror.said(STARTED, seconds=60)
        assert flag(agents(target)[-1][0], "exit-when-idle") == f"{idle}s"
        asked = time.monotonic()
        assert mirror.interrupt() == 0, mirror.text()
    await_end(target, seconds=idle + 30)
    assert time.monotonic() - asked >= idle


def test_it_is_used_again_listed_mirrored_and_detached(plain, dev):
    target, client = plain
    said = mirror_text(dev, "attach", "pod/app", "--exit-when-idle", "20s")
    assert "next: kubectl mirror pod/app" in said
    number = len(agents(target))
    assert "is used again" in mirror_text(dev, "attach", "app")
    assert len(agents(target)) == number

    before = len(target.connections())
    with LocalProgram() as program, \
            kubectl_mirror(dev, "pod/app", f"8080:{program.port}") as mirror:
        mirror.said(STARTED)
        listed = json.loads(mirror_text(dev, "list", "--output", "json"))["agents"]
        assert [(each["pod"], each["way"], each["state"]) for each in listed] == \
            [("app", "ephemeral", "awake")]
        assert listed[0]["mirrors"][0]["ports"] == [8080]
        client.load(target, 20)
        wait_until(lambda: len(program.connections()) == 2, "all connections came", 20)
        assert "1 mirror of yours has ended" in mirror_text(dev, "detach", "pod/app")
        assert mirror.end() == 0, mirror.text()
        assert program.digests() == target.digests(before)
    await_end(target, seconds=60)
    assert "no agent runs" in mirror_text(dev, "list")
    assert "no agent runs there" in mirror_text(dev, "detach", "app", code=3)


def test_a_client_that_is_killed_leaves_nothing_that_runs(plain, dev, on_node):
    target, client = plain
    with LocalProgram() as program, \
            kubectl_mirror(dev, "attach", "pod/app", f"8080:{program.port}", *IDLE) as mirror:
        mirror.said(STARTED, seconds=60)
        assert node.packet_sockets(app_process(target)) == 1
        client.load(target, 10)
        group = mirror.pid
        os.kill(mirror.pid, signal.SIGKILL)
        assert mirror.end() == -signal.SIGKILL
        # Its kubectl too: the group of a port-forward is its own, and nobody of the session is left.
        wait_until(lambda: not node.session(group), "its children have ended", 10)
    await_end(target, seconds=60)
    assert node.packet_sockets(app_process(target)) == 0
    client.load(target, 10)


def test_two_containers(installed, plain, dev):
    """The network is the pod's: the traffic of either is seen. With --container it ends with that
    one."""
    target, client = plain
    pod = manifests.pod("both", labels={})
    pod["spec"]["containers"].append({**manifests.app_container(
        ("serve", "--listen", ":9090", "--admin", ":9091")), "name": "second",
        "ports": [{"containerPort": 9090}], "readinessProbe": None})
    both, = make_pods(installed, target.namespace, pod)
    with LocalProgram() as first, LocalProgram() as second, \
            kubectl_mirror(dev, "attach", "pod/both", f"8080:{first.port}", f"9090:{second.port}",
                           "--container", "second", "--exit-when-idle", "10m") as mirror:
        mirror.said("mirror m-", seconds=60)
        assert agents(both)[0][0].target_container_name == "second"
        client.load(both, 20)
        both.url = f"http://{both.ip}:9090"
        client.load(both, 30)
        wait_until(lambda: (len(first.connections()), len(second.connections())) == (2, 3),
                   "all connections came", 20)
        assert mirror.interrupt() == 0, mirror.text()
    said = mirror_text(dev, "attach", "pod/both", "--container", "third", "--image", "none", check=False)
    assert "used again" in said or "no container third" in said


@ways.states("ephemeral", "stays behind", "until the pod goes")
def test_a_pod_that_is_replaced_meanwhile(installed, plain, dev):
    target, client = plain
    pod = manifests.pod("brief", labels={})
    brief, = make_pods(installed, target.namespace, pod)
    with LocalProgram() as program, \
            kubectl_mirror(dev, "attach", "pod/brief", f"8080:{program.port}", *IDLE) as mirror:
        wait_until(lambda: agents(brief), "the container is added", 30, every=0.02)
        installed.core.delete_namespaced_pod("brief", target.namespace, grace_period_seconds=0)
        assert mirror.end(90) in (3, 4), mirror.text()
        said = mirror.text()
    assert any(word in said for word in ("replaced", "is gone", "not found", "being deleted", "ended")), said

    def made():
        return installed.exists(installed.core.read_namespaced_pod, "brief", target.namespace) is None
    wait_until(made, "the pod is gone", 30)
    brief, = make_pods(installed, target.namespace, pod)
    assert not agents(brief)
    before = len(brief.connections())
    with LocalProgram() as program, \
            kubectl_mirror(dev, "attach", "pod/brief", f"8080:{program.port}", *IDLE) as mirror:
        mirror.said(STARTED, seconds=60)
        client.load(brief, 20)
        wait_until(lambda: len(program.connections()) == 2, "all connections came", 20)
        assert mirror.interrupt() == 0, mirror.text()
        assert program.digests() == brief.digests(before)


def test_without_the_right_nothing_is_added_and_the_right_is_named(installed, plain, tmp_path):
    target, _ = plain
    number = len(agents(target))
    with developer(installed, target.namespace, tmp_path, name="less", rules=FEWER) as less:
        said = mirror_text(less, "attach", "pod/app", code=3)
        assert "you may not add an ephemeral container" in said
        assert "developerRole.ephemeralContainers" in said
        said = mirror_text(less, "pod/app", "8080:3000", code=3)
        assert "has no mirror agent" in said and "No other way is open to you" in said
    assert len(agents(target)) == number


def test_what_is_open_is_offered(plain, dev):
    said = mirror_text(dev, "pod/app", "8080:3000", code=3)
    assert "has no mirror agent: it was not injected" in said
    assert "\n  kubectl mirror attach pod/app 8080:3000\n" in said


def test_the_charts_role_is_enough_once_it_is_told(installed, plain, tmp_path):
    """The suite installs with developerRole.ephemeralContainers=true."""
    target, _ = plain
    with developer(installed, target.namespace, tmp_path, name="bound") as bound:
        assert "attached" in mirror_text(bound, "attach", "pod/app", *IDLE)
    await_end(target)


@ways.states("ephemeral", "Pod Security", "privileged, baseline")
@ways.states("ephemeral", "capabilities", "under baseline those of the runtime")
@pytest.mark.parametrize("level", ["privileged", "baseline", "restricted"])
def test_pod_security_is_asked(installed, tmp_path, level):
    admitted = level in ways.levels("ephemeral")
    with installed.namespace(f"attach-{level}", {ENFORCE: level}, tokens=False) as namespace, \
            developer(installed, namespace, tmp_path, rules=RULES) as dev:
        target, _ = make_pods(installed, namespace, manifests.pod("app", labels={}), Client.manifest())
        if not admitted:
            said = mirror_text(dev, "attach", "pod/app", "8080:3000", code=3)
            assert "Pod Security forbids the agent as an ephemeral container" in said
            assert "kubectl mirror attach --node pod/app" in said
            assert agents(target) == []
            return
        before = len(target.connections())
        with LocalProgram() as program, \
                kubectl_mirror(dev, "attach", "pod/app", f"8080:{program.port}", *IDLE) as mirror:
            mirror.said(STARTED, seconds=60)
            capabilities = agents(target)[0][0].security_context.capabilities
            assert (capabilities is None) == (level == "baseline"), capabilities
            Client(installed, namespace).load(target, 100)
            wait_until(lambda: len(program.connections()) == 10, "all connections came", 20)
            assert mirror.interrupt() == 0, mirror.text()
            assert program.digests() == target.digests(before)
        await_end(target)


def test_an_image_that_is_not_there_is_said(installed, plain, dev):
    target, _ = plain
    said = mirror_text(dev, "attach", "pod/app", "--image", "nowhere.invalid/dormouse-sidecar:0",
                       code=3, seconds=150)
    assert "the agent's container does not start" in said and "nowhere.invalid" in said
