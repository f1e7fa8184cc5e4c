"""A UDP server: appends each datagram, as a line of hex digits, to FILE. Usage: datagrams.py PORT FILE"""
import socket
import sys

# A resolver and many a client bind to a port that the kernel chooses: no server.
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.bind(("127.0.0.1", 0))
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
server.bind(("127.0.0.1", int(sys.argv[1])))
with open(sys.argv[2], "a", buffering=1) as file:
    while True:
        file.write(server.recv(65535).hex() + "\n")
