"""`kubectl-mirror exec` with a server, whose ports are mirrored while they are open."""
import pathlib
import signal
import subprocess
import sys

from .case import APP_PORT, LOCAL_PORT, LabCase, patience, wait_until
from .sidecar import CLIENT

SERVERS = pathlib.Path(__file__).parents[1] / "servers"
PYTHON = sys.executable
MAP = ("--map", f"{LOCAL_PORT}:{APP_PORT}")


class Exec:
    """A running `kubectl-mirror exec`."""

    def __init__(self, test, sidecar, command, flags=MAP, wrapper=(), **options):
        self._out, self._err = (test.directory / f"exec{len(list(test.directory.glob('exec*')))}.{end}"
                                for end in ("out", "err"))
        words = [*wrapper, str(CLIENT), "exec", "--url", sidecar.url, "--token-file",
                 str(sidecar.token_directory / "ana"), *flags, "--", *command]
        with self._out.open("wb") as out, self._err.open("wb") as err:
            options.setdefault("stdin", subprocess.DEVNULL)
            self.process = subprocess.Popen([str(word) for word in words], stdout=out, stderr=err,
                                            **options)
        test.addCleanup(self.kill)

    def kill(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(patience(10))
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()

    def out(self):
        return self._out.read_text(errors="replace")

    def err(self):
        return self._err.read_text(errors="replace")

    def await_said(self, text, times=1):
        def said():
            return self.err().count(text) >= times or self.process.poll() is not None
        wait_until(said, f"the client says {text!r}: {self.err()}", 20)
        if self.err().count(text) < times:
            raise AssertionError(f"the client ended without saying {text!r}: {self.err()}")

    def end(self, number=signal.SIGTERM):
        """Sends a signal to the client alone; (its end as subprocess tells it, what it said)."""
        self.process.send_signal(number)
        return self.process.wait(patience(20)), self.err()


class ExecCase(LabCase):
    def setUp(self):
        super().setUp()
        self.taken = self.directory / "taken"
        self.taken.mkdir()

    def payloads(self):
        """What each connection to the program brought, once it has ended."""
        return [path.read_bytes() for path in self.taken.glob("whole-*")]

    def server(self, port=LOCAL_PORT, *more):
        return [PYTHON, SERVERS / "server.py", port, self.taken, *more]

    def processes(self):
        """Process ids of the servers of this test."""
        found = []
        for line in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = line.read_bytes().split(b"\0")
            except OSError:
                continue
            if str(self.taken).encode() in words and b"exec" not in words:
                found.append(int(line.parent.name))
        return sorted(found)

    def mirrored(self, command, requests=30, flags=MAP, wrapper=()):
        """Requests to the pod reach the program byte for byte, until it ends."""
        self.nginx()
        sidecar = self.sidecar()
        client = Exec(self, sidecar, command, flags, wrapper)
        client.await_said(f"port {APP_PORT} to ")
        self.assert_woken()
        sent = self.play("exec", requests)
        self.settled(sidecar, sent)
        code, said = client.end()
        self.assertEqual(code, -signal.SIGTERM, said)
        self.assertIn(f"verdict: {len(sent)} of {len(sent)} connections delivered\n", said)
        self.assert_asleep()
        return said

    def settled(self, sidecar, sent):
        wait_until(lambda: len(self.payloads()) >= len(sent), "the program saw every end", 20)
        self.assert_same(self.payloads(), sorted(data for data, _, _ in sent))
        for mirror in self.active(sidecar):
            sidecar.wait_settled(mirror["id"])
