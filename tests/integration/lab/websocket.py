"""A WebSocket service and its client (RFC 6455), as small as they can be."""
import base64
import hashlib
import socket
import socketserver
import struct
import threading

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def _accept(key):
    return base64.b64encode(hashlib.sha1(key + _GUID).digest()).decode()


def frame(payload, mask=b""):
    """One text frame; a client's are masked, with four bytes."""
    size = len(payload)
    length = bytes([size]) if size < 126 else b"\x7e" + struct.pack(">H", size)
    length = bytes([length[0] | (0x80 if mask else 0)]) + length[1:]
    masked = bytes(b ^ mask[i % 4] for i, b in enumerate(payload)) if mask else payload
    return b"\x81" + length + mask + masked


class _Echo(socketserver.StreamRequestHandler):
    def handle(self):
        lines = {}
        while line := self.rfile.readline().strip():
            name, _, value = line.partition(b": ")
            lines[name.lower()] = value
        if b"sec-websocket-key" not in lines:
            return
        self.wfile.write((f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                          f"Connection: Upgrade\r\nSec-WebSocket-Accept: "
                          f"{_accept(lines[b'sec-websocket-key'])}\r\n\r\n").encode())
        while head := self.rfile.read(2):
            size = head[1] & 127
            if size == 126:
                size, = struct.unpack(">H", self.rfile.read(2))
            mask, masked = self.rfile.read(4), self.rfile.read(size)
            self.wfile.write(frame(bytes(b ^ mask[i % 4] for i, b in enumerate(masked))))


class Service:
    """Echoes every text frame, on a listening socket that it is given bound."""

    def __init__(self, sock, address):
        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        self._server = Server(address, _Echo, bind_and_activate=False)
        self._server.socket.close()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen()
        self._server.socket = sock
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


class Client:
    """Of one connection; knows what it has sent."""

    def __init__(self, sock, address, path="/chat", key=b"dGhlIHNhbXBsZSBub25jZQ=="):
        sock.settimeout(30)
        sock.connect(address)
        self.local = sock.getsockname()[:2]
        self._socket, self._file = sock, sock.makefile("rb")
        self.handshake = (f"GET {path} HTTP/1.1\r\nHost: pod.example\r\nUpgrade: websocket\r\n"
                          f"Connection: Upgrade\r\nSec-WebSocket-Key: {key.decode()}\r\n"
                          "Sec-WebSocket-Version: 13\r\n\r\n").encode()
        self.frames = b""
        sock.sendall(self.handshake)
        assert b" 101 " in self._file.readline()
        while self._file.readline().strip():
            pass

    def ask(self, payload, mask=b"\x37\xfa\x21\x3d"):
        """Sends a text and returns its echo."""
        data = frame(payload, mask)
        self.frames += data
        self._socket.sendall(data)
        size = self._file.read(2)[1] & 127
        if size == 126:
            size, = struct.unpack(">H", self._file.read(2))
        return self._file.read(size)

    def close(self):
        self._socket.shutdown(socket.SHUT_WR)
        while self._file.read(4096):
            pass
        self._file.close()
        self._socket.close()
