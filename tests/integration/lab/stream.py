"""GET /v1/stream: a reader of its frames, written from docs/stream-format.md alone."""
import ipaddress
import json
import socket
import struct
import threading

from lab.waiting import patience

OPEN, DATA, REQUEST, CLOSE, LEDGER, HEARTBEAT = range(1, 7)


class Flow:
    """One mirrored connection as the stream tells of it."""

    def __init__(self, body):
        _, self.protocol, self.flags, self.time_ns = struct.unpack_from(">QBBq", body)
        self.client = self._endpoint(body[18:36])
        self.server = self._endpoint(body[36:54])
        self.data = bytearray()
        self.parts = []     # The data records, one by one.
        self.requests = {}  # Of HTTP/2: number -> Request.
        self.closed = None  # (flags, reason) once it has.

    @staticmethod
    def _endpoint(raw):
        address = ipaddress.IPv6Address(bytes(raw[:16]))
        return str(address.ipv4_mapped or address), int.from_bytes(raw[16:], "big")


class Request:
    """One HTTP/2 request as its records tell of it."""

    def __init__(self, fields):
        self.fields = fields
        self.body = bytearray()
        self.trailers = []
        self.end = None  # "" once it is whole, else the reason.

    @staticmethod
    def read_fields(raw):
        texts = []
        while raw:
            length = int.from_bytes(raw[:4], "big")
            assert len(raw) >= 4 + length, "a field is cut off"
            texts.append(bytes(raw[4:4 + length]).decode("latin-1"))
            raw = raw[4 + length:]
        assert len(texts) % 2 == 0, "a name without its value"
        return list(zip(texts[::2], texts[1::2]))

    def take(self, part, rest):
        assert self.end is None, "a part of a request that is over"
        if part == 2:
            self.body += rest
        elif part == 3:
            self.trailers = self.read_fields(rest)
            self.end = ""
        else:
            assert part == 4 and rest, f"part {part}"
            self.end = rest.decode()


class FrameReader:
    """Opens a stream and decodes it on a thread of its own. `reading=False`: begins at resume()."""

    def __init__(self, sidecar, query, caller="ana", reading=True, receive_buffer=None):
        self.flows = {}
        self.report = None  # The last record.
        self.error = None
        self.heartbeats = 0
        self._go = threading.Event()
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(patience(60))
        self._socket = sidecar.connect(sock)
        self._socket.sendall((f"GET /v1/stream?{query} HTTP/1.1\r\nHost: pod\r\n"
                              f"Authorization: Bearer {sidecar.tokens[caller]}\r\n\r\n").encode())
        self._input = b""
        while b"\r\n\r\n" not in self._input:
            part = self._socket.recv(4096)
            assert part, f"the stream ended within its head: {self._input!r}"
            self._input += part
        head, rest = self._input.split(b"\r\n\r\n", 1)
        self._input = bytearray(rest)
        self._taken = 0  # So many of its bytes.
        self.head = head.decode("latin-1")
        assert self.head.startswith("HTTP/1.1 200"), self.head + rest.decode("latin-1")
        lines = self.head.lower().split("\r\n")
        self.mirror = next(line.split(": ")[1] for line in lines
                           if line.startswith("dormouse-mirror: "))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        if reading:
            self.resume()

    def resume(self):
        self._go.set()

    def vanish(self):
        """Closes the socket as a killed reader would."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def wait_end(self, seconds=10):
        """Waits for the stream's end; returns the report of its last record."""
        self._go.set()
        self._thread.join(patience(seconds))
        assert not self._thread.is_alive(), "the stream did not end"
        assert self.error is None, self.error
        return self.report

    def wait_cut(self):
        """Waits until the stream has ended without its last record: its sidecar was killed."""
        self._thread.join(patience(10))
        assert not self._thread.is_alive(), "the stream did not end"
        assert self.report is None and self.error is not None, "the stream has an ending"

    def by_client(self):
        """(client address, port) -> its Flow; a port used twice is an error."""
        flows = list(self.flows.values())
        result = {flow.client: flow for flow in flows}
        assert len(result) == len(flows), "an address stands for two connections"
        return result

    def _run(self):
        self._go.wait()
        try:
            assert self._take(4) == b"DMS1", "the stream does not begin with its magic"
            while self._record():
                pass
        except (AssertionError, OSError, KeyError, struct.error) as error:
            self.error = repr(error)

    def _record(self):
        head = self._take(4)
        if head is None:
            assert self.report is not None, "the stream ended without a ledger"
            return False
        assert self.report is None, "a record follows the ledger"
        length = int.from_bytes(head, "big")
        assert 1 <= length <= 1 << 20, f"a record of {length} bytes"
        record = self._take(length)
        kind, body = record[0], record[1:]
        if kind == OPEN:
            number = int.from_bytes(body[:8], "big")
            assert len(body) == 54 and number not in self.flows, "a bad open record"
            self.flows[number] = Flow(body)
        elif kind == REQUEST:
            flow = self.flows[int.from_bytes(body[:8], "big")]
            assert flow.closed is None and flow.flags & 2, "a request out of its place"
            number, part = int.from_bytes(body[8:12], "big"), body[12]
            if part == 1:
                assert number not in flow.requests, "a request begins twice"
                flow.requests[number] = Request(Request.read_fields(body[13:]))
            else:
                flow.requests[number].take(part, body[13:])
        elif kind == DATA:
            flow = self.flows[int.from_bytes(body[:8], "big")]
            assert flow.closed is None and not flow.flags & 2, "data out of its place"
            flow.data += body[8:]
            flow.parts.append(body[8:])
        elif kind == CLOSE:
            flow = self.flows[int.from_bytes(body[:8], "big")]
            assert flow.closed is None, "a second close record"
            flow.closed = (body[8], body[9:].decode())
        elif kind == LEDGER:
            self.report = json.loads(body)
        elif kind == HEARTBEAT:
            self.heartbeats += 1
        return True

    def _take(self, count):
        """`count` bytes, or None at the stream's end between two records."""
        while len(self._input) - self._taken < count:
            # What has been taken is thrown away here and not record by record: a busy stream's
            # records are a thousandth of what comes at once.
            del self._input[:self._taken]
            self._taken = 0
            part = self._socket.recv(1 << 20)
            if not part:
                assert not self._input, "the stream ended within a record"
                return None
            self._input += part
        self._taken += count
        return bytes(self._input[self._taken - count:self._taken])
