"""The sidecar's figures: CPU per request beside a floor and tcpdump, latency, bulk, sleep.

Prints `name: value` rows. CPU is the sum over /proc/PID/task/*/schedstat. Every measurement checks
that everything was delivered; one that did not deliver everything is `failed`. Absolute rates swing
on shared machines: compare the ratios, which come from interleaved runs.

Usage: bench.py BUILD_DIR, inside network, mount and PID namespaces of its own (see bench/run).
"""
import http.client
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = pathlib.Path(sys.argv[1]).resolve()
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "10"))
PAIRS = int(os.environ.get("BENCH_PAIRS", "15"))
PAIR_SECONDS = int(os.environ.get("BENCH_PAIR_SECONDS", "4"))
PORT, H2_PORT, CONTROL, PUSH = 8080, 8082, 4747, 3000
POD, PEER = "10.99.0.1", "10.99.0.2"
TOKEN = "bench"
HEADERS = {"Authorization": "Bearer " + TOKEN}
# Mirrors of requests. Both filters' expressions match every request of the load, so that all of them
# must be delivered; the second one is searched in a header's value.
REQUESTS = {
    "http": f"port={PORT}&format=ndjson",
    "http_filter": f"port={PORT}&method=GET&path=^/(bench|api)&header=user-agent:^bench_",
    "h2": f"port={H2_PORT}&format=ndjson",
}
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


def row(name, value):
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    print(f"{name}: {text}", flush=True)


def note(text):
    print("# " + text, file=sys.stderr, flush=True)


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

    def h2load(self, rate, connections=16):
        """Requests of HTTP/2, paced, all of which must be answered; as pacer()."""
        count = rate * SECONDS
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


def delivered_share(ledger, sent):
    """Of the bytes that were sent, what share was delivered; 1.0 only if every connection was."""
    whole = ledger["connections"]["delivered"] == ledger["connections"]["seen"]
    share = ledger["bytes"] / sent if sent else 0.0
    return share if whole else min(share, 0.999)


def delivered_requests(ledger, sent):
    """As delivered_share(), of requests that were sent."""
    account = ledger["requests"]
    whole = account["delivered"] == account["seen"] == sent
    share = account["delivered"] / sent if sent else 0.0
    return share if whole else min(share, 0.999)


class Bench:
    def __init__(self, directory):
        self.peer = Peer()
        self.app = app()
        self.local = app(PUSH)
        self.h2_app = h2_app(directory)
        self.sidecar = Sidecar(directory)
        self.filter = subprocess.run([str(BUILD / "bench/bench_filter"), str(PORT)], check=True,
                                     stdout=subprocess.PIPE).stdout.decode().strip()
        # The generator's request has one length; the application's count tells how many came.
        self.request_bytes = self.measure_request()
        self.shares = {"stream": [], "push": [], **{kind: [] for kind in REQUESTS}}

    def measure_request(self):
        curl = self.sidecar.stream(f"port={PORT}")
        load = self.peer.pacer("--target", f"{POD}:{PORT}", "--rate", 100, "--seconds", 1)
        ledger = self.sidecar.sleep()
        curl.wait()
        size = ledger["bytes"] / load["requests"]
        if size != int(size):
            raise RuntimeError("the first stream lost something: " + json.dumps(ledger))
        return int(size)

    def load(self, saturate, kind=""):
        if kind == "h2":
            return self.peer.h2load(8000)
        pace = ["--saturate"] if saturate else ["--rate", 8000]
        return self.peer.pacer("--target", f"{POD}:{PORT}", "--seconds", SECONDS, *pace)

    def mirrored(self, kind, saturate):
        """CPU of the sidecar per request in microseconds, or None if something was lost."""
        if kind == "push":
            curl = self.sidecar.push()
        else:
            curl = self.sidecar.stream(REQUESTS.get(kind, f"port={PORT}"))
        cpu = Cpu(self.sidecar.worker)
        load = self.load(saturate, kind)
        used = cpu.used_ns()
        ledger = self.sidecar.sleep()
        if curl:
            curl.wait()
        if kind in REQUESTS:
            share = delivered_requests(ledger, load["requests"])
        else:
            share = delivered_share(ledger, load["requests"] * self.request_bytes)
        self.shares[kind].append(share)
        note(f"{kind} {'saturated' if saturate else 'paced'}: {load['requests']:.0f} requests, "
             f"share delivered {share:.6f}, {used / 1000 / load['requests']:.3f} us")
        if share < 1:
            note(json.dumps(ledger))
        return used / 1000 / load["requests"] if share == 1 else None

    def beside(self, command, saturate):
        """The same for another capture program; ready once its packet socket is there."""
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        wait_until(lambda: len(pathlib.Path("/proc/net/packet").read_text().splitlines()) > 1,
                   command[0])
        cpu = Cpu(process.pid)
        load = self.load(saturate)
        used = cpu.used_ns()
        stop(process)
        note(f"{os.path.basename(command[0])}: {used / 1000 / load['requests']:.3f} us")
        return used / 1000 / load["requests"]

    def cpu(self, saturate):
        floor = [str(BUILD / "bench/bench_floor"), self.filter]
        tcpdump = ["tcpdump", "-n", "-B", "8192", "-i", "any", "-w", "/dev/null", self.filter]
        beside = tcpdump if saturate else floor
        stream, push, other = [], [], []
        requests = {} if saturate else {kind: [] for kind in REQUESTS}
        for _ in range(ROUNDS):
            stream.append(self.mirrored("stream", saturate))
            other.append(self.beside(beside, saturate))
            for kind, values in requests.items():
                values.append(self.mirrored(kind, saturate))
            push.append(self.mirrored("push", saturate))
        mode = "saturated" if saturate else "paced"
        self.cpu_rows(f"stream_cpu_us_per_request_{mode}", stream)
        if saturate:
            self.cpu_rows("tcpdump_cpu_us_per_request_saturated", other)
            self.ratio_row("stream_cpu_vs_tcpdump_ratio_saturated", stream, other)
        else:
            self.cpu_rows("floor_cpu_us_per_request_paced", other)
            self.ratio_row("stream_cpu_vs_floor_ratio_paced", stream, other)
        for kind, values in requests.items():
            self.cpu_rows(f"{kind}_cpu_us_per_request_{mode}", values)
        self.cpu_rows(f"push_cpu_us_per_request_{mode}", push)

    @staticmethod
    def cpu_rows(name, values):
        row(name, "failed" if None in values else statistics.median(values))

    @staticmethod
    def ratio_row(name, values, others):
        if None in values:
            row(name, "failed")
        else:
            row(name, statistics.median(a / b for a, b in zip(values, others)))

    def share_rows(self):
        for kind, shares in self.shares.items():
            # Six digits: 0.999999 must not read as everything.
            row(f"{kind}_delivered_ratio", f"{min(shares):.6f}")

    def bulk(self):
        best = 0.0
        server = app(9090, discard=True)
        for offered in (1, 2, 3, 5, 8):
            curl = self.sidecar.stream("port=9090")
            load = self.peer.pacer("--target", f"{POD}:9090", "--bulk", offered, "--seconds", 5)
            ledger = self.sidecar.sleep()
            curl.wait()
            share = delivered_share(ledger, load["bytes"])
            note(f"bulk: offered {offered}, sent {load['gbit_per_s']:.2f} Gbit/s, share {share:.6f}"
                 + ("" if share == 1 else " " + json.dumps(ledger)))
            if share < 1 or load["gbit_per_s"] < 0.9 * offered:
                break
            best = float(offered)
        stop(server)
        row("bulk_gbit_per_s_without_loss", best)

    def p99(self):
        return self.peer.pacer("--target", f"{POD}:{PORT}", "--rate", 2000, "--seconds",
                               PAIR_SECONDS)["p99_us"]

    def latency(self):
        mirrored, null = [], []
        for _ in range(PAIRS):
            without = self.p99()
            curl = self.sidecar.stream(f"port={PORT}")
            with_mirror = self.p99()
            self.sidecar.sleep()
            curl.wait()
            mirrored.append(with_mirror / without)
            null.append(self.p99() / self.p99())
        row("app_p99_ratio_with_mirror", statistics.median(mirrored))
        row("app_p99_ratio_null", statistics.median(null))

    def wake(self):
        """From the request to the first byte that a pod's client sent, on connections that were
        open before: the traffic flows all the time."""
        command = self.peer.prefix() + [str(BUILD / "bench/bench_pacer"), "--target",
                                        f"{POD}:{PORT}", "--rate", "4000", "--seconds", "20"]
        load = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        times = []
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", CONTROL)) as reader:
                begin = time.monotonic()
                reader.sendall((f"GET /v1/stream?port={PORT}&midstream=raw HTTP/1.1\r\n"
                                f"Host: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n").encode())
                got = b""
                # The head, the stream's magic, and the first record: the first connection.
                while len(got.partition(b"\r\n\r\n")[2]) <= 4:
                    got += reader.recv(65536)
                times.append((time.monotonic() - begin) * 1000)
            wait_until(lambda: self.sidecar.call("GET", "/v1/status")["state"] == "asleep",
                       "the sidecar to sleep")
        load.terminate()
        load.wait()
        row("wake_to_first_byte_ms", statistics.median(times))

    def asleep(self):
        def anon(pid):
            for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("RssAnon:"):
                    return int(line.split()[1])
            raise RuntimeError("no RssAnon")

        def switches():
            total = 0
            for pid in (self.sidecar.process.pid, self.sidecar.worker):
                for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                    for line in (task / "status").read_text().splitlines():
                        if line.startswith("voluntary_ctxt_switches:"):
                            total += int(line.split()[1])
            return total

        time.sleep(1)
        before = switches()
        time.sleep(SECONDS)
        row("asleep_wakeups_per_s", (switches() - before) / SECONDS)
        row("asleep_rss_anon_kib", anon(self.sidecar.worker))
        row("asleep_rss_anon_kib_pid1", anon(self.sidecar.process.pid))
        row("asleep_packet_sockets",
            len(pathlib.Path("/proc/net/packet").read_text().splitlines()) - 1)

    def close(self):
        for process in (self.sidecar.process, self.app, self.local, self.h2_app,
                        self.peer.process):
            process.terminate()
            process.wait()


def main():
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(directory)
        try:
            bench.cpu(saturate=False)
            bench.cpu(saturate=True)
            bench.share_rows()
            bench.bulk()
            bench.latency()
            bench.wake()
        finally:
            bench.close()
        bench.sidecar = Sidecar(directory)
        try:
            bench.asleep()
        finally:
            bench.sidecar.process.terminate()
            bench.sidecar.process.wait()


if __name__ == "__main__":
    main()
