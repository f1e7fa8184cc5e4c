"""What the benchmark measures with: the pod and its clients' namespace, the programs, and the sidecar.

The programs are those of the build that BUILD names, the first argument of bench.py.
"""
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

BUILD = pathlib.Path(sys.argv[1]).resolve()
PORT, H2_PORT, CONTROL, PUSH = 8080, 8082, 4747, 3000
POD, PEER = "10.99.0.1", "10.99.0.2"
TOKEN = "bench"
HEADERS = {"Authorization": "Bearer " + TOKEN}
H2_SERVER = """
daemon off; master_process off; user root; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  scgi_temp_path {dir}/s; uwsgi_temp_path {dir}/u;
  server {{ listen {port} http2; location / {{ return 200 "ok"; }} }}
}}
"""


def wait_until(holds, what, seconds=10):
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError("waited in vain for " + what)
        time.sleep(0.005)


def listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Cpu:
    """A process's CPU time from its making on. Threads that ended meanwhile are left out: they are
    idle ones of the server's pool, the data thread lives as long as its mirror."""

    def __init__(self, pid):
        self.pid = pid
        self.before = self.read()

    def read(self):
        times = {}
        for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            try:
                times[task.name] = int((task / "schedstat").read_text().split()[0])
            except FileNotFoundError:
                pass  # It ended between the two looks.
        return times

    def used_ns(self):
        return sum(ns - self.before.get(task, 0) for task, ns in self.read().items())


def children(pid):
    return [int(p) for p in
            pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def stop(process, sig=signal.SIGTERM):
    process.send_signal(sig)
    out, _ = process.communicate(timeout=20)
    return out.decode() if out else ""


def rows_of(text):
    return {k: float(v) for k, v in (line.split(": ") for line in text.splitlines() if ": " in line)}


class Peer:
    """A second network namespace, joined by a veth pair: where the clients live."""

    def __init__(self):
        self.process = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        wait_until(lambda: os.readlink(f"/proc/{self.process.pid}/ns/net")
                   != os.readlink("/proc/self/ns/net"), "the peer's namespace")
        for command in ("ip link set lo up",
                        f"ip link add veth0 type veth peer name veth1 netns {self.process.pid}",
                        f"ip addr add {POD}/24 dev veth0", "ip link set veth0 up"):
            subprocess.run(command.split(), check=True)
        for command in (f"ip addr add {PEER}/24 dev veth1", "ip link set veth1 up"):
            subprocess.run(self.prefix() + command.split(), check=True)

    def prefix(self):
        return ["nsenter", "-t", str(self.process.pid), "-n"]

    def h2load(self, rate, seconds, connections=16):
        """Requests of HTTP/2, paced, all of which must be answered; as pacer()."""
        count = rate * seconds
        command = self.prefix() + ["h2load", f"--requests={count}", f"--clients={connections}",
                                   f"--rps={rate // connections}", "--max-concurrent-streams=1",
                                   f"http://{POD}:{H2_PORT}/bench"]
        out = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.decode()
        if f" {count} succeeded" not in out:
            raise RuntimeError("h2load: " + out)
        return {"requests": float(count)}

    def pacer(self, *arguments):
        command = self.prefix() + [str(BUILD / "bench/bench_pacer"), *map(str, arguments)]
        out = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        return rows_of(out.decode())


def app(port=PORT, discard=False):
    command = [str(BUILD / "bench/bench_app"), "--listen", f"0.0.0.0:{port}"]
    process = subprocess.Popen(command + (["--discard"] if discard else []),
                               stdout=subprocess.PIPE)
    wait_until(lambda: listening(port), f"the application on {port}")
    return process


def h2_app(directory):
    """nginx, which takes HTTP/2 in plain text."""
    directory = pathlib.Path(directory) / "h2"
    directory.mkdir()
    config = directory / "nginx.conf"
    config.write_text(H2_SERVER.format(dir=directory, port=H2_PORT))
    process = subprocess.Popen(["nginx", "-c", str(config), "-p", str(directory), "-e",
                                str(directory / "error.log")])
    wait_until(lambda: listening(H2_PORT), "nginx")
    return process


class Sidecar:
    def __init__(self, directory):
        tokens = pathlib.Path(directory) / "tokens"
        tokens.mkdir(exist_ok=True)
        (tokens / "bench").write_text(TOKEN)
        self.process = subprocess.Popen(
            [str(BUILD / "sidecar/dormouse-sidecar"), "--token-dir", str(tokens),
             "--allow-to", "127.0.0.0/8", "--log-level", "error"], stderr=subprocess.DEVNULL)
        wait_until(lambda: listening(CONTROL), "the sidecar")
        self.worker = children(self.process.pid)[0]

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", CONTROL, timeout=30)
        connection.request(method, path, body, HEADERS)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text}")
        return json.loads(text)

    def stream(self, query):
        """A reader of a stream that keeps up: curl to /dev/null."""
        process = subprocess.Popen(
            ["curl", "-sN", "-H", "Authorization: Bearer " + TOKEN, "-o", "/dev/null",
             f"http://127.0.0.1:{CONTROL}/v1/stream?{query}"])
        wait_until(lambda: self.call("GET", "/v1/status")["state"] == "awake", "the stream")
        return process

    def push(self):
        self.call("POST", "/v1/mirrors", json.dumps(
            {"ports": [PORT], "to": f"127.0.0.1:{PUSH}"}))

    def sleep(self):
        """Ends all mirrors once their connections have settled; the final ledger."""
        wait_until(lambda: all(m["ledger"]["connections"]["open"] == 0
                               for m in self.call("GET", "/v1/status")["mirrors"]),
                   "the mirror's connections to settle", 20)
        return self.call("DELETE", "/v1/mirrors")["mirrors"][0]["ledger"]
