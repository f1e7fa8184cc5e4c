"""An HTTP/1 server that answers in every way that the protocol has."""
import re
import socket
import threading
import time


def chunked(body):
    parts = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 7]), body[i:i + 7])
                     for i in range(0, len(body), 7))
    return parts + b"0\r\n\r\n"


class OddApp:
    """The path says how: /KIND/NUMBER. Bodies hold the path. A thread for each connection, since a
    test has few."""

    def __init__(self, address, namespace=None, bodies=None):
        self._bodies = bodies or (lambda path: b"body of " + path.encode())
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._listener = namespace.socket(family) if namespace else socket.socket(family)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(address)
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        data = b""
        try:
            while True:
                while b"\r\n\r\n" not in data:
                    part = connection.recv(1 << 16)
                    if not part:
                        return
                    data += part
                head, data = data.split(b"\r\n\r\n", 1)
                length = int((re.search(rb"(?i)content-length: (\d+)", head) or [0, 0])[1])
                if b"100-continue" in head.lower():
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                while len(data) < length:
                    data += connection.recv(1 << 16)
                data = data[length:]
                method, path, _ = head.decode("latin-1").split(" ", 2)
                if not self._answer(connection, method, path):
                    return
        except OSError:
            pass
        finally:
            connection.close()

    def _answer(self, connection, method, path):
        """False ends the connection."""
        kind = path.split("/")[1]
        if kind == "slow":
            time.sleep(0.005)
        body = self._bodies(path)
        sized = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
        if kind == "chunked":
            head, sent = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunked(body)
        elif kind == "close":
            head, sent = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", body
        elif kind == "none":
            head, sent = b"HTTP/1.1 204 No Content\r\n\r\n", b""
        elif kind == "same":
            head, sent = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", b""
        elif kind == "early":
            head, sent = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + sized, body
        elif kind == "missing":
            head, sent = b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n" % len(body), body
        elif kind == "cut":
            connection.sendall(sized + body[:3])
            return False
        else:
            head, sent = sized, body
        connection.sendall(head if method == "HEAD" else head + sent)
        return kind != "close"
