"""Programs that take HTTP/2: nghttpd, whose verbose log says what it got, and gRPC."""
import base64
import json
import pathlib
import re
import subprocess

from lab.waiting import patience, wait_until

# What a cautious program may ask for: 1 KiB windows, a header table of 128 bytes, three streams.
CAUTIOUS = ("--window-bits=10", "--header-table-size=128", "--encoder-header-table-size=0",
            "--max-concurrent-streams=3")
_FIELD = re.compile(r"\[id=(\d+)\].*recv \(stream_id=(\d+)\) ([^ ]+?): (.*)")
_DATA = re.compile(r"\[id=(\d+)\].*recv (DATA|HEADERS) frame <length=(\d+), flags=0x(\w+), "
                   r"stream_id=(\d+)>")


# The interpreter that the package python3-grpcio is for, whichever other one comes first on PATH.
SYSTEM_PYTHON = "/usr/bin/python3"


class Nghttpd:
    """nghttpd on a port of a namespace."""

    def __init__(self, test, namespace, address, *flags):
        files = test.directory / f"files{address[1]}"
        files.mkdir()
        (files / "index").write_text("here it is")
        self._log = test.directory / f"nghttpd{address[1]}.log"
        with self._log.open("wb") as output:
            self.process = namespace.start(
                ["nghttpd", "--no-tls", "-v", "-a", address[0], "-d", str(files), *flags,
                 str(address[1])],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        test.addCleanup(self.stop)
        def answers():
            with namespace.socket() as probe:
                return probe.connect_ex(address) == 0
        wait_until(answers, "nghttpd answers")

    def requests(self):
        """[(method, path, body bytes, fields)] of the whole requests, sorted."""
        found = {}
        whole = []
        for line in self._log.read_text(errors="replace").splitlines():
            if match := _FIELD.match(line):
                connection, stream, name, value = match.groups()
                found.setdefault((connection, stream), [0, {}])[1][name] = value
            elif match := _DATA.match(line):
                connection, kind, length, flags, stream = match.groups()
                request = found.setdefault((connection, stream), [0, {}])
                if kind == "DATA":
                    request[0] += int(length)
                if int(flags, 16) & 1:
                    whole.append((connection, stream))
        return sorted(((found[one][1][":method"], found[one][1][":path"], found[one][0],
                        found[one][1]) for one in whole), key=lambda request: request[:3])

    def paths(self):
        return [path for _, path, _, _ in self.requests()]

    def complaints(self):
        return [line for line in self._log.read_text(errors="replace").splitlines()
                if "INVALID" in line or "GOAWAY" in line and "NO_ERROR" not in line
                and "0x00" not in line]

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(patience(10))


class GrpcServer:
    """A gRPC server that writes every call down."""

    def __init__(self, test, namespace, address, *flags):
        self._log = test.directory / f"grpc{address[1]}.log"
        self.process = namespace.start(
            [SYSTEM_PYTHON, "-B", str(pathlib.Path(__file__).with_name("grpc_peer.py")), "serve",
             f"{address[0]}:{address[1]}", str(self._log), *flags], stdin=subprocess.DEVNULL)
        test.addCleanup(self.stop)
        wait_until(lambda: self._log.exists(), "the gRPC server listens")

    def calls(self):
        """[(method, [message, …])], sorted."""
        return sorted((call["method"], [base64.b64decode(one) for one in call["messages"]])
                      for call in map(json.loads, self._log.read_text().splitlines()))

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(patience(10))


def grpc_calls(namespace, address, count):
    """`count` calls of each kind, all of which must succeed; what was sent, as calls() says it."""
    done = namespace.run([SYSTEM_PYTHON, "-B",
                          str(pathlib.Path(__file__).with_name("grpc_peer.py")), "call",
                          f"{address[0]}:{address[1]}", str(count)], text=True)
    assert done.returncode == 0, done.stderr
    return sorted((call["method"], [base64.b64decode(one) for one in call["messages"]])
                  for call in map(json.loads, done.stdout.splitlines()))


def grpc_failure(namespace, address):
    """A call of a method that the server does not have."""
    done = namespace.run([SYSTEM_PYTHON, "-B",
                          str(pathlib.Path(__file__).with_name("grpc_peer.py")), "fail",
                          f"{address[0]}:{address[1]}"], text=True)
    assert done.returncode == 0, done.stderr


def messages(body):
    """The messages of a gRPC request's body (length-prefixed, not compressed)."""
    found = []
    while body:
        length = int.from_bytes(body[1:5], "big")
        assert body[0] == 0 and len(body) >= 5 + length, body[:20]
        found.append(body[5:5 + length])
        body = body[5 + length:]
    return found


def content(request):
    """The content of a request or response, as ndjson shows it."""
    if "body_base64" in request:
        return base64.b64decode(request["body_base64"])
    return request.get("body", "").encode()
