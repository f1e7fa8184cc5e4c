"""Sends real requests to the pod's app and checks its answers; writes what each connection sent into
a file that begins with the number of its requests.
Usage: traffic.py HOST PORT REQUESTS NAME APP_FILES DIRECTORY"""
import pathlib
import socket
import sys

import shared  # noqa: F401  (finds lab)
from lab import traffic

host, port, requests, name = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
app_files, directory = pathlib.Path(sys.argv[5]), pathlib.Path(sys.argv[6])
WANTED = {"GET": (200, b"here it is"), "POST": (200, b"taken"), "PUT": (201, b"")}


def check(method, path, body, status, answer):
    if (status, answer) != WANTED[method]:
        sys.exit(f"{method} {path} was answered {status} {answer[:100]!r}")
    if method == "PUT" and (app_files / path[1:]).read_bytes() != body:
        sys.exit(f"nginx did not store what PUT {path} brought")


plan = traffic.plan(name, requests)
sent = traffic.play(lambda: traffic.HttpConnection(socket.socket(), (host, port)), plan, check)
directory.mkdir(exist_ok=True)
for number, (data, count, _) in enumerate(sent):
    (directory / f"{name}-{number:03}-{count}.bin").write_bytes(data)
largest = max(len(body) for connection in plan for _, _, body in connection)
print(f"   {requests} requests over {len(sent)} connections, "
      f"{sum(len(data) for data, _, _ in sent)} bytes, the largest body {largest} bytes: all answered")
