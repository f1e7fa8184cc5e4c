"""Every kind of workload; what runs to completion completes with the sidecar in it."""

import json

import pytest

import ways
from harness import manifests
from harness.cluster import is_ready
from harness.manifests import pod_spec, template
from harness.run import wait_until

JOB = {"backoffLimit": 0, "template": template("job", spec=pod_spec(["wait", "2s"],
                                                                    restartPolicy="Never"))}


@pytest.fixture(scope="module")
def workloads(installed, space):
    """One of each kind, all at once."""
    selector = {"selector": {"matchLabels": {"app": "set"}}}
    daemon = {"selector": {"matchLabels": {"app": "daemon"}}, "template": template("daemon")}
    failing = {"backoffLimit": 0, "template": template(
        "failing", spec=pod_spec(["wait", "nonsense"], restartPolicy="Never"))}
    scheduled = {"schedule": "* * * * *", "jobTemplate": {"spec": {
        **JOB, "template": template("scheduled", spec=pod_spec(["wait", "1s"],
                                                               restartPolicy="OnFailure"))}}}
    apps, batch = installed.apps, installed.batch
    batch.create_namespaced_cron_job(space, {"metadata": {"name": "scheduled"}, "spec": scheduled})
    batch.create_namespaced_job(space, {"metadata": {"name": "job"}, "spec": JOB})
    batch.create_namespaced_job(space, {"metadata": {"name": "failing"}, "spec": failing})
    apps.create_namespaced_deployment(space, manifests.deployment("web", replicas=2))
    apps.create_namespaced_stateful_set(space, {"metadata": {"name": "set"}, "spec": {
        **selector, "replicas": 2, "serviceName": "set", "podManagementPolicy": "Parallel",
        "template": template("set")}})
    apps.create_namespaced_daemon_set(space, {"metadata": {"name": "daemon"}, "spec": daemon})
    return installed


def assert_injected(pod):
    assert pod.spec.init_containers[0].name == "dormouse", pod.metadata.name
    assert json.loads(pod.metadata.annotations["dormouse.dev/status"])["mode"] == "native"


@pytest.mark.parametrize("kind, app, count", [("Deployment", "web", 2), ("StatefulSet", "set", 2),
                                              ("DaemonSet", "daemon", 1)])
def test_what_runs_for_ever(workloads, space, kind, app, count):
    def running():
        pods = workloads.pods(space, f"app={app}")
        return pods if len(pods) >= count and all(map(is_ready, pods)) else None
    for pod in wait_until(running, f"{count} pods of the {kind} are ready", 90):
        assert_injected(pod)


def sidecar_ended(pod):
    """The sidecar was told to go when the app had ended, and went by itself."""
    status = next(each for each in pod.status.init_container_statuses if each.name == "dormouse")
    return status.state.terminated and status.state.terminated.exit_code == 0


@ways.states("injected", "ends", "with the pod")
def test_a_job_completes(workloads, space):
    wait_until(lambda: workloads.batch.read_namespaced_job("job", space).status.succeeded == 1,
               "the Job has succeeded", 60)
    pod, = workloads.pods(space, "app=job")
    assert_injected(pod)
    assert pod.status.phase == "Succeeded" and sidecar_ended(pod)


def test_a_job_that_fails_is_seen_to_fail(workloads, space):
    wait_until(lambda: workloads.batch.read_namespaced_job("failing", space).status.failed == 1,
               "the Job has failed", 60)
    pod, = workloads.pods(space, "app=failing")
    assert_injected(pod)
    assert pod.status.phase == "Failed"


def test_a_cron_jobs_job_completes(workloads, space):
    def completed():
        jobs = workloads.batch.list_namespaced_job(space).items
        return [job for job in jobs if (job.metadata.owner_references or [])
                and job.metadata.owner_references[0].kind == "CronJob" and job.status.succeeded]
    wait_until(completed, "a Job of the CronJob has succeeded", 100)
    pod = workloads.pods(space, "app=scheduled")[0]
    assert_injected(pod)
    workloads.batch.delete_namespaced_cron_job("scheduled", space)
