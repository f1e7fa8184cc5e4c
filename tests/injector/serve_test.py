#!/usr/bin/env python3
"""The injector as a process: TLS, slow clients, rotation, drain, and the documentation's commands.

Usage: serve_test.py INJECTOR DOCUMENT [unittest arguments]
"""
import base64
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

INJECTOR = ""
DOCUMENT = ""
REVIEW = {
    "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
    "request": {"uid": "u-1", "operation": "CREATE", "namespace": "web",
                "resource": {"group": "", "version": "v1", "resource": "pods"},
                "object": {"metadata": {"generateName": "web-", "labels": {"dormouse.dev/inject": "true"}},
                           "spec": {"containers": [{"name": "app", "image": "app"}]}}}}


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=30, **options)


def make_certificate(folder, expired=False):
    """A self-signed pair, moved into place one file after the other, as a renewal would be."""
    request = ("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
               "-keyout", f"{folder}/new.key", "-subj", "/CN=localhost",
               "-addext", "subjectAltName=DNS:localhost")
    if expired:  # Only `openssl ca` can date a certificate back.
        config = f"{folder}/ca.cnf"
        pathlib.Path(config).write_text(
            f"[ca]\ndefault_ca=d\n[d]\ndatabase={folder}/index\nrand_serial=yes\n"
            f"new_certs_dir={folder}\ndefault_md=sha256\npolicy=p\ncopy_extensions=copy\n"
            f"[p]\ncommonName=supplied\n", encoding="utf-8")
        pathlib.Path(f"{folder}/index").touch()
        commands = (request + ("-out", f"{folder}/csr"),
                    ("openssl", "ca", "-batch", "-selfsign", "-config", config, "-keyfile",
                     f"{folder}/new.key", "-in", f"{folder}/csr", "-out", f"{folder}/new.crt", "-notext",
                     "-startdate", "20200101000000Z", "-enddate", "20200102000000Z"))
    else:
        commands = (request + ("-x509", "-days", "1", "-out", f"{folder}/new.crt"),)
    for command in commands:
        done = run(*command)
        assert done.returncode == 0, done.stderr
    os.replace(f"{folder}/new.crt", f"{folder}/tls.crt")
    os.replace(f"{folder}/new.key", f"{folder}/tls.key")


class Injector:
    """One process with certificates of its own, on ports the kernel chooses."""

    def __init__(self, *flags, expired=False):
        self.folder = tempfile.mkdtemp(prefix="dormouse-")
        make_certificate(self.folder, expired)
        self.log = open(f"{self.folder}/log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [INJECTOR, "--cert-mode=files", f"--cert-file={self.folder}/tls.crt",
             f"--key-file={self.folder}/tls.key", "--sidecar-image=registry.example/dormouse:1",
             "--native-sidecar=always", "--listen=127.0.0.1:0", "--health-listen=127.0.0.1:0",
             "--shutdown-delay=1s", *flags], stderr=self.log)
        self.port = self.wait_for(r'"address":"127.0.0.1:(\d+)","tls":true')
        self.health = self.wait_for(r'"address":"127.0.0.1:(\d+)","tls":false')
        self.wait_for(r"a (new certificate) is served")

    def text(self):
        return pathlib.Path(f"{self.folder}/log").read_text(encoding="utf-8")

    def wait_for(self, pattern, count=1):
        for _ in range(500):
            found = re.findall(pattern, self.text())
            if len(found) >= count:
                return found[0]
            time.sleep(0.02)
        raise AssertionError(f"{pattern} does not come: {self.text()[-2000:]}")

    def curl(self, path="/mutate/baseline", *arguments, body=json.dumps(REVIEW), port=None,
             content="application/json"):
        return run("curl", "-s", "-w", "\n%{http_code}", "--cacert", f"{self.folder}/tls.crt",
                   "--resolve", f"localhost:{port or self.port}:127.0.0.1",
                   "-H", f"Content-Type: {content}", "-d", body, *arguments,
                   f"https://localhost:{port or self.port}{path}")

    def context(self):
        return ssl.create_default_context(cafile=f"{self.folder}/tls.crt")

    def connect(self, context=None):
        plain = socket.create_connection(("127.0.0.1", int(self.port)), timeout=10)
        return (context or self.context()).wrap_socket(plain, server_hostname="localhost")

    def ready(self):
        return run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
                   f"http://127.0.0.1:{self.health}/readyz").stdout

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(timeout=30)
        self.log.close()
        shutil.rmtree(self.folder)
        return code


def post(connection, body=None):
    """One review over an open connection: status and whether the connection goes on."""
    payload = (body or json.dumps(REVIEW)).encode()
    connection.sendall(b"POST /mutate/baseline?timeout=3s HTTP/1.1\r\nHost: localhost\r\n"
                       b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(payload)
                       + payload)
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            raise ConnectionError("closed without an answer")
        data += part
    head, _, rest = data.partition(b"\r\n\r\n")
    length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
    while len(rest) < length:
        part = connection.recv(65536)
        if not part:
            raise ConnectionError("closed in the middle of an answer")
        rest += part
    return int(head.split()[1]), b"connection: close" not in head.lower(), json.loads(rest)


class Serve(unittest.TestCase):
    def setUp(self):
        self.injector = Injector()
        self.addCleanup(self.injector.stop)

    def status(self, *arguments, **options):
        return self.injector.curl(*arguments, **options).stdout.rsplit("\n", 1)[1]

    def test_answers_say_what_is_wrong(self):
        self.assertEqual(self.status(), "200")
        self.assertEqual(self.status("/mutate/none"), "404")
        self.assertEqual(self.status("/mutate/baseline", "-X", "PUT"), "405")
        self.assertEqual(self.status(content="text/plain"), "415")
        self.assertEqual(self.status(body="{"), "400")
        large = f"{self.injector.folder}/large"
        pathlib.Path(large).write_bytes(b" " * (8 * 1024 * 1024 + 1))
        self.assertEqual(self.status(body="@" + large), "413")
        self.assertEqual(self.injector.ready(), "200")

    def test_tls_versions(self):
        for flag, good in (("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)):
            done = run("openssl", "s_client", "-connect", f"127.0.0.1:{self.injector.port}", flag,
                       "-cipher", "ALL@SECLEVEL=0", "-CAfile", f"{self.injector.folder}/tls.crt",
                       "-verify_return_error", stdin=subprocess.DEVNULL)
            self.assertEqual(done.returncode == 0, good, flag + done.stderr)

    def test_plain_http_and_wrong_ca_get_nothing(self):
        done = run("curl", "-s", f"http://127.0.0.1:{self.injector.port}/mutate/baseline", "-d", "{}")
        self.assertNotEqual(done.returncode, 0)
        other = Injector()
        self.addCleanup(other.stop)
        self.assertEqual(other.curl(port=self.injector.port).returncode, 60)

    def test_slow_clients_do_not_starve_reviews(self):
        port = int(self.injector.port)
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
        half = []
        for _ in range(50):  # Half a TLS record.
            client = socket.create_connection(("127.0.0.1", port))
            client.sendall(b"\x16\x03\x01\x02\x00\x01")
            half.append(client)
        slow = [self.injector.connect() for _ in range(50)]
        stop = threading.Event()

        def dribble():
            sent = 0
            request = b"POST /mutate/baseline HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100
            while not stop.wait(0.2) and sent < len(request):
                for client in slow:
                    try:
                        client.sendall(request[sent:sent + 1])
                    except OSError:
                        pass
                sent += 1

        thread = threading.Thread(target=dribble)
        thread.start()
        try:
            worst = 0.0
            for _ in range(50):
                began = time.monotonic()
                with self.injector.connect() as connection:
                    self.assertEqual(post(connection)[0], 200)
                worst = max(worst, time.monotonic() - began)
            self.assertLess(worst, 3, "an API server would have given up")
        finally:
            stop.set()
            thread.join()
            for client in idle + half + slow:
                client.close()

    def test_rotation_under_load_fails_no_request(self):
        failures, counts, stop = [], [0, 0], threading.Event()
        # Trusts whatever is served: the point is that no request is lost.
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

        def work(keep):
            connection = None
            while not stop.is_set():
                try:
                    if connection is None:
                        connection = self.injector.connect(context)
                    status, goes_on, _ = post(connection)
                    if status != 200:
                        failures.append(status)
                    counts[keep] += 1
                    if not keep or not goes_on:
                        connection.close()
                        connection = None
                except OSError as error:
                    failures.append(repr(error))
                    connection = None
            if connection is not None:
                connection.close()

        threads = [threading.Thread(target=work, args=(keep,)) for keep in (0, 1, 1)]
        for thread in threads:
            thread.start()
        try:
            make_certificate(self.injector.folder)
            self.injector.wait_for("a new certificate is served", count=2)
        finally:
            time.sleep(0.3)
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failures, [])
        self.assertGreater(min(counts), 5)
        self.assertEqual(self.injector.curl().returncode, 0)  # Verified with the new one.

    def test_sigterm_drains(self):
        connection = self.injector.connect()
        self.assertEqual(post(connection)[:2], (200, True))
        self.injector.process.send_signal(signal.SIGTERM)
        self.injector.wait_for('"message":"(ending)"')
        self.assertEqual(self.injector.ready(), "503")
        self.assertEqual(post(connection)[:2], (200, False))
        connection.close()
        with self.injector.connect() as late:
            self.assertEqual(post(late)[0], 200)
        self.assertEqual(self.injector.process.wait(timeout=20), 0)

    def test_metrics(self):
        self.injector.curl()
        text = run("curl", "-s", f"http://127.0.0.1:{self.injector.health}/metrics").stdout
        self.assertIn('dormouse_injector_reviews_total{reason="",result="injected"} 1', text)
        self.assertIn("dormouse_injector_review_duration_seconds_count 1", text)
        self.assertIn('dormouse_injector_review_duration_seconds_bucket{le="3"} 1', text)
        self.assertRegex(text, r'certificate_expiry_timestamp_seconds\{certificate="leaf"\} \d')


class Expired(unittest.TestCase):
    def test_an_expired_leaf_is_not_ready(self):
        injector = Injector(expired=True)
        self.addCleanup(injector.stop)
        self.assertEqual(injector.ready(), "503")
        self.assertEqual(injector.curl().returncode, 60)


class Documented(unittest.TestCase):
    def test_the_commands_of_the_documentation(self):
        text = pathlib.Path(DOCUMENT).read_text(encoding="utf-8")
        section = text.split("<!-- by hand -->")[1].split("<!-- end -->")[0]
        script = "\n".join(re.findall(r"```sh\n(.*?)```", section, re.S))
        # As written, with fixed ports: in a network namespace of its own nobody else has them.
        alone = pathlib.Path(DOCUMENT).parents[1] / "e2e/in_namespace"
        script = "ip link set lo up\n" + script
        with tempfile.TemporaryDirectory() as folder:
            path = f"{os.path.dirname(INJECTOR)}:{os.environ['PATH']}"
            done = run(alone, "bash", "-euo", "pipefail", "-c", script, cwd=folder,
                       env={**os.environ, "PATH": path})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('"path": "/spec/initContainers"', done.stdout)
        self.assertIn('"name": "dormouse"', done.stdout)


if __name__ == "__main__":
    INJECTOR, DOCUMENT = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
