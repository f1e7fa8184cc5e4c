"""The sidecar as a program, and its control API as a client sees it."""
import http.client
import json
import os
import pathlib
import signal
import ssl
import subprocess
import time

from lab.certificate import self_signed
from lab.namespaces import POD4
from lab.waiting import patience, wait_until

BUILD = pathlib.Path(os.environ.get("LAB_BUILD", "build/release")).resolve()
SIDECAR = BUILD / "sidecar" / "dormouse-sidecar"
CLIENT = BUILD / "client" / "kubectl-mirror"

# What a sanitizer or the supervisor prints when something went wrong.
ALARMS = ("Sanitizer", "runtime error:", "the worker ended", "Assertion", "terminate called")


class Answer:
    """An HTTP answer, read whole."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:500]!r}"


def balances(ledger):
    """None if each account of a ledger adds up, else which does not and how."""
    for kind in {"packets", "connections", "requests", "responses"} & ledger.keys():
        account = ledger[kind]
        total = account["delivered"] + account["open"] + sum(account["skipped"].values())
        if account["seen"] != total:
            return f"{kind} do not add up: {account}"
    return None


class Sidecar:
    """A running dormouse-sidecar. `tokens`: principal -> token, kept as files of a directory that
    looks like a mounted Secret; None: no --token-dir at all. `tls`: it listens on the pod's address,
    with a certificate for it, and not on loopback."""

    def __init__(self, directory, flags=(), tokens=None, port=4747, wrapper=(), tls=False):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = port
        self.tokens = {"ana": "token-of-ana", "ben": "token-of-ben"} if tokens is None else tokens
        self.token_directory = self.directory / "tokens"
        self.mount_tokens(self.tokens)
        self.address = POD4 if tls else "127.0.0.1"
        self.certificate = None
        if tls:
            self.certificate, key = self_signed(self.directory, f"IP:{POD4}")
            flags = ("--tls-cert", str(self.certificate), "--tls-key", str(key), *flags)
        self.url = f"{'https' if tls else 'http'}://{self.address}:{port}"
        command = [*wrapper, str(SIDECAR), "--token-dir", str(self.token_directory),
                   "--listen", f"{self.address}:{port}", *flags]
        self._errors = (self.directory / "sidecar.err").open("wb")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                        stdout=self._errors, stderr=self._errors)
        self.expected_alarms = ()
        self.local_ports = None  # An iterator of them for calls, where the kernel may not choose.
        self.expected_exit = 0
        wait_until(self._healthy, "the sidecar answers /healthz", 20)

    def mount_tokens(self, tokens):
        """Writes the tokens as the kubelet updates a Secret: a new directory, then the symbolic link
        ..data renamed over the old one."""
        self.tokens = tokens
        root = self.token_directory
        root.mkdir(exist_ok=True)
        version = f"..{time.monotonic_ns()}"
        (root / version).mkdir()
        for name, token in tokens.items():
            (root / version / name).write_text(token + "\n")
        (root / "..new").symlink_to(version)
        (root / "..new").rename(root / "..data")
        for entry in root.iterdir():
            if not entry.name.startswith(".") and entry.name not in tokens:
                entry.unlink()
        for name in tokens:
            if not (root / name).is_symlink():
                (root / name).symlink_to(f"..data/{name}")

    def call(self, method, path, body=None, caller="ana", headers=None, timeout=30):
        """One request. `caller`: a principal, None for no token, or a ready Authorization value."""
        fields = dict(headers or {})
        if caller in self.tokens:
            fields["Authorization"] = "Bearer " + self.tokens[caller]
        elif caller is not None:
            fields["Authorization"] = caller
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if self.certificate:
            connection = http.client.HTTPSConnection(self.address, self.port,
                                                     timeout=patience(timeout),
                                                     context=self._tls_context())
        else:
            source = (self.address, next(self.local_ports)) if self.local_ports else None
            connection = http.client.HTTPConnection(self.address, self.port,
                                                    timeout=patience(timeout),
                                                    source_address=source)
        try:
            connection.request(method, path, body, fields)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def connect(self, sock):
        """Connects `sock` to the control API; what is returned speaks TLS if the sidecar does."""
        sock.connect((self.address, self.port))
        if not self.certificate:
            return sock
        return self._tls_context().wrap_socket(sock, server_hostname=self.address)

    def _tls_context(self):
        return ssl.create_default_context(cafile=self.certificate)

    def report(self, mirror):
        """GET /v1/mirrors/{id}, its ledger checked."""
        answer = self.call("GET", f"/v1/mirrors/{mirror}")
        assert answer.status == 200, answer
        report = answer.json()
        fault = balances(report["ledger"])
        assert fault is None, fault
        return report

    def connections(self, mirror):
        return self.report(mirror)["ledger"]["connections"]

    def mirrors(self):
        listing = self.call("GET", "/v1/mirrors", caller=next(iter(self.tokens))).json()
        return listing["mirrors"] if isinstance(listing, dict) else listing

    def wait_settled(self, mirror, connections=None, seconds=20):
        """Waits until nothing of the mirror is open, after `connections` were seen; its report."""
        def settled():
            report = self.report(mirror)
            account = report["ledger"]["connections"]
            enough = connections is None or account["seen"] >= connections
            return report if account["open"] == 0 and enough else None
        try:
            return wait_until(settled, f"mirror {mirror} settles", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.report(mirror)}") from None

    def errors(self):
        return (self.directory / "sidecar.err").read_text(errors="replace")

    def log_lines(self, **fields):
        """The JSON lines of its log in which all `fields` have these values."""
        lines = []
        for line in self.errors().splitlines():
            if line.startswith("{"):
                record = json.loads(line)
                if all(record.get(key) == value for key, value in fields.items()):
                    lines.append(record)
        return lines

    def alarms(self):
        return [line for line in self.errors().splitlines()
                if any(a in line for a in ALARMS) and not any(e in line
                                                              for e in self.expected_alarms)]

    def workers(self):
        """Process ids of the supervisor's children."""
        found = []
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[1]) == self.process.pid and fields[0] != "Z":
                found.append(int(stat.parent.name))
        return found

    def stop(self, number=signal.SIGTERM):
        """Asks it to end; returns (exit code, seconds it took)."""
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(patience(20))
        self._errors.close()
        return code, time.monotonic() - began

    def _healthy(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the sidecar ended at once: {self.errors()}")
        try:
            return self.call("GET", "/healthz", caller=None).status == 200
        except OSError:
            return False
