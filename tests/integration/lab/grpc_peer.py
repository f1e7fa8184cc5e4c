"""A gRPC server or client without generated code: messages are bytes.

grpc_peer.py serve ADDRESS LOG    every call is a line of JSON in LOG; with --fail-empty, a unary
                                  call without a message's bytes fails
grpc_peer.py call ADDRESS COUNT   makes COUNT calls of each kind, prints each as such a line
grpc_peer.py fail ADDRESS         makes a call that must fail
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


def serve(address, log, fail_empty):
    lock = threading.Lock()

    def write(method, sent):
        with lock, open(log, "a", encoding="utf-8") as out:
            out.write(line(method, sent))

    def unary(message, context):
        write(UNARY, [message])
        if fail_empty and not message:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "nothing to echo")
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


def fail(address):
    with grpc.insecure_channel(address) as channel:
        try:
            channel.unary_unary("/lab.Echo/Missing")(b"x", timeout=60)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error
            return
    sys.exit("a call that must fail did not")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], sys.argv[3], "--fail-empty" in sys.argv)
    elif sys.argv[1] == "fail":
        fail(sys.argv[2])
    else:
        call(sys.argv[2], int(sys.argv[3]))
