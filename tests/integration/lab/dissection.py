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
