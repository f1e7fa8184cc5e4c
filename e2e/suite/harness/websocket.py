"""A WebSocket client (RFC 6455) for the test app, which echoes."""

import base64
import os
import socket


class WebSocket:
    """A client of the app's echo."""

    def __init__(self, address):
        self._socket = socket.create_connection((address, 8080), timeout=10)
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(f"GET /websocket HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\n"
                             f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                             "Sec-WebSocket-Version: 13\r\n\r\n".encode())
        self._stream = self._socket.makefile("rb")
        assert self._stream.readline() == b"HTTP/1.1 101 Switching Protocols\r\n"
        while self._stream.readline() != b"\r\n":
            pass

    def local_address(self):
        return "%s:%d" % self._socket.getsockname()

    def echo(self, text):
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(text))
        self._socket.sendall(bytes([0x81, 0x80 | len(text)]) + mask + masked)
        head = self._stream.read(2)
        return self._stream.read(head[1])

    def close(self):
        self._stream.close()  # It holds the descriptor, too.
        self._socket.close()
