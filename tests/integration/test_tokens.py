"""Who may call: tokens, wrong tokens, rotated tokens, none at all."""
import hashlib
import unittest

from lab.case import LabCase
from lab.namespaces import packet_sockets


class Tokens(LabCase):
    CALLS = (("GET", "/v1/status"), ("GET", "/v1/mirrors"), ("GET", "/v1/mirrors/m-1"),
             ("POST", "/v1/mirrors"), ("DELETE", "/v1/mirrors"), ("DELETE", "/v1/mirrors/m-1"),
             ("GET", "/v1/stream?port=8080"), ("GET", "/metrics"), ("GET", "/openapi.json"),
             ("GET", "/nowhere"))

    def check_refused(self, answer, status):
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
        if status == 401:
            self.assertTrue(answer.headers["WWW-Authenticate"].startswith("Bearer"))

    def test_without_a_token(self):
        sidecar = self.sidecar()
        for method, path in self.CALLS:
            with self.subTest(method=method, path=path):
                self.check_refused(sidecar.call(method, path, caller=None), 401)
        self.assertEqual(sidecar.call("GET", "/healthz", caller=None).body, b"ok\n")
        self.assertEqual(packet_sockets(), [])

    def test_wrong_tokens_are_slowed_down_and_right_ones_pass(self):
        sidecar = self.sidecar()
        wrong = ("Bearer wrong", "Bearer ", "Basic dG9rZW4tb2YtYW5h", "token-of-ana",
                 "Bearer token-of-ana-and-more", "Bearer token-of-an", "Bearer  ",
                 "Bearer TOKEN-OF-ANA", "Bearer token-of-ana\ttoken-of-ana", "Bearer x" * 100)
        answers = [sidecar.call("GET", "/v1/status", caller=value) for value in wrong]
        for answer in answers:
            self.check_refused(answer, 401)
        for _ in range(5):
            answer = sidecar.call("GET", "/v1/status", caller="Bearer wrong")
            self.check_refused(answer, 429)
            self.assertGreater(int(answer.headers["Retry-After"]), 0)
            self.assertEqual(sidecar.call("GET", "/v1/status", caller="ana").status, 200)
        self.assertEqual(sidecar.call("GET", "/v1/status", caller="bearer token-of-ben").status,
                         200, "the scheme's name knows no case")

    def test_rotated_tokens(self):
        sidecar = self.sidecar()
        mirror = sidecar.call("POST", "/v1/mirrors", {"ports": [8080], "to": "127.0.0.1:3000"})
        self.assertEqual(mirror.status, 201, mirror)
        old = "Bearer " + sidecar.tokens["ana"]
        sidecar.mount_tokens({"ana": "another-token-of-ana", "eve": "token-of-eve"})
        self.check_refused(sidecar.call("GET", "/v1/status", caller=old), 401)
        self.check_refused(sidecar.call("GET", "/v1/status", caller="Bearer token-of-ben"), 401)
        self.assertEqual(sidecar.call("GET", "/v1/status", caller="eve").status, 200)
        # A principal is its name: the mirror is still ana's.
        path = f"/v1/mirrors/{mirror.json()['id']}"
        self.assertEqual(sidecar.call("DELETE", path, caller="eve").status, 403)
        self.assertEqual(sidecar.call("DELETE", path, caller="ana").status, 200)

    def test_no_token_at_all(self):
        sidecar = self.sidecar(tokens={})
        for method, path in self.CALLS:
            answer = sidecar.call(method, path, caller="Bearer anything")
            self.check_refused(answer, 503)
            self.assertIn("no credentials are configured", answer.json()["detail"])
        self.assertEqual(sidecar.call("GET", "/healthz", caller=None).status, 200)
        # They come later, as an injector fills the Secret.
        sidecar.mount_tokens({"ana": "token-of-ana"})
        self.assertEqual(sidecar.call("GET", "/v1/status").status, 200)
        # And go: dot files and empty ones are no principals.
        sidecar.mount_tokens({})
        (sidecar.token_directory / ".hidden").write_text("token-of-ana")
        (sidecar.token_directory / "empty").write_text("\n")
        for value in ("Bearer token-of-ana", "Bearer ", "Bearer"):
            self.check_refused(sidecar.call("GET", "/v1/status", caller=value), 503)

    def test_hashed_token(self):
        digest = hashlib.sha256(b"hashed-token").hexdigest()
        sidecar = self.sidecar("--token-sha256", f"zoe={digest}")
        self.assertEqual(sidecar.call("GET", "/v1/status", caller="Bearer hashed-token").status, 200)
        self.check_refused(sidecar.call("GET", "/v1/status", caller=f"Bearer {digest}"), 401)


if __name__ == "__main__":
    unittest.main()
