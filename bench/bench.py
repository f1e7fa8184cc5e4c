"""The sidecar's figures: CPU per request beside a floor and tcpdump, latency, bulk, sleep.

Prints `name: value` rows. CPU is the sum over /proc/PID/task/*/schedstat. Every measurement checks
that everything was delivered; one that did not deliver everything is `failed`. Absolute rates swing
on shared machines: compare the ratios, which come from interleaved runs.

Usage: bench.py BUILD_DIR, inside network, mount and PID namespaces of its own (see bench/run).
"""
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from rig import (BUILD, CONTROL, H2_PORT, POD, PORT, PUSH, TOKEN, Cpu, Peer, Sidecar, app, h2_app, stop,
                 wait_until)

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "10"))
PAIRS = int(os.environ.get("BENCH_PAIRS", "15"))
PAIR_SECONDS = int(os.environ.get("BENCH_PAIR_SECONDS", "4"))
# Mirrors of requests. Both filters' expressions match every request of the load, so that all of them
# must be delivered; the second one is searched in a header's value.
REQUESTS = {
    "http": f"port={PORT}&format=ndjson",
    "http_filter": f"port={PORT}&method=GET&path=^/(bench|api)&header=user-agent:^bench_",
    "h2": f"port={H2_PORT}&format=ndjson",
}


def row(name, value):
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    print(f"{name}: {text}", flush=True)


def note(text):
    print("# " + text, file=sys.stderr, flush=True)


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
            return self.peer.h2load(8000, SECONDS)
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
