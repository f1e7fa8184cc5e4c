"""Real HTTP requests whose every byte is known, over raw sockets."""
import random
import socket

MIB = 1 << 20


def request(method, path, body=b"", headers=()):
    """The bytes of one HTTP/1.1 request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: pod.example", *headers]
    if body or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class HttpConnection:
    """One connection to the pod's app that keeps what it sent."""

    def __init__(self, sock, address, timeout=30):
        sock.settimeout(timeout)
        sock.connect(address)
        self.local = sock.getsockname()[:2]
        self.sent = bytearray()
        self._socket = sock
        self._input = b""

    def send(self, data):
        self._socket.sendall(data)
        self.sent += data

    def ask(self, data, head=False):
        """Sends one request and reads its answer: (status, body)."""
        self.send(data)
        return self.answer(head)

    def answer(self, head=False):
        while b"\r\n\r\n" not in self._input:
            self._receive()
        top, self._input = self._input.split(b"\r\n\r\n", 1)
        lines = top.decode("latin-1").split("\r\n")
        status = int(lines[0].split()[1])
        fields = dict(line.lower().split(": ", 1) for line in lines[1:])
        length = 0 if head or status == 204 else int(fields["content-length"])
        while len(self._input) < length:
            self._receive()
        body, self._input = self._input[:length], self._input[length:]
        return status, body

    def _receive(self):
        part = self._socket.recv(1 << 18)
        if not part:
            raise ConnectionError("the app closed the connection before its answer was whole")
        self._input += part

    def reset(self):
        """Ends the connection by RST."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self._socket.close()

    def close(self):
        """Ends our side and waits for the app's end, so that no unread byte makes a reset."""
        self._socket.shutdown(socket.SHUT_WR)
        while self._socket.recv(1 << 16):
            pass
        self._socket.close()


def plan(seed, requests):
    """`requests` requests over several connections, some with one request, some with many, each
    with its own path: a list of connections, each a list of (method, path, body)."""
    chance = random.Random(seed)
    sizes = [0, 1, 100, 1460, 5000, 65535, 65536, 300_000, MIB]
    connections, number = [], 0
    while number < requests:
        few = len(connections) % 2 == 0
        here = min(1 if few else chance.randint(4, 8), requests - number)
        connection = []
        for _ in range(here):
            method = ("GET", "POST", "PUT")[number % 3]
            # Every third body in turn, so that the largest is always there.
            size = 0 if method == "GET" else sizes[(number // 2) % len(sizes)]
            connection.append((method, f"/{seed}/{number:03}.bin", chance.randbytes(size)))
            number += 1
        connections.append(connection)
    return connections


def play(connect, connections, check):
    """Sends a plan, connection after connection. `connect()` gives an HttpConnection;
    `check(method, path, body, status, answer)` judges each answer. Returns a list of
    (sent bytes, number of requests, local address)."""
    sent = []
    for connection in connections:
        app = connect()
        for method, path, body in connection:
            check(method, path, body, *app.ask(request(method, path, body)))
        app.close()
        sent.append((bytes(app.sent), len(connection), app.local))
    return sent
