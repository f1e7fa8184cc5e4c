"""A process that looks like the container of a pod on this machine: its cgroup, its mounts, and a
network namespace of its own. Needs root outside of any user namespace."""
import contextlib
import os
import pathlib
import subprocess
import sys
import uuid

from lab.namespaces import Namespace
from lab.waiting import wait_until

# A server in the pod: it answers each connection with what it has received.
SERVER = """
import http.server
class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_):
        pass
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("127.0.0.1", 8080), Echo).serve_forever()
"""


class Cgroup:
    """A cgroup as containerd names one, in whichever hierarchy can be written to. Removed by end()."""

    def __init__(self, pod_uid, container):
        self._made = []
        self.directory = None
        name = pathlib.Path(f"dormouse-test-{os.getpid()}-{pod_uid[:8]}", f"pod{pod_uid}", container)
        for root in self._roots():
            with contextlib.suppress(OSError):
                for part in (name.parts[:1], name.parts[:2], name.parts):
                    root.joinpath(*part).mkdir()
                    self._made.append(root.joinpath(*part))
                self.directory = root / name
                return
        self.end()
        raise OSError("no hierarchy of cgroups can be written to")

    @staticmethod
    def _roots():
        top = pathlib.Path("/sys/fs/cgroup")
        if (top / "cgroup.controllers").exists():
            return [top]
        return [top / each for each in ("pids", "freezer", "systemd") if (top / each).is_dir()]

    def add(self, pid):
        (self.directory / "cgroup.procs").write_text(str(pid))

    def end(self):
        for directory in reversed(self._made):
            # A process that was killed leaves it a moment later.
            with contextlib.suppress(AssertionError):
                wait_until(lambda: self._removed(directory), f"{directory} can be removed", 5)

    @staticmethod
    def _removed(directory):
        try:
            directory.rmdir()
        except FileNotFoundError:
            pass
        except OSError:
            return False
        return True


class PretendedPod:
    """Runs a server on the loopback of its own network namespace, or (`host_network`) of ours."""

    def __init__(self, directory, host_network=False):
        self.name, self.uid = "shop/web-0", str(uuid.uuid4())
        self.container = uuid.uuid4().hex + uuid.uuid4().hex
        self.logs = directory / "log" / "pods"
        (self.logs / f"shop_web-0_{self.uid}").mkdir(parents=True)
        mounts = directory / "kubelet" / "pods" / self.uid
        mounts.mkdir(parents=True)
        (mounts / "etc-hosts").write_text("127.0.0.1 localhost\n")
        self.cgroup = Cgroup(self.uid, self.container)
        own = [] if host_network else ["--net"]
        self.process = subprocess.Popen(
            ["unshare", *own, "--mount", "sh", "-c",
             'ip link set lo up; mount --bind "$1" /etc/hosts; read go; exec "$2" -c "$3"', "pod",
             str(mounts / "etc-hosts"), sys.executable, SERVER],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self.cgroup.add(self.process.pid)
        self.process.stdin.write(b"go\n")
        self.process.stdin.close()
        # Until it is the server, it may not have left our namespace yet. Its name tells: what it is
        # to run stands in the command of every step before, too.
        wait_until(lambda: self._command().startswith(sys.executable), "the pod's server starts")
        self.network = Namespace(self.process.pid)
        wait_until(lambda: 8080 in self.network.tcp_ports(), "the pod's server listens")

    def _command(self):
        return pathlib.Path(f"/proc/{self.process.pid}/cmdline").read_text()

    def flags(self, **other):
        """What the agent is told, with some of it replaced: container="…"."""
        given = {"pod": self.name, "pod_uid": self.uid, "container": self.container,
                 "pod_logs": str(self.logs), **other}
        return [f"--enter-{name.replace('_', '-')}={value}" for name, value in given.items()]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        if self.process.poll() is None:
            self.kill()
        self.cgroup.end()
