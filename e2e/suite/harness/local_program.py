"""The developer's program: takes connections and remembers what each one brought."""

import hashlib
import socket
import socketserver
import threading


class LocalProgram:
    """Listens while the context lasts, on a port of the kernel's choice if none is given."""

    def __init__(self, address="127.0.0.1", port=0):
        self._mutex = threading.Lock()
        self._ended = []
        program = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                received = bytearray()
                self.request.settimeout(120)
                try:
                    while chunk := self.request.recv(1 << 16):
                        received += chunk
                        # Some answer, so that the mirror is seen to discard it.
                        if chunk.endswith(b"\r\n\r\n"):
                            self.request.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
                except OSError as error:
                    received += f" (then: {error})".encode()
                with program._mutex:
                    program._ended.append(bytes(received))

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 256
            address_family = socket.AF_INET

        self._server = Server((address, port), Handler)
        self.port = self._server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def connections(self):
        """The bytes of each connection that has ended."""
        with self._mutex:
            return list(self._ended)

    def digests(self):
        """SHA-256 of each, sorted: what the test app says of its own connections."""
        return sorted(hashlib.sha256(each).hexdigest() for each in self.connections())
