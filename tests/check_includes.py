#!/usr/bin/env python3
"""Checks who includes whom, since the compiler will not. Usage: check_includes.py SOURCE_DIR"""
import pathlib
import re
import sys

# Folder -> the folders whose headers it may include, beside its own.
ALLOWED = {
    "common": set(),
    "wire": {"common"},
    "injector": {"common"},
    "replay": {"common"},
    "client": {"common", "wire", "replay", "client/follow", "sidecar/http"},
    "client/follow": {"common"},
    "sidecar/capture": {"common"},
    "sidecar/reassembly": {"common", "sidecar/capture"},
    "sidecar/http": {"common"},
    "sidecar/mirror": {"common", "wire", "sidecar/capture", "sidecar/reassembly", "sidecar/http"},
    "sidecar/sink": {"common", "wire", "replay", "sidecar/capture", "sidecar/http",
                     "sidecar/mirror"},
    "sidecar/control": {"common", "wire", "sidecar/mirror"},
    "sidecar/enter": {"common"},
    "sidecar/agent": {"common", "wire", "sidecar/capture", "sidecar/reassembly", "sidecar/http",
                      "sidecar/mirror", "sidecar/sink", "sidecar/control", "sidecar/enter"},
}
# Of these folders, one may see only the named headers of the other.
ONLY = {
    ("sidecar/reassembly", "sidecar/capture"): {"packet.h"},
    ("sidecar/sink", "sidecar/capture"): {"packet.h"},
    ("sidecar/sink", "sidecar/mirror"): {"sink.h", "budget.h", "own_sockets.h"},
}
NO_POCO = {"sidecar/capture", "sidecar/reassembly", "sidecar/http", "sidecar/enter", "client/follow"}
PCAP_ONLY = {"sidecar/capture/pcap_capture.cpp", "sidecar/capture/pcap_filter_check.cpp"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def folder_of(include: str) -> str:
    parent, head = include.rpartition("/")[0], include.split("/")[0]
    if parent in ALLOWED:
        return parent
    return head if head in ALLOWED else "sidecar/" + head


def check(root: pathlib.Path) -> list[str]:
    faults = []
    seen = 0
    for folder, allowed in ALLOWED.items():
        for path in sorted((root / folder).glob("*")):
            if path.suffix not in (".h", ".cpp"):
                continue
            seen += 1
            name = path.relative_to(root).as_posix()
            for number, line in enumerate(path.read_text().splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                quote, include = match.groups()
                where = f"{name}:{number}"
                if include == "pcap.h" or include.startswith("pcap/"):
                    if name not in PCAP_ONLY:
                        faults.append(f"{where}: only {sorted(PCAP_ONLY)} may include <pcap.h>")
                elif include.startswith("Poco/") and folder in NO_POCO:
                    faults.append(f"{where}: no Poco in {folder}")
                elif quote == '"':
                    target = folder_of(include)
                    if target == folder:
                        continue
                    if target not in allowed:
                        faults.append(f"{where}: {folder} may not include {target}")
                    elif include.split("/")[-1] not in ONLY.get((folder, target),
                                                                {include.split("/")[-1]}):
                        faults.append(f"{where}: of {target}, {folder} may not include {include}")
    if seen == 0:
        faults.append(f"no sources below {root}")
    return faults


if __name__ == "__main__":
    found = check(pathlib.Path(sys.argv[1]))
    print("\n".join(found) or "every include is allowed")
    sys.exit(1 if found else 0)
