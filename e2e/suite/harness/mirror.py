"""`kubectl mirror`, as a developer starts it in a terminal."""

import contextlib
import os
import signal
import subprocess
import tempfile

from .run import wait_until


class Mirror:
    """A running `kubectl mirror`."""

    def __init__(self, process, log):
        self._process, self._log = process, log

    @property
    def pid(self):
        return self._process.pid

    def text(self):
        """What it has printed so far, on either output."""
        self._log.flush()
        with open(self._log.name, errors="replace") as log:
            return log.read()

    def said(self, what, times=1, seconds=30):
        """Waits until it has printed that text so often."""
        def reached():
            assert self._process.poll() is None or self.text().count(what) >= times, \
                f"it ended with {self._process.returncode}:\n{self.text()}"
            return self.text().count(what) >= times
        try:
            wait_until(reached, f"kubectl mirror says {what!r} {times} times", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\nIt said:\n{self.text()}") from None

    def interrupt(self, seconds=20):
        """Ctrl-C; its exit code."""
        self._process.send_signal(signal.SIGINT)
        return self.end(seconds)

    def kill(self):
        """SIGKILL, as when the machine goes: nothing can be tidied up."""
        self._process.kill()
        self._process.wait()

    def end(self, seconds=20):
        """Waits for its end; its exit code."""
        return self._process.wait(timeout=seconds)


@contextlib.contextmanager
def kubectl_mirror(cluster, *arguments, stdout=None):
    """`stdout`: a file for what is not meant for a terminal, such as a capture."""
    with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
        process = subprocess.Popen(["kubectl", "mirror", *map(str, arguments)],
                                   env=cluster.environment, stdin=subprocess.DEVNULL,
                                   stdout=stdout or log, stderr=log, start_new_session=True)
        try:
            yield Mirror(process, log)
        finally:
            if process.poll() is None:
                # Its kubectl children too, should it not have ended by itself.
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
