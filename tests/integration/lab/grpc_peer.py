"""A gRPC server or client without generated code: messages are bytes.

grpc_peer.py serve ADDRESS LOG    every call is a line of JSON in LOG
grpc_peer.py call ADDRESS COUNT   makes COUNT calls of each kind, prints each as such a line
"""
import base64
import concurrent.futures
import json
import random
import sys
import threading

import grpc

UNARY, STREAM = "/lab.Echo/Unary", "/lab.Echo/Stream"


def line(method, sent):
    return json.dumps({"method": method, "messages": [base64.b64encode(one).decode()
                                                      for one in sent]}) + "\n"


def serve(address, log):
    lock = threading.Lock()

    def write(method, sent):
        with lock, open(log, "a", encoding="utf-8") as out:
            out.write(line(method, sent))

    def unary(message, context):
        write(UNARY, [message])
        return message

    def stream(sent, context):
        sent = list(sent)
        write(STREAM, sent)
        yield from sent

    handlers = {"Unary": grpc.unary_unary_rpc_method_handler(unary),
                "Stream": grpc.stream_stream_rpc_method_handler(stream)}
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8),
                         options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("lab.Echo", handlers)])
    if server.add_insecure_port(address) == 0:
        sys.exit(f"{address} is taken")
    server.start()
    open(log, "a", encoding="utf-8").close()
    server.wait_for_termination()


def call(address, count):
    chance = random.Random(7)
    with grpc.insecure_channel(address) as channel:
        unary = channel.unary_unary(UNARY)
        stream = channel.stream_stream(STREAM)
        for _ in range(count):
            message = chance.randbytes(chance.choice((0, 10, 1000, 70_000)))
            assert unary(message, metadata=(("x-lab", "1"),), timeout=60) == message
            sys.stdout.write(line(UNARY, [message]))
            sent = [chance.randbytes(chance.randrange(3000)) for _ in range(chance.randrange(1, 6))]
            assert list(stream(iter(sent), timeout=60)) == sent
            sys.stdout.write(line(STREAM, sent))


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], sys.argv[3])
    else:
        call(sys.argv[2], int(sys.argv[3]))
