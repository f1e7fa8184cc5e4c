"""Packets by hand: a watcher of resets, and floods of half-open connections."""
import ctypes
import random
import select
import socket
import struct
import threading

ETH_P_ALL = 3
PACKET_OUTGOING = 4
_SO_ATTACH_FILTER = 26

FIN, RST, ACK = 1, 4, 16

# Classic BPF on Ethernet: (code, jump if true, jump if false, operand). Lets TCP segments with one
# of FLAGS pass, over IPv4 and over IPv6 without extension headers.
FLAGS = -1
_SEGMENTS = [
    (0x28, 0, 0, 12),       # 0: the protocol
    (0x15, 0, 5, 0x0800),   # 1: IPv4, else 7
    (0x30, 0, 0, 23),       # 2
    (0x15, 0, 8, 6),        # 3: TCP, else 12
    (0xb1, 0, 0, 14),       # 4: the length of IPv4's header
    (0x50, 0, 0, 27),       # 5: the flags
    (0x45, 6, 5, FLAGS),    # 6: one of them: 13, else 12
    (0x15, 0, 4, 0x86dd),   # 7: IPv6, else 12
    (0x30, 0, 0, 20),       # 8
    (0x15, 0, 2, 6),        # 9: TCP, else 12
    (0x30, 0, 0, 67),       # 10: the flags
    (0x45, 1, 0, FLAGS),    # 11: one of them: 13, else 12
    (0x06, 0, 0, 0),        # 12: drop
    (0x06, 0, 0, 256),      # 13: pass
]


class _Tap:
    """A packet socket on the developer's end of the cable that gets the segments with this flag."""

    def __init__(self, namespace, flag):
        with namespace.entered():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            code = b"".join(struct.pack("HBBI", *line[:3], flag if line[3] == FLAGS else line[3])
                            for line in _SEGMENTS)
            buffer = ctypes.create_string_buffer(code)
            program = struct.pack("HxxxxxxP", len(_SEGMENTS), ctypes.addressof(buffer))
            self.socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            self.socket.bind(("eth0", ETH_P_ALL))
        self.socket.setblocking(False)

    def take(self):
        """What came since the last call: (from the pod?, source port, destination port, flags)."""
        while True:
            try:
                frame, address = self.socket.recvfrom(256)
            except BlockingIOError:
                return
            ports = 54 if frame[12:14] == b"\x86\xdd" else 14 + 4 * (frame[14] & 15)
            source, destination = struct.unpack_from(">HH", frame, ports)
            yield address[2] != PACKET_OUTGOING, source, destination, frame[ports + 13]


class ResetWatcher:
    """Sees every RST on the cable, from the developer's end: no packet socket in the pod.

    A segment that comes once more after both ends have closed finds nobody, and is answered by an
    RST without ACK (RFC 9293, 3.10.7.1): on a machine that stalls, a FIN is sent twice. That takes
    nothing from anybody, and is told from a reset by an app that has gone too early by the order of
    the FINs: here the client's came first. So FINs are watched as well, by a socket and a thread of
    their own: if there are more than they can take, resets are told of that need not be, and none
    is missed."""

    def __init__(self, namespace):
        self._resets = _Tap(namespace, RST)
        self._ends = _Tap(namespace, FIN)
        self._lock = threading.Lock()
        self._closing = set()  # (app's port, client's port) that the client has closed...
        self._closed = set()   # ... and the app after it.
        threading.Thread(target=self._watch, daemon=True).start()

    def forget(self):
        """What came until now does not count."""
        with self._lock:
            self._note_ends()
            self._closing.clear()
            self._closed.clear()
        for _ in self._resets.take():
            pass

    def resets(self):
        """(app's port, client's port) of each RST from the pod since the last call that may have
        taken something from somebody."""
        resets = [segment for segment in self._resets.take() if segment[0]]
        with self._lock:
            self._note_ends()
            return [(app, client) for _, app, client, flags in resets
                    if flags & ACK or (app, client) not in self._closed]

    def _watch(self):
        while True:
            select.select([self._ends.socket], [], [])
            with self._lock:
                self._note_ends()

    def _note_ends(self):
        for from_pod, source, destination, _ in self._ends.take():
            if not from_pod:
                self._closing.add((destination, source))
            elif (source, destination) in self._closing:
                self._closed.add((source, destination))


def checksum(data):
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


def syn(source, source_port, target, port, sequence):
    """An IPv4 packet with a SYN; addresses are 4 bytes."""
    tcp = struct.pack(">HHIIBBHHH", source_port, port, sequence, 0, 5 << 4, 2, 64240, 0, 0)
    pseudo = source + target + struct.pack(">BBH", 0, 6, len(tcp))
    tcp = tcp[:16] + struct.pack(">H", checksum(pseudo + tcp)) + tcp[18:]
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, source, target) + tcp


def flood(namespace, target, port, count, seed=1):
    """Sends `count` SYNs from made-up addresses of 10.99.0.0/16, none of which will ever answer."""
    chance = random.Random(seed)
    address = socket.inet_aton(target)
    raw = namespace.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)
    with raw:
        for number in range(count):
            source = bytes((10, 99, number >> 8 & 255, number & 255))
            packet = syn(source, 1024 + (number >> 16) * 7 % 60000, address, port,
                         chance.getrandbits(32))
            raw.sendto(packet, (target, 0))
