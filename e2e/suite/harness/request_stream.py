"""GET /v1/stream in format ndjson, read by curl."""

import contextlib
import json
import subprocess
import tempfile

from .run import wait_until


class RequestStream:
    """The requests of one mirror so far."""

    def __init__(self, log, mirror):
        self._log, self.mirror = log, mirror

    def records(self):
        with open(self._log.name, encoding="utf-8") as log:
            # The last line may be on its way.
            return [json.loads(line) for line in log if line.strip() and line.endswith("\n")]

    def requests(self):
        return [record for record in self.records() if record["type"] == "request"]

    def wait(self, count, seconds=20):
        """Waits for so many requests, and returns them."""
        def reached():
            found = self.requests()
            assert len(found) >= count, found
            return found
        return wait_until(reached, f"{count} requests have come", seconds)


@contextlib.contextmanager
def request_stream(sidecar, **query):
    """A mirror of the app's requests that is live; `query`: its keys beside port and format."""
    before = {mirror["id"] for mirror in sidecar.mirrors()}
    keys = {"port": 8080, "format": "ndjson", **query}
    command = ["curl", "-sSNG", "-H", f"Authorization: Bearer {sidecar.token}",
               f"http://127.0.0.1:{sidecar.port}/v1/stream"]
    for key, value in keys.items():
        command += ["--data-urlencode", f"{key}={value}"]
    with tempfile.NamedTemporaryFile("w", suffix=".ndjson") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log)
        try:
            def woken():
                assert process.poll() is None, "curl has ended"
                return [each["id"] for each in sidecar.mirrors()
                        if each["id"] not in before and each["state"] == "active"]
            yield RequestStream(log, wait_until(woken, "the stream is live", 20)[0])
        finally:
            process.kill()
            process.wait()
