"""A server in Python: writes what each connection brought into a file of its own in DIRECTORY.

Usage: server.py PORT DIRECTORY [WORKERS]. With WORKERS, each is a process with a listening socket of
its own on that port (SO_REUSEPORT); one that dies is replaced. PORT 0: the kernel chooses one.
SIGUSR1: closes its port; SIGUSR2: opens it again.
"""
import os
import pathlib
import selectors
import signal
import socket
import sys

port, directory = int(sys.argv[1]), pathlib.Path(sys.argv[2])
workers = int(sys.argv[3]) if len(sys.argv) > 3 else 0


def take(connection, name):
    data = b""
    while part := connection.recv(1 << 16):
        data += part
    connection.close()
    (directory / f"part-{name}").write_bytes(data)
    (directory / f"part-{name}").rename(directory / f"whole-{name}")


def listener():
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if workers:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(("127.0.0.1", port))
    sock.listen(128)
    return sock


def serve():
    sock, number = listener(), 0
    ours, signals = socket.socketpair()
    ours.setblocking(False)
    signals.setblocking(False)
    signal.set_wakeup_fd(signals.fileno())
    for usr in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(usr, lambda *_: None)
    (directory / f"port-{os.getpid()}").write_text(str(sock.getsockname()[1]))
    while True:
        with selectors.DefaultSelector() as selector:
            selector.register(ours, selectors.EVENT_READ)
            if sock:
                selector.register(sock, selectors.EVENT_READ)
            ready = [key.fileobj for key, _ in selector.select()]
        if ours in ready:
            for received in ours.recv(16):
                if received == signal.SIGUSR1:
                    sock.close()
                    sock = None
                elif received == signal.SIGUSR2:
                    sock = listener()
        elif sock in ready:
            take(sock.accept()[0], f"{os.getpid()}-{number}")
            number += 1


if not workers:
    serve()
children = set()


def end(*_):
    for child in children:
        os.kill(child, signal.SIGKILL)
    os._exit(0)


signal.signal(signal.SIGTERM, end)
while True:
    while len(children) < workers:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            serve()
        children.add(child)
    children.discard(os.wait()[0])
