"""The developer's local program: servers that keep what they are sent."""
import contextlib
import selectors
import socket
import threading


class Connection:
    """One connection that a Recorder accepted."""

    def __init__(self, sock, peer):
        self.socket = sock
        self.peer = peer
        self.data = bytearray()
        self.ended = None  # "fin" or "reset" once it has.


class Recorder:
    """A TCP server that keeps the bytes of every connection, answers its first ones with `answer`
    and closes when its peer does. One thread, whatever the number of connections."""

    def __init__(self, sock, address, answer=b"", reading=True, receive_buffer=None):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.bind(address)
        sock.listen(4096)
        sock.setblocking(False)
        self.connections = []
        self._answer = answer
        self._reading = reading
        self._selector = selectors.DefaultSelector()
        self._selector.register(sock, selectors.EVENT_READ)
        self._listener = sock
        self._wake, self._alarm = socket.socketpair()
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def ended(self):
        """The connections that have ended."""
        return [c for c in list(self.connections) if c.ended]

    def payloads(self):
        """The bytes of every connection that has ended, sorted."""
        return sorted(bytes(c.data) for c in self.ended())

    def resume(self):
        """Begins to read, after reading=False."""
        self._reading = True
        self._alarm.send(b"r")

    def stop(self):
        """Closes everything at once; peers that still send get a reset."""
        self._stopping = True
        self._alarm.send(b"s")
        self._thread.join()

    def _run(self):
        while not self._stopping:
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._wake:
                    self._wake.recv(16)
                    self._register_all()
                else:
                    self._receive(key.data)
        self._selector.close()
        self._listener.close()
        for connection in self.connections:
            connection.socket.close()

    def _accept(self):
        while True:
            try:
                sock, peer = self._listener.accept()
            except BlockingIOError:
                return
            connection = Connection(sock, peer)
            self.connections.append(connection)
            sock.setblocking(False)
            if self._reading:
                self._selector.register(sock, selectors.EVENT_READ, connection)

    def _register_all(self):
        known = self._selector.get_map()
        for connection in self.connections:
            if self._reading and not connection.ended and connection.socket.fileno() not in known:
                self._selector.register(connection.socket, selectors.EVENT_READ, connection)

    def _receive(self, connection):
        try:
            part = connection.socket.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError:
            part = None
        if part:
            if self._answer and not connection.data:
                with contextlib.suppress(ConnectionError):  # It may have been cut meanwhile.
                    connection.socket.send(self._answer)
            connection.data += part
            return
        self._selector.unregister(connection.socket)
        connection.socket.close()
        connection.ended = "reset" if part is None else "fin"


class UdpRecorder:
    """Keeps datagrams and where each came from."""

    def __init__(self, sock, address):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.bind(address)
        self.datagrams = []
        self._stopping = False
        self._socket = sock
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while True:
            try:
                data, peer = self._socket.recvfrom(65535)
            except OSError:
                return
            if self._stopping:
                return
            self.datagrams.append((data, peer))

    def stop(self):
        self._stopping = True
        with contextlib.suppress(OSError):  # An unconnected socket says so, and wakes its reader.
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()
