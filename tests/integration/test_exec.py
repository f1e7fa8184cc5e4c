"""kubectl-mirror exec: real servers in several languages, each of whose ports is mirrored while it is
open; and the program is touched by nothing of that."""
import json
import os
import pathlib
import pty
import select
import shutil
import signal
import subprocess
import unittest

from lab.case import APP_PORT, LOCAL_PORT, main, patience, wait_until
from lab.exec import MAP, PYTHON, SERVERS, Exec, ExecCase
from lab.namespaces import POD4
from lab.sidecar import CLIENT


class Languages(ExecCase):
    def compiled(self, *flags):
        binary = self.directory / "server"
        subprocess.run(["cc", *flags, "-o", binary, SERVERS / "server.c"], check=True)
        return [binary, LOCAL_PORT, self.taken]

    def test_c(self):
        self.mirrored(self.compiled())

    def test_c_static(self):
        self.mirrored(self.compiled("-static"))

    @unittest.skipUnless(shutil.which("go"), "no Go on this machine")
    def test_go_static(self):
        binary = self.directory / "server"
        subprocess.run(["go", "build", "-o", binary, SERVERS / "server.go"], check=True,
                       cwd=self.directory,
                       env=dict(os.environ, CGO_ENABLED="0", GO111MODULE="off", GOFLAGS="",
                                HOME=os.environ.get("HOME", str(self.directory))))
        self.mirrored([binary, LOCAL_PORT, self.taken])

    @unittest.skipUnless(shutil.which("node"), "no Node on this machine")
    def test_node(self):
        # Its `localhost` may be this one alone.
        said = self.mirrored(["node", SERVERS / "server.js", LOCAL_PORT, self.taken, "::1"])
        self.assertIn(f"to [::1]:{LOCAL_PORT}", said)

    def test_python(self):
        self.mirrored(self.server())


class Ports(ExecCase):
    def test_workers_that_share_a_port_are_one_mirror_and_may_be_replaced(self):
        self.nginx()
        sidecar = self.sidecar()
        client = Exec(self, sidecar, self.server(LOCAL_PORT, 3))
        client.await_said(f"port {APP_PORT} to ")
        wait_until(lambda: len(list(self.taken.glob("port-*"))) == 3, "every worker listens")
        sent = self.play("before", 20)
        self.settled(sidecar, sent)
        first = min(int(path.name.removeprefix("port-")) for path in self.taken.glob("port-*"))
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: len(list(self.taken.glob("port-*"))) == 4, "another worker listens")
        sent += self.play("after", 20)
        self.settled(sidecar, sent)
        code, said = client.end()
        self.assertEqual(code, 0, said)
        self.assertEqual(said.count("mirror m-"), 1, said)
        self.assertIn(f"verdict: {len(sent)} of {len(sent)} connections delivered\n", said)

    def test_a_port_that_the_kernel_chose(self):
        self.mirrored(self.server(0), flags=("--map", f"0:{APP_PORT}"))

    def test_a_port_that_the_kernel_chose_is_left_out_unless_it_is_mapped(self):
        sidecar = self.sidecar()
        client = Exec(self, sidecar, self.server(0))
        client.await_said("was chosen by the kernel and is not mirrored; --map 0:PORT")
        code, said = client.end()
        self.assertEqual(code, -signal.SIGTERM)
        self.assertIn("verdict: nothing was mirrored", said)
        self.assertEqual(sidecar.mirrors(), [])

    def test_the_same_number_unless_it_is_mapped_and_none_for_none(self):
        self.nginx()
        sidecar = self.sidecar(tls=True)
        ignored = ["sh", "-c", f"{PYTHON} {SERVERS}/server.py 4000 {self.taken} & "
                   f"exec {PYTHON} {SERVERS}/server.py {APP_PORT} {self.taken}"]
        # On another machine than the pod, where that port is free.
        with self.lab.dev.entered():
            client = Exec(self, sidecar, ignored,
                          ("--map", "4000:none", "--ca-file", sidecar.certificate))
        client.await_said(f"port {APP_PORT} to 127.0.0.1:{APP_PORT}")
        wait_until(lambda: len(list(self.taken.glob("port-*"))) == 2, "both listen")
        sent = self.play("same", 10)
        self.settled(sidecar, sent)
        self.assert_woken(1)
        client.end()
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)

    def test_the_mirror_ends_when_the_port_closes_and_comes_back_with_it(self):
        self.nginx()
        sidecar = self.sidecar()
        client = Exec(self, sidecar, self.server())
        client.await_said(f"port {APP_PORT} to ")
        sent = self.play("first", 10)
        self.settled(sidecar, sent)
        client.process.send_signal(signal.SIGUSR1)  # Passed on to the program, which closes it.
        client.await_said("is closed: ")
        self.assert_asleep()
        unseen = self.play("between", 5)
        client.process.send_signal(signal.SIGUSR2)
        client.await_said("mirror m-", times=2)
        sent += self.play("second", 10)
        self.settled(sidecar, sent)
        code, said = client.end()
        self.assertEqual(code, -signal.SIGTERM, said)
        self.assertIn(f"verdict: {len(sent)} of {len(sent)} connections delivered\n", said)
        self.assertTrue(unseen)

    def test_datagrams(self):
        server = self.udp(self.lab.pod, (POD4, 5353))
        sidecar = self.sidecar("--udp-idle", "1s")
        log = self.directory / "datagrams"
        client = Exec(self, sidecar, [PYTHON, SERVERS / "datagrams.py", 5300, log],
                      ("--map", "5300:5353"))
        client.await_said("UDP port 5353 to 127.0.0.1:5300")
        sock = self.lab.dev.socket(kind=2)
        sent = [bytes([number]) * (1 + number * 20) for number in range(50)]
        for datagram in sent:
            sock.sendto(datagram, (POD4, 5353))
        wait_until(lambda: len(server.datagrams) == len(sent), "the app got every datagram")
        wait_until(lambda: log.read_text().count("\n") == len(sent), "the program got every datagram")
        self.assertEqual([bytes.fromhex(line) for line in log.read_text().split()], sent)
        _, said = client.end()
        self.assertEqual(said.count("mirror m-"), 1, said)

    def test_a_sidecar_that_refuses_leaves_the_program_alone(self):
        sidecar = self.sidecar("--allow-port", "9")
        client = Exec(self, sidecar, self.server())
        client.await_said("is not mirrored: ")
        self.assertIsNone(client.process.poll())
        client.end()

    def test_without_notices_the_processes_are_watched(self):
        # The outer one is told of every call, and the kernel tells one only.
        inner = [CLIENT, "exec", "--url", "http://127.0.0.1:4747", "--token-file",
                 self.directory / "sidecar0" / "tokens" / "ana", *MAP, "--", *self.server()]
        said = self.mirrored(inner, flags=("--map", f"{LOCAL_PORT}:none"))
        self.assertIn("looked at in /proc instead", said)


class Untouched(ExecCase):
    def ended(self, command, **options):
        """(how the client ended, output, its own words) of a program that ends by itself."""
        client = Exec(self, self.sidecars[0] if self.sidecars else self.sidecar(), command, **options)
        code = client.process.wait(patience(20))
        return code, client.out(), client.err()

    def test_the_exit_code_and_the_ending_signal_are_the_programs(self):
        self.assertEqual(self.ended(["sh", "-c", "exit 7"])[0], 7)
        self.assertEqual(self.ended(["sh", "-c", "kill -USR2 $$"])[0], -signal.SIGUSR2)
        code, _, said = self.ended([self.directory / "absent"])
        self.assertEqual(code, 127, said)
        self.assertIn("No such file", said)
        self.assertEqual(self.ended([self.directory])[0], 126)

    def test_descriptors_limits_signals_and_groups_are_inherited(self):
        script = ("cat; echo to-stderr >&2; ls /proc/self/fd; ulimit -a; env | sort; "
                  "grep -E 'Sig(Blk|Ign|Cgt)|Groups|Cpus_allowed:' /proc/self/status; ps -o pgid=,sid= -p $$")
        extra = os.open("/dev/null", os.O_RDONLY)
        self.addCleanup(os.close, extra)
        self.sidecar()

        def run(*words):
            return subprocess.run(
                [*words, "sh", "-c", script], input=b"into stdin\n", capture_output=True,
                pass_fds=[extra], env=dict(os.environ, DORMOUSE_TOKEN="token-of-ana"),
                timeout=patience(20))
        bare = run("env", "-u", "DORMOUSE_TOKEN")
        ours = run(str(CLIENT), "exec", "--url", "http://127.0.0.1:4747", "--")
        # Its process group is its parent's: the test's own in both cases.
        self.assertEqual(ours.stdout.decode(), bare.stdout.decode())
        self.assertTrue(ours.stderr.startswith(b"to-stderr\n"), ours.stderr)
        self.assertEqual(ours.returncode, 0)

    def test_its_own_words_are_few_or_json_if_asked_for(self):
        self.nginx()
        sidecar = self.sidecar()
        for flags in (("-q",), ("--output", "json")):
            client = Exec(self, sidecar, self.server(), (*MAP, *flags))
            wait_until(lambda: self.active(sidecar), "the mirror is live")
            before = len(self.payloads())
            sent = self.play("words", 5)
            wait_until(lambda: len(self.payloads()) == before + len(sent),
                       "the program saw every end")
            sidecar.wait_settled(self.active(sidecar)[0]["id"])
            lines = client.end()[1].splitlines()
            verdict = f"{len(sent)} of {len(sent)} connections delivered"
            if flags == ("-q",):
                self.assertEqual(lines[-1], f"kubectl-mirror: verdict: {verdict}")
                self.assertFalse([line for line in lines if "mirror m-" in line])
            else:
                events = [json.loads(line) for line in lines]
                self.assertEqual([event["event"] for event in events],
                                 ["started", "pod-ended", "ended"])
                self.assertEqual(events[-1]["verdict"], verdict)

    def test_signals_to_the_client_reach_the_program(self):
        script = ("import signal, sys\n"
                  "for n in ('HUP', 'INT', 'QUIT', 'USR1', 'USR2', 'ALRM', 'WINCH'):\n"
                  "    signal.signal(getattr(signal, 'SIG' + n), lambda s, f: print(s, flush=True))\n"
                  "print('ready', flush=True)\n"
                  "while True: signal.pause()\n")
        client = Exec(self, self.sidecar(), [PYTHON, "-c", script])
        wait_until(lambda: "ready" in client.out(), "the program is ready")
        for count, number in enumerate((signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1,
                                        signal.SIGUSR2, signal.SIGALRM, signal.SIGWINCH), 1):
            client.process.send_signal(number)
            wait_until(lambda: len(client.out().split()) == count + 1, f"signal {number} arrives")
            self.assertEqual(client.out().split()[-1], str(int(number)))
        self.assertEqual(client.end()[0], -signal.SIGTERM)

    def test_a_killed_client_takes_the_mirror_and_the_program_along(self):
        self.nginx()
        client = Exec(self, self.sidecar(), self.server())
        client.await_said(f"port {APP_PORT} to ")
        self.assert_woken()
        client.process.kill()
        self.assertEqual(client.process.wait(patience(5)), -signal.SIGKILL)
        self.assert_asleep(5)
        wait_until(lambda: not self.processes(), "the program got SIGTERM")

    def later(self):
        """A shell's command: a process that listens once the file `go` is there, and says so."""
        code = ("import pathlib, socket, time\n"
                f"while not pathlib.Path('{self.directory}/go').exists(): time.sleep(0.02)\n"
                "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()\n"
                f"pathlib.Path('{self.directory}/listens').touch()\n")
        return (f'{PYTHON} -c "{code}" </dev/null >/dev/null 2>{self.directory}/error & '
                f'echo $! >{self.directory}/pid')

    def check_later(self):
        keeper, = self.named("kubectl-mirror")
        (self.directory / "go").touch()
        try:
            wait_until((self.directory / "listens").exists, "it may listen")
        except AssertionError:
            self.fail((self.directory / "error").read_text())
        # Nobody but this process, the first of its namespace, takes note of orphans' ends.
        os.waitpid(int((self.directory / "pid").read_text()), 0)
        wait_until(lambda: not self.named("kubectl-mirror"), "nothing of the client is left")
        os.waitpid(keeper, 0)

    def test_what_the_program_leaves_behind_may_go_on_listening(self):
        code, _, said = self.ended(["sh", "-c", self.later()])
        self.assertEqual(code, 0)
        self.assertIn("run on; they are not followed", said)
        self.check_later()

    def test_what_a_killed_client_leaves_behind_may_go_on_listening(self):
        client = Exec(self, self.sidecar(), ["sh", "-c", self.later() + "; exec sleep 60"])
        wait_until(lambda: (self.directory / "pid").exists() and
                   (self.directory / "pid").read_text(), "the grandchild runs")
        # The client may still be about to start what is to outlive it.
        wait_until(lambda: len(self.named("kubectl-mirror")) == 2, "the client and its keeper run")
        client.process.kill()
        client.process.wait()
        self.check_later()

    def test_a_paused_program_is_mirrored_on(self):
        self.nginx()
        sidecar = self.sidecar()
        client = Exec(self, sidecar, self.server())
        client.await_said(f"port {APP_PORT} to ")
        program, = self.processes()
        os.kill(program, signal.SIGSTOP)
        sent = self.play("paused", 10)
        wait_until(lambda: self.active(sidecar)[0]["ledger"]["connections"]["seen"] >= len(sent),
                   "the sidecar has seen every connection")
        self.assertEqual(self.payloads(), [])
        os.kill(program, signal.SIGCONT)
        self.settled(sidecar, sent)
        self.assertEqual(client.end()[0], -signal.SIGTERM)

    @staticmethod
    def named(name):
        """Process ids of the living programs with that name."""
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                head, fields = path.read_text().rsplit(")", 1)
            except OSError:
                continue
            if head.partition("(")[2] == name and fields.split()[0] != "Z":
                found.append(int(path.parent.name))
        return found

    def test_on_a_terminal_it_is_one_job_with_its_program(self):
        self.nginx()
        sidecar = self.sidecar()
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.update(PS1="prompt> ", HISTFILE="", TERM="dumb", LC_ALL="C.UTF-8")
            os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
        self.addCleanup(os.waitpid, pid, 0)
        self.addCleanup(os.kill, pid, signal.SIGKILL)
        seen = b""

        def sees(text, count=1):
            nonlocal seen
            while select.select([terminal], [], [], 0.01)[0]:
                seen += os.read(terminal, 65536)
            return seen.count(text) >= count

        def enter(text):
            os.write(terminal, text.encode())

        wait_until(lambda: sees(b"prompt> "), "the shell is ready")
        enter(f"{CLIENT} exec --url http://127.0.0.1:4747 --token-file {sidecar.token_directory}/ana "
              f"--map {LOCAL_PORT}:{APP_PORT} -- {' '.join(map(str, self.server()))}\n")
        wait_until(lambda: sees(b"mirror m-"), lambda: seen)
        program, = self.processes()

        def state():
            return pathlib.Path(f"/proc/{program}/stat").read_text().rsplit(")", 1)[1].split()[0]
        enter("\x1a")  # Ctrl-Z
        wait_until(lambda: sees(b"Stopped"), lambda: seen)
        self.assertEqual(state(), "T")
        enter("fg\n")
        wait_until(lambda: state() != "T", "the program goes on")
        sent = self.play("terminal", 5)
        self.settled(sidecar, sent)
        enter("\x03")  # Ctrl-C
        wait_until(lambda: sees(b"connections delivered"), lambda: seen)
        enter("echo code=$?\n")
        wait_until(lambda: sees(b"code=130"), lambda: seen)
        self.assert_asleep()


if __name__ == "__main__":
    main()
