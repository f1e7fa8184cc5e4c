"""The pod's and the developer's network namespaces, joined by a veth pair.

This process is in the pod's namespace; a thread enters the developer's for as long as it makes a
socket or starts a program there (both stay in the namespace they began in).
"""
import contextlib
import ctypes
import os
import pathlib
import socket
import subprocess

POD4, DEV4 = "10.77.0.1", "10.77.0.2"
POD6, DEV6 = "fd77::1", "fd77::2"

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result):
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def _ip(command):
    subprocess.run(["ip", *command.split()], check=True)


class Namespace:
    """A network namespace, known by an open descriptor of it: the calling thread's, or a process's."""

    def __init__(self, process="thread-self"):
        self.fd = os.open(f"/proc/{process}/ns/net", os.O_RDONLY)

    @contextlib.contextmanager
    def entered(self):
        """The calling thread is in this namespace within the block."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            _check(_libc.setns(self.fd, _CLONE_NEWNET))
            yield
        finally:
            _check(_libc.setns(before, _CLONE_NEWNET))
            os.close(before)

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM, protocol=0):
        with self.entered():
            return socket.socket(family, kind, protocol)

    def tcp_ports(self):
        """The local ports of all TCP sockets in this namespace."""
        ports = set()
        with self.entered():
            for table in ("tcp", "tcp6"):
                lines = pathlib.Path(f"/proc/thread-self/net/{table}").read_text().splitlines()
                ports.update(int(line.split()[1].rpartition(":")[2], 16) for line in lines[1:])
        return ports

    def start(self, command, **options):
        """subprocess.Popen in this namespace."""
        with self.entered():
            return subprocess.Popen(command, **options)

    def run(self, command, **options):
        """Runs to the end; returns subprocess.CompletedProcess with its text output."""
        options.setdefault("timeout", 120)
        with self.entered():
            return subprocess.run(command, capture_output=True, **options)


class Lab:
    """Both namespaces. REQUIRES: the process is alone in namespaces made by e2e/in_namespace."""

    def __init__(self):
        self.pod = Namespace()
        _check(_libc.unshare(_CLONE_NEWNET))
        self.dev = Namespace()
        _check(_libc.setns(self.pod.fd, _CLONE_NEWNET))
        _ip("link set lo up")
        _ip(f"link add eth0 type veth peer name eth0 netns /proc/{os.getpid()}/fd/{self.dev.fd}")
        self._address(POD4, POD6)
        with self.dev.entered():
            _ip("link set lo up")
            self._address(DEV4, DEV6)
        # Answers to made-up addresses go the way their packets came.
        _ip(f"route add default via {DEV4}")
        _ip(f"-6 route add default via {DEV6}")
        for name in ("all", "default", "eth0"):
            with contextlib.suppress(OSError):
                pathlib.Path(f"/proc/sys/net/ipv4/conf/{name}/rp_filter").write_text("0")

    @staticmethod
    def _address(v4, v6):
        _ip(f"address add {v4}/24 dev eth0")
        _ip(f"address add {v6}/64 dev eth0 nodad")
        _ip("link set eth0 up")


def packet_sockets():
    """The pod's packet sockets: the lines of /proc/net/packet behind its heading."""
    return pathlib.Path("/proc/self/net/packet").read_text().splitlines()[1:]
