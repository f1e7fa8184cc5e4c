"""Compares what was sent with what was received, connection by connection and byte by byte.
Usage: compare.py SENT_DIRECTORY RECEIVED_DIRECTORY REQUESTS"""
import pathlib
import sys

sent_files = sorted(pathlib.Path(sys.argv[1]).glob("*.bin"))
received_files = sorted(pathlib.Path(sys.argv[2]).glob("*.bin"))
wanted = int(sys.argv[3])


def name_of(data):
    """A connection's first line, which is different in each."""
    return data.split(b"\r\n", 1)[0].decode("latin-1")


def difference(sent, received):
    if received is None:
        return "did not arrive"
    at = next((i for i, pair in enumerate(zip(sent, received)) if pair[0] != pair[1]),
              min(len(sent), len(received)))
    return f"differs at byte {at}: {len(sent)} bytes were sent, {len(received)} received"


received = {name_of(data): data for data in (file.read_bytes() for file in received_files)}
requests, faults = 0, []
for file in sent_files:
    data = file.read_bytes()
    if received.get(name_of(data)) == data:
        requests += int(file.stem.rsplit("-", 1)[1])
    else:
        faults.append(f"the connection of {name_of(data)} "
                      f"{difference(data, received.get(name_of(data)))}")
if len(received_files) != len(sent_files):
    faults.append(f"{len(sent_files)} connections were sent, {len(received_files)} received")
if faults or requests != wanted:
    print(f"{requests} of {wanted} requests arrived unchanged; " + "; ".join(faults[:3]))
    sys.exit(1)
print(f"{requests} of {wanted} requests mirrored, byte for byte")
