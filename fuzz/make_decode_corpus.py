#!/usr/bin/env python3
"""Writes the seeds of the decode fuzzer. Usage: make_decode_corpus.py DIRECTORY"""
import pathlib
import struct
import sys

NULL, ETHERNET, RAW, SLL, SLL2 = range(5)


def tcp(payload: bytes = b"GET / HTTP/1.1\r\n\r\n", flags: int = 0x18) -> bytes:
    return struct.pack("!HHIIBBHHH", 40000, 8080, 1, 2, 5 << 4, flags, 65535, 0, 0) + payload


def udp(payload: bytes = b"datagram") -> bytes:
    return struct.pack("!HHHH", 40000, 53, 8 + len(payload), 0) + payload


def ipv4(inner: bytes, protocol: int = 6, options: bytes = b"", fragment: int = 0,
         total: int | None = None) -> bytes:
    header = 20 + len(options)
    length = header + len(inner) if total is None else total
    return struct.pack("!BBHHHBBH4s4s", 0x40 | header // 4, 0, length, 0, fragment, 64, protocol, 0,
                       bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])) + options + inner


def ipv6(inner: bytes, following: int = 6, length: int | None = None) -> bytes:
    return struct.pack("!IHBB16s16s", 6 << 28, len(inner) if length is None else length, following,
                       64, bytes(15) + b"\1", bytes(15) + b"\2") + inner


def ether(packet: bytes, tags: bytes = b"") -> bytes:
    return bytes(12) + tags + kind(packet) + packet


def kind(packet: bytes) -> bytes:
    return b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"


def sll(packet: bytes) -> bytes:
    return bytes([0, 4, 0, 1, 0, 6]) + bytes(8) + kind(packet) + packet


def sll2(packet: bytes) -> bytes:
    return kind(packet) + bytes([0, 0, 0, 0, 0, 2, 0, 1, 0, 6]) + bytes(8) + packet


CHAIN = (bytes([43, 0]) + bytes(6) + bytes([44, 0]) + bytes(6) + bytes([51, 0]) + bytes(6) +
         bytes([60, 1]) + bytes(10) + bytes([6, 0]) + bytes(6))
FIRST_FRAGMENT = bytes([17, 0, 0, 1, 0, 0, 0, 9])

SEEDS = {
    "ethernet_ipv4_tcp": (ETHERNET, 0, ether(ipv4(tcp()))),
    "ethernet_two_tags_padded": (ETHERNET, 0,
                                 ether(ipv4(tcp(b"x")), bytes.fromhex("88a8000181000002")) +
                                 bytes(6)),
    "ethernet_ipv6_chain": (ETHERNET, 0, ether(ipv6(CHAIN + tcp(), 0))),
    "null_ipv4_udp": (NULL, 0, bytes([2, 0, 0, 0]) + ipv4(udp(), 17)),
    "raw_ipv4_options": (RAW, 0, ipv4(tcp(), options=bytes([1] * 8))),
    "raw_ipv4_first_fragment": (RAW, 0, ipv4(udp(), 17, fragment=0x2000)),
    "raw_ipv4_later_fragment": (RAW, 0, ipv4(udp(), 17, fragment=1)),
    "raw_ipv4_big": (RAW, 0, ipv4(tcp(), total=0)),
    "raw_ipv4_big_cut": (RAW, 1, ipv4(tcp(), total=0)),
    "raw_ipv6_big_udp": (RAW, 0, ipv6(struct.pack("!HHHH", 1, 2, 0, 0) + b"jumbo", 17, 0)),
    "raw_ipv6_first_fragment": (RAW, 0, ipv6(FIRST_FRAGMENT + udp(), 44)),
    "sll_outbound_reset": (SLL, 0, sll(ipv4(tcp(b"", 4)))),
    "sll2_ipv6_udp": (SLL2, 0, sll2(ipv6(udp(), 17))),
    "sll2_ipv4_lying_length": (SLL2, 0, sll2(ipv4(tcp(), total=1500))),
}

target = pathlib.Path(sys.argv[1])
target.mkdir(parents=True, exist_ok=True)
for name, (link, cut, frame) in SEEDS.items():
    (target / name).write_bytes(bytes([link, cut]) + frame)
