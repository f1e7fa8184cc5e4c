"""GET /v1/stream in the formats of requests, read by curl and the tools that a developer has."""
import json
import subprocess

from lab.waiting import patience, wait_until


class CurlStream:
    """`curl -sN` on a stream, its output piped into `command` or kept. Live once made."""

    def __init__(self, test, sidecar, command=None, caller="ana", **query):
        self._test = test
        head = test.directory / f"head{len(list(test.directory.glob('head*')))}"
        self.path = head.with_suffix(".out")
        arguments = ["curl", "-sNG", "-D", str(head), "-H",
                     f"Authorization: Bearer {sidecar.tokens[caller]}",
                     f"http://127.0.0.1:{sidecar.port}/v1/stream"]
        for key, value in query.items():
            for one in value if isinstance(value, (list, tuple)) else [value]:
                arguments += ["--data-urlencode", f"{key}={one}"]
        with self.path.open("wb") as output:
            self.curl = subprocess.Popen(arguments, stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE if command else output)
            self.reader = None
            if command:
                self.reader = subprocess.Popen(command, stdin=self.curl.stdout, stdout=output)
                self.curl.stdout.close()
        test.addCleanup(self.kill)
        wait_until(lambda: head.exists() and b"\r\n\r\n" in head.read_bytes() or
                   self.curl.poll() is not None, "the stream's head is there")
        lines = head.read_text().splitlines()
        assert " 200" in lines[0], lines
        self.mirror = next(line.split(": ")[1] for line in lines
                           if line.lower().startswith("dormouse-mirror: "))

    def output(self):
        return self.path.read_bytes()

    def records(self):
        """Of the lines that are there whole."""
        return [json.loads(line) for line in self.output().split(b"\n")[:-1] if line.strip()]

    def requests(self):
        return [record for record in self.records() if record["type"] == "request"]

    def wait_end(self):
        for process in (self.curl, self.reader):
            if process:
                process.wait(patience(10))

    def kill(self):
        for process in (self.curl, self.reader):
            if process and process.poll() is None:
                process.kill()
            if process:
                process.wait()
