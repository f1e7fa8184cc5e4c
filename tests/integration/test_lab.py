"""The watcher of resets itself: what it tells of, and what it knows to be the network's doing."""
import socket
import struct

from lab.case import APP_PORT, LabCase, main, wait_until
from lab.namespaces import DEV4, POD4, POD6
from lab.packets import ACK, FIN, checksum


class Watching(LabCase):
    def connect(self, address=(POD4, APP_PORT)):
        """(the app's end, the client's end) of a connection."""
        family = self.family(address)
        with socket.socket(family) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()
            client = self.lab.dev.socket(family)
            self.addCleanup(client.close)
            client.connect(address)
            app, _ = listener.accept()
        self.addCleanup(app.close)
        for end in (app, client):
            end.settimeout(20)
        return app, client

    def assert_resets(self, *wanted):
        """The watcher tells of these; one of them may still be on its way."""
        found = []
        wait_until(lambda: found.extend(self.watcher.resets()) or len(found) >= len(wanted),
                   "a reset")
        self.assertEqual(found, list(wanted))

    def send_fin_again(self, client, count=1):
        """The client's FIN once more, as a stalled machine sends it, and answered."""
        port = client.getsockname()[1]
        tcp = struct.pack(">HHIIBBHHH", port, APP_PORT, 1, 1, 5 << 4, FIN | ACK, 100, 0, 0)
        source, target = socket.inet_aton(DEV4), socket.inet_aton(POD4)
        pseudo = source + target + struct.pack(">BBH", 0, 6, len(tcp))
        tcp = tcp[:16] + struct.pack(">H", checksum(pseudo + tcp)) + tcp[18:]
        with self.lab.dev.socket(kind=socket.SOCK_RAW, protocol=socket.IPPROTO_TCP) as answers, \
                self.lab.dev.socket(kind=socket.SOCK_RAW, protocol=socket.IPPROTO_TCP) as raw:
            answers.settimeout(20)
            for _ in range(count):
                raw.sendto(tcp, (POD4, 0))
                while True:
                    answer = answers.recv(200)[20:]
                    if struct.unpack_from(">HH", answer) == (APP_PORT, port) and answer[13] & 4:
                        break

    def test_a_fin_that_comes_once_more_is_the_networks(self):
        app, client = self.connect()
        port = client.getsockname()[1]
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(app.recv(1), b"")
        app.close()
        self.assertEqual(client.recv(1), b"")
        self.wait_forgotten()
        self.send_fin_again(client, 3)
        self.assert_resets()
        # Without the FINs it would be told of.
        self.watcher.forget()
        self.send_fin_again(client)
        self.assert_resets((APP_PORT, port))

    def wait_forgotten(self):
        """Until the pod's kernel does not know the connection any more."""
        wait_until(lambda: APP_PORT not in self.lab.pod.tcp_ports(), "the connection is over")

    def test_an_app_that_has_gone_too_early(self):
        self.reset_allowed = True
        app, client = self.connect()
        app.close()
        self.assertEqual(client.recv(1), b"")
        client.send(b"a request")
        self.assert_resets((APP_PORT, client.getsockname()[1]))

    def test_an_app_that_has_left_bytes_unread(self):
        self.reset_allowed = True
        for address in ((POD4, APP_PORT), (POD6, APP_PORT)):
            app, client = self.connect(address)
            client.send(b"a request")
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(app.recv(1), b"a")
            app.close()
            self.assert_resets((APP_PORT, client.getsockname()[1]))

    def test_a_client_that_resets_is_nothing_of_the_apps(self):
        app, client = self.connect()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        with self.assertRaises(ConnectionResetError):
            app.recv(1)
        self.assert_resets()


if __name__ == "__main__":
    main()
