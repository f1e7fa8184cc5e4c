"""The developer's program: an HTTP server that writes what each connection brought into a file.
Usage: local_program.py PORT DIRECTORY"""
import pathlib
import signal
import socket
import sys
import time

import shared  # noqa: F401  (finds lab)
from lab.recorder import Recorder

port, directory = int(sys.argv[1]), pathlib.Path(sys.argv[2])
directory.mkdir(parents=True)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
recorder = Recorder(socket.socket(), ("127.0.0.1", port),
                    answer=b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
(directory / "ready").touch()
written = 0
while True:
    ended = recorder.ended()
    for number in range(written, len(ended)):
        partial = directory / f"{number:04}.partial"
        partial.write_bytes(ended[number].data)
        partial.rename(directory / f"{number:04}.bin")
    written = len(ended)
    time.sleep(0.02)
