"""HTTP requests as tshark dissects them: a second opinion that knows nothing of Dormouse."""
import json
import re
import subprocess

from lab.waiting import patience

_REQUEST_LINE = re.compile(r"([A-Z]+) (\S+) HTTP/1\.[01]\\r\\n")


def requests(file):
    """client's port -> [(method, target, content)], in order, of a capture file."""
    command = ["tshark", "-r", str(file), "-Y", "http.request", "-T", "jsonraw",
               "--no-duplicate-keys", "-j", "tcp http"]
    done = subprocess.run(command, capture_output=True, timeout=patience(60), check=True)
    found = {}
    for packet in json.loads(done.stdout):
        layers = packet["_source"]["layers"]
        port = int(layers["tcp"]["tcp.srcport_raw"][0], 16)
        http = layers["http"]
        for message in http if isinstance(http, list) else [http]:
            line = next(filter(None, map(_REQUEST_LINE.fullmatch, message)))
            content = message.get("http.file_data_raw", [""])[0]
            found.setdefault(port, []).append((*line.groups(), bytes.fromhex(content)))
    return found


def _http2_lines(file, port, side, *fields):
    """One line for each packet with HEADERS or DATA, to (`dst`) or from (`src`) that port: the
    client's port, the lists of types, streams and lengths, and those of `fields`."""
    client = "src" if side == "dst" else "dst"
    fields = (f"tcp.{client}port", "http2.type", "http2.streamid", "http2.length", *fields)
    command = ["tshark", "-r", str(file), "-d", f"tcp.port=={port},http2",
               "-Y", f"tcp.{side}port=={port} && (http2.type==0 || http2.type==1)", "-T", "fields",
               *(word for field in fields for word in ("-e", field)), "-E", "aggregator=|"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=patience(60), check=True)
    return done.stdout.splitlines()


def http2_responses(file, port):
    """[(client's port, status, content's length)], sorted, of HTTP/2 from that port."""
    found = {}
    for line in _http2_lines(file, port, "src", "http2.headers.status"):
        client, *lists = line.split("\t")
        types, streams, lengths, statuses = (part.split("|") if part else [] for part in lists)
        assert len(types) == len(lengths), line
        streams = streams[len(streams) - len(types):]
        statuses = iter(statuses)
        for kind, stream, length in zip(types, streams, lengths):
            if kind == "1" and (client, stream) not in found:
                found[(client, stream)] = [int(next(statuses)), 0]
            elif kind == "0":
                found[(client, stream)][1] += int(length)
    return sorted((int(client), *response) for (client, _), response in found.items())


def http2_requests(file, port):
    """[(client's port, method, path, content's length)], sorted, of HTTP/2 to that port."""
    found = {}
    for line in _http2_lines(file, port, "dst", "http2.headers.method", "http2.headers.path"):
        client, *lists = line.split("\t")
        types, streams, lengths, methods, paths = (part.split("|") if part else [] for part in lists)
        # SETTINGS and others stand among the types; each has a stream and a length.
        assert len(types) == len(lengths), line
        streams = streams[len(streams) - len(types):]
        heads = iter(zip(methods, paths, strict=True))
        for kind, stream, length in zip(types, streams, lengths):
            if kind == "1":
                found[(client, stream)] = [*next(heads), 0]
            elif kind == "0":
                found[(client, stream)][2] += int(length)
    return sorted((int(client), *request) for (client, _), request in found.items())
