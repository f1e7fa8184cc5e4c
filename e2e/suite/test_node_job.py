"""`kubectl mirror attach --node`: a pod of a restricted namespace, into which nothing may be brought."""

import json
import os
import time

import kubernetes
import pytest

import ways
from conftest import VALUES, install
from harness import manifests, node
from harness.agents import flag, kept_token, sha256
from harness.cluster import ENFORCE
from harness.developer import User
from harness.local_program import LocalProgram
from harness.mirror import kubectl_mirror
from harness.node_job import SPACE, NodeJobs, allowed, changed
from harness.run import wait_until
from harness.target import Client, make_pods

STARTED = ": port 8080 to 127.0.0.1:"
IDLE = 3
TTL = 2
ON = ("--set", "nodeJob.enabled=true", "--set", f"nodeJob.ttlSecondsAfterFinished={TTL}")
POD = ("spec", "template", "spec")
CONTAINER = (*POD, "containers", 0)


@pytest.fixture(scope="module")
def jobs(installation):
    """Node Jobs, allowed to ana and ben."""
    if int(kubernetes.client.VersionApi().get_code().minor.rstrip("+")) < 30:
        pytest.skip("needs Kubernetes 1.30: ValidatingAdmissionPolicy v1")
    install(installation, *VALUES, *ON)
    found = NodeJobs(installation)
    for user in ("ana", "ben"):
        found.bind(user)
    yield found
    if not os.environ.get("E2E_KEEP"):
        install(installation)


@pytest.fixture(scope="module")
def place(installation, jobs):
    """A restricted namespace in which ana may mirror; ben may not."""
    with installation.namespace("node-job", {ENFORCE: "restricted"}, tokens=False) as name:
        installation.kubectl("--namespace", name, "create", "rolebinding", "ana", "--user=ana",
                             "--clusterrole=dormouse-developer")
        yield name


@pytest.fixture(scope="module")
def pods(installation, place):
    target, _ = make_pods(installation, place, manifests.pod("app", labels={}), Client.manifest())
    return target, Client(installation, place)


@pytest.fixture(scope="module")
def as_ana(installation, tmp_path_factory):
    return User(installation, "ana", tmp_path_factory.mktemp("ana"))


def attach(as_ana, target, *more):
    return kubectl_mirror(as_ana, "attach", "--node", f"pod/{target.name}", "-n", target.namespace,
                          "--exit-when-idle", f"{IDLE}s", *more)


def test_the_ephemeral_way_is_refused_there(as_ana, pods, installation):
    target = pods[0]
    installation.kubectl("--namespace", target.namespace, "create", "role", "ephemeral",
                         "--verb=update", "--resource=pods/ephemeralcontainers")
    installation.kubectl("--namespace", target.namespace, "create", "rolebinding", "ephemeral",
                         "--user=ana", "--role=ephemeral")

    def refused():
        with kubectl_mirror(as_ana, "attach", f"pod/{target.name}", "8080:3000", "-n",
                            target.namespace, "--image", "dormouse-sidecar:0.1.0") as mirror:
            assert mirror.end(60) == 3, mirror.text()
            text = mirror.text()
        assert "Pod Security forbids" in text and "attach --node" in text, text
        return True
    # RBAC learns of a binding a moment later.
    wait_until(refused, "Pod Security refuses the ephemeral container", 20)


@ways.states("node Job", "ends", "with the client that made it")
@ways.states("node Job", "stays behind", "nothing")
def test_a_thousand_requests_byte_for_byte_and_nothing_stays(as_ana, jobs, pods):
    target, client = pods
    before, described = len(target.connections()), target.fresh().spec.to_dict()
    with LocalProgram() as program, \
            attach(as_ana, target, f"8080:{program.port}") as mirror:
        mirror.said(STARTED, seconds=90)
        client.load(target, 1000)
        wait_until(lambda: len(program.connections()) == 100, "all connections came", 20)
        assert mirror.interrupt() == 0, mirror.text()
        assert program.digests() == target.digests(before)
        assert "100 of 100 connections delivered" in mirror.text()
    wait_until(jobs.clean, "the Job and its pod are gone", 20)
    assert target.fresh().spec.to_dict() == described
    assert target.restarts() == {"app": 0}


@ways.states("node Job", "command", "`kubectl mirror attach --node pod/NAME 8080:3000`")
@ways.states("node Job", "rights", "`get pods`, `create pods/portforward`; in the namespace `dormouse-node`: "
             "`get configmaps`, `create jobs`, `get jobs`, `delete jobs`, `list pods`")
@ways.states("node Job", "Pod Security", "privileged, baseline, restricted")
@pytest.mark.parametrize("level", ways.levels("node Job"))
def test_with_the_rights_of_the_table_alone(installation, jobs, tmp_path, level):
    with installation.namespace(f"node-job-{level}", {ENFORCE: level}, tokens=False) as name, \
            allowed(installation, "dan", name, ways.rules("node Job")):
        target, _ = make_pods(installation, name, manifests.pod("app", labels={}), Client.manifest())
        with LocalProgram() as program, kubectl_mirror(
                User(installation, "dan", tmp_path), *ways.command("node Job", "app", program.port),
                "-n", name) as mirror:
            mirror.said(STARTED, seconds=90)
            Client(installation, name).load(target, 20)
            wait_until(lambda: len(program.connections()) == 2, "all connections came", 20)
            assert mirror.interrupt() == 0, mirror.text()
            assert program.digests() == target.digests()
        wait_until(jobs.clean, "the Job and its pod are gone", 20)


@ways.states("node Job", "memory", "a limit of its own, outside of the pod")
@ways.states("node Job", "token", "made for this agent alone; its SHA-256 is in the Job")
def test_its_memory_and_its_token_are_its_own(as_ana, jobs, pods):
    target, tokens = pods[0], []
    for _ in range(2):
        with LocalProgram() as program, attach(as_ana, target, f"8080:{program.port}") as mirror:
            mirror.said(STARTED, seconds=90)
            job, = jobs.jobs()
            container, = job.spec.template.spec.containers
            tokens.append(kept_token(as_ana))
            assert flag(container, "token-sha256").split("=")[1] == sha256(tokens[-1])
            assert container.resources.limits["memory"] == jobs.limits()["memory"]
            assert jobs.pods()[0].metadata.uid != target.pod.metadata.uid
            assert mirror.interrupt() == 0, mirror.text()
        wait_until(jobs.clean, "the Job and its pod are gone", 20)
    assert tokens[0] != tokens[1]


@ways.states("node Job", "admin's ceilings", "hold")
def test_no_request_lifts_an_admins_ceiling(as_ana, jobs, pods):
    with attach(as_ana, pods[0], "8080:3000", "--ttl", "421m") as mirror:
        assert mirror.end(90) == 3, mirror.text()
        assert "ttl 7h1m is above the maximum of 7h" in mirror.text()
    wait_until(jobs.clean, "the Job and its pod are gone", IDLE + TTL + 60)


@ways.states("node Job", "capabilities", "`NET_RAW`")
@ways.states("node Job", "capabilities", "until it has entered also `SYS_PTRACE`, `SYS_ADMIN`, `SETUID`, "
             "`SETGID`, `SETPCAP`, as uid 0 of the node")
def test_one_right_is_left(as_ana, jobs, pods, on_node):
    target = pods[0]
    with LocalProgram() as program, attach(as_ana, target, f"8080:{program.port}") as mirror:
        mirror.said(STARTED, seconds=90)
        spec = jobs.pods()[0].spec
        assert set(spec.containers[0].security_context.capabilities.add) == \
            ways.capabilities(ways.cell("node Job", "capabilities"))
        assert spec.security_context.run_as_user == 0 and spec.host_users is not False
        found = node.processes(jobs.pods()[0], "dormouse")
        assert len(found) == 2, found
        theirs = os.stat(f"/proc/{node.processes(target.fresh(), 'app')[0]}/ns/net").st_ino
        for pid in found:
            assert os.stat(f"/proc/{pid}/ns/net").st_ino == theirs
            fields = node.fields(pid)
            assert fields["Uid"].split() == fields["Gid"].split() == ["65532"] * 4
            assert fields["Groups"] == "" and fields["NoNewPrivs"] == "1"
            assert int(fields["CapPrm"], 16) == node.CAP_NET_RAW
            for name in ("CapInh", "CapEff", "CapBnd", "CapAmb"):
                assert int(fields[name], 16) == 0, name
        mirror.interrupt()
    assert node.packet_sockets(node.processes(target.fresh(), "app")[0]) == 0
    wait_until(jobs.clean, "the Job and its pod are gone", 20)


def test_a_killed_client_leaves_nothing(as_ana, jobs, pods):
    target = pods[0]
    with LocalProgram() as program, attach(as_ana, target, f"8080:{program.port}") as mirror:
        mirror.said(STARTED, seconds=90)
        assert jobs.jobs()
        mirror.kill()
    # A vanished reader is noticed when something is written to it, at the latest a heartbeat.
    wait_until(jobs.clean, "the Job and its pod are gone after the idle time", IDLE + TTL + 60)


@ways.states("node Job", "ends", "without a mirror for 30 s")
def test_it_ends_by_itself_after_the_time_that_the_table_names(as_ana, jobs, pods):
    target, idle = pods[0], ways.idle_seconds("node Job")
    with LocalProgram() as program, kubectl_mirror(
            as_ana, "attach", "--node", f"pod/{target.name}", f"8080:{program.port}",
            "-n", target.namespace) as mirror:
        mirror.said(STARTED, seconds=90)
        assert flag(jobs.jobs()[0].spec.template.spec.containers[0], "exit-when-idle") == f"{idle}s"
        killed = time.monotonic()
        mirror.kill()
    wait_until(jobs.clean, "the Job and its pod are gone after the idle time", idle + TTL + 60)
    assert time.monotonic() - killed >= idle


@ways.states("node Job", "ends", "with the container that it entered")
def test_the_job_ends_with_its_target(installation, as_ana, jobs, place):
    target, = make_pods(installation, place, manifests.pod("short", labels={}))
    with LocalProgram() as program, attach(as_ana, target, f"8080:{program.port}") as mirror:
        mirror.said(STARTED, seconds=90)
        installation.core.delete_namespaced_pod("short", place, grace_period_seconds=1)
        wait_until(lambda: all(job.status.succeeded for job in jobs.jobs()), "the Job is over", 30)
        mirror.end(60)
    wait_until(jobs.clean, "the Job and its pod are gone", TTL + 60)


# --- What the agent refuses ---------------------------------------------------------------------

def test_a_container_that_does_not_exist(jobs, pods):
    target = pods[0]
    job = jobs.manifest(target.fresh(), enter_container="0" * 64)
    assert jobs.ended_because(job).startswith(f"no process of the container {'0' * 64} runs on this")


def test_a_pod_with_the_nodes_network(installation, as_ana, jobs):
    with installation.namespace("node-net", {ENFORCE: "privileged"}, tokens=False) as name:
        installation.kubectl("--namespace", name, "create", "rolebinding", "ana", "--user=ana",
                             "--clusterrole=dormouse-developer")
        spec = manifests.pod_spec(hostNetwork=True)
        target, = make_pods(installation, name, manifests.pod("app", labels={}, spec=spec))
        assert "has no network namespace of its own (hostNetwork)" in \
            jobs.ended_because(jobs.manifest(target.pod))
        with attach(as_ana, target, "8080:3000") as mirror:
            assert mirror.end(30) == 3
            assert "has its node's network" in mirror.text()


def test_another_pod_than_the_one_that_it_is_aimed_at(installation, jobs, pods):
    """ana may forward the ports of `app`, and not those of `secret`; she tells a lie about the rest."""
    target = pods[0]
    with installation.namespace("others", tokens=False) as name:
        secret, = make_pods(installation, name, manifests.pod("secret", labels={}))
        aimed = f"{target.namespace}/{target.name}"
        done = jobs.create(jobs.manifest(secret.pod))
        assert done.returncode != 0 and f"(create pods/portforward): {name}/secret" in done.stderr
        assert jobs.ended_because(jobs.manifest(secret.pod, enter_pod=aimed)) == \
            f"this node has no pod {aimed} with the uid {secret.pod.metadata.uid}"
        uid = target.pod.metadata.uid
        job = jobs.manifest(secret.pod, enter_pod=aimed, enter_pod_uid=uid)
        assert jobs.ended_because(job).endswith(f" is not of the pod with the uid {uid}")


# --- What the API server refuses ----------------------------------------------------------------

SECURITY = (*CONTAINER, "securityContext")
BAD = {
    "image": ((*CONTAINER, "image"), "docker.io/library/busybox:1", "the image must be"),
    "command": ((*CONTAINER, "command"), ["/bin/sh"], "there must be one container, without command"),
    "env": ((*CONTAINER, "env"), [{"name": "DORMOUSE_LISTEN", "value": "0.0.0.0:1"}],
            "there must be one container, without command, env"),
    "hook": ((*CONTAINER, "lifecycle"), {"preStop": {"exec": {"command": ["/dormouse-sidecar"]}}},
             "probes or hooks"),
    "another argument": ((*CONTAINER, "args", 3), "--listen=0.0.0.0:14747", "the arguments must be"),
    "volume": ((*POD, "volumes"), [{"name": "root", "hostPath": {"path": "/"}}], "such as volumes"),
    "hostNetwork": ((*POD, "hostNetwork"), True, "such as volumes, hostNetwork"),
    "hostIPC": ((*POD, "hostIPC"), True, "a field that a Dormouse node Job does not have"),
    "init container": ((*POD, "initContainers"), [{"name": "x", "image": "x"}], "initContainers"),
    "service account": ((*POD, "serviceAccountName"), "other", "serviceAccountName"),
    "token": ((*POD, "automountServiceAccountToken"), True, "automountServiceAccountToken"),
    "service links": ((*POD, "enableServiceLinks"), True, "enableServiceLinks"),
    "no node": ((*POD, "nodeName"), None, "nodeName"),
    "user": ((*POD, "securityContext", "runAsUser"), 1, "the pod's security context"),
    "sysctl": ((*POD, "securityContext", "sysctls"), [{"name": "kernel.shm_rmid_forced", "value": "1"}],
               "the pod's security context"),
    "privileged": (SECURITY, {"privileged": True}, "the container's security context"),
    "capability": ((*SECURITY, "capabilities", "add"), ["SYS_ADMIN", "SYS_MODULE"],
                   "the container's security context"),
    "memory": ((*CONTAINER, "resources", "limits", "memory"), "4Gi", "the resources must be"),
    "storage": ((*CONTAINER, "resources", "requests", "ephemeral-storage"), "1Gi",
                "the resources must be"),
    "priority": ((*POD, "priorityClassName"), "system-node-critical",
                 "a field that a Dormouse node Job does not have"),
    "finalizer": (("spec", "template", "metadata", "finalizers"), ["example.com/never"],
                  "without annotations and finalizers"),
    "message path": ((*CONTAINER, "terminationMessagePath"), "/dormouse-sidecar",
                     "there must be one container"),
    "no limits": ((*CONTAINER, "resources", "limits"), None, "the resources must be"),
    "many": (("spec", "parallelism"), 5, "starts one pod, once"),
    "again": (("spec", "backoffLimit"), 3, "starts one pod, once"),
    "annotation": (("spec", "template", "metadata", "annotations"), {"a": "b"}, "without annotations"),
    "for ever": (("spec", "activeDeadlineSeconds"), None, "activeDeadlineSeconds"),
    "stays": (("spec", "ttlSecondsAfterFinished"), None, "ttlSecondsAfterFinished"),
}


@pytest.mark.parametrize("what", BAD)
def test_another_job_is_refused(jobs, pods, what):
    path, value, sentence = BAD[what]
    done = jobs.create(changed(jobs.manifest(pods[0].pod), path, value))
    assert done.returncode != 0, done.stdout
    assert "ValidatingAdmissionPolicy" in done.stderr and sentence in done.stderr, done.stderr


def test_one_more_argument_is_refused(jobs, pods):
    job = jobs.manifest(pods[0].pod)
    args = job["spec"]["template"]["spec"]["containers"][0]["args"]
    for more in ([*args, "--allow-to=0.0.0.0/0"], args[:-1], ["--insecure", *args], list(reversed(args))):
        done = jobs.create(changed(job, (*CONTAINER, "args"), more))
        assert done.returncode != 0 and "the arguments must be" in done.stderr, (more, done)


def test_who_may_not_forward_the_pods_ports_may_not_aim_at_it(jobs, pods):
    target = pods[0]
    done = jobs.create(jobs.manifest(target.pod), user="ben")
    assert done.returncode != 0
    assert f"(create pods/portforward): {target.namespace}/{target.name}" in done.stderr, done.stderr
    # Without the Role in this namespace, RBAC says so before.
    done = jobs.create(jobs.manifest(target.pod), user="cid")
    assert 'cannot create resource "jobs"' in done.stderr, done.stderr


def test_only_jobs_start_pods_there(installation, jobs, pods):
    """Not even the admin does: whoever may create pods here would have the node."""
    job = jobs.manifest(pods[0].pod)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "by-hand"},
           "spec": job["spec"]["template"]["spec"]}
    done = installation.kubectl("--namespace", SPACE, "create", "--filename", "-",
                                input=json.dumps(pod), check=False)
    assert "in this namespace only Jobs start pods" in done.stderr, done.stderr
    deployment = manifests.deployment("web", labels={})
    installation.kubectl("--namespace", SPACE, "create", "--filename", "-",
                         input=json.dumps(deployment))

    def refused():
        status = installation.apps.read_namespaced_deployment("web", SPACE).status
        return any("only Jobs start pods" in (each.message or "") for each in status.conditions or [])
    try:
        wait_until(refused, "the Deployment's pods are refused", 20)
    finally:
        installation.apps.delete_namespaced_deployment("web", SPACE)


def test_nobody_enters_or_changes_what_runs_there(installation, jobs, as_ana, pods):
    target = pods[0]
    with LocalProgram() as program, attach(as_ana, target, f"8080:{program.port}") as mirror:
        mirror.said(STARTED, seconds=90)
        name = jobs.pods()[0].metadata.name
        for command in (["exec", name, "--", "/dormouse-sidecar", "--version"], ["attach", name],
                        ["debug", name, "--image=busybox", "--target=dormouse"]):
            done = installation.kubectl("--namespace", SPACE, *command, check=False)
            assert "nobody enters or enlarges the pods of this namespace" in done.stderr, (command, done)
        image = [{"op": "replace", "path": "/spec/containers/0/image", "value": "busybox"}]
        with pytest.raises(kubernetes.client.ApiException, match="nobody changes them"):
            installation.core.patch_namespaced_pod(name, SPACE, image)
        mirror.interrupt()
    wait_until(jobs.clean, "the Job and its pod are gone", 20)


def test_a_job_of_before_an_upgrade_is_finished_and_removed(installation, jobs, as_ana, pods):
    """Other limits, other ceilings: what runs still has the former ones, and goes as ever."""
    target = pods[0]
    with LocalProgram() as program, attach(as_ana, target, f"8080:{program.port}") as mirror:
        mirror.said(STARTED, seconds=90)
        install(installation, *VALUES, *ON, "--set", "sidecar.resources.limits.memory=128Mi",
                "--set", "sidecar.ceilings.maxMirrors=2")
        mirror.kill()
    wait_until(jobs.clean, "the Job and its pod are gone after the idle time", IDLE + TTL + 60)
    # A new one has the new ones.
    with LocalProgram() as program, attach(as_ana, target, f"8080:{program.port}") as mirror:
        mirror.said(STARTED, seconds=90)
        assert "--max-mirrors=2" in jobs.pods()[0].spec.containers[0].args
        mirror.interrupt()
    wait_until(jobs.clean, "the Job and its pod are gone", 20)


def test_without_the_value_there_is_nothing(installation, as_ana, jobs, pods):
    """Last in this file: it takes the node Jobs away."""
    install(installation)
    wait_until(lambda: not installation.exists(installation.core.read_namespace, SPACE),
               "the namespace is gone", 60)
    assert not jobs.policies()
    with attach(as_ana, pods[0], "8080:3000") as mirror:
        assert mirror.end(30) == 3
        assert "dormouse-node-developer" in mirror.text(), mirror.text()
