#!/usr/bin/env python3
"""Runs the commands of README.md, and checks that the documentation agrees with the programs.

Usage: readme_test.py SOURCE_DIR SIDECAR CLIENT

A ```sh block of README.md stands below one of these marks, or holds lines `make TARGET` alone:
  <!-- test -->  its commands are run here, in order, all blocks in one shell; the lines
                 <!-- expect: TEXT --> right behind it must occur in its output
  <!-- ci -->    its lines stand in .ci/run
  <!-- e2e -->   e2e/suite/test_readme.py runs it in a cluster
"""
import http.server
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading

SECONDS = 60  # Far above what it takes.
BLOCK = re.compile(r"(?:<!-- (test|ci|e2e) -->\n)?```(\w*)\n(.*?)^```\n((?:<!-- expect: .*? -->\n)*)",
                   re.MULTILINE | re.DOTALL)
EXPECT = re.compile(r"<!-- expect: (.*?) -->")
PAGES = ("README.md", "ARCHITECTURE.md", "CHANGELOG.md", "docs/control-api.md",
         "docs/stream-format.md", "docs/exec.md", "docs/ways-in.md")


class LocalProgram(http.server.ThreadingHTTPServer):
    """The developer's program on port 3000; knows the paths that it was asked for."""

    def __init__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.server.paths.append(self.path)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.paths = []
        super().__init__(("127.0.0.1", 3000), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def blocks_of(readme):
    """(mark, commands, expected texts) of each shell block; faults of the marks."""
    blocks, faults = [], []
    for mark, language, commands, expected in BLOCK.findall(readme):
        if language == "sh":
            blocks.append((mark, commands, EXPECT.findall(expected)))
    if len(blocks) != readme.count("```sh\n"):
        faults.append("README.md: a shell block is not read")
    if sum(len(expected) for _, _, expected in blocks) != readme.count("<!-- expect:"):
        faults.append("README.md: an expectation stands behind no shell block")
    if sum(mark != "" for mark, _, _ in blocks) != len(re.findall("<!-- (test|ci|e2e) -->", readme)):
        faults.append("README.md: a mark stands above no shell block")
    return blocks, faults


def unrun_commands(source, blocks):
    """Faults: commands that nothing runs."""
    ci = (source / ".ci/run").read_text().splitlines()
    targets = re.findall(r"^([a-z0-9-]+):", (source / "Makefile").read_text(), re.MULTILINE)
    faults = []
    for mark, commands, expected in blocks:
        if mark in ("test", "e2e"):
            continue
        if expected:
            faults.append(f"README.md: not run, and yet something is expected of:\n{commands}")
        for line in commands.splitlines():
            make = re.fullmatch(r"make ([a-z0-9-]+)", line)
            if not (line in ci if mark == "ci" else make and make.group(1) in targets):
                faults.append(f"README.md: nothing runs: {line}")
    return faults


def run_commands(source, blocks, directory):
    """Runs the blocks marked as tests; the faults found."""
    script = ["set -euo pipefail"]
    tested = [block for block in blocks if block[0] == "test"]
    for number, (_, commands, _) in enumerate(tested):
        script += [f"exec >{directory}/{number}.out 2>&1", commands]
    work = directory / "work"
    work.mkdir()
    program = LocalProgram()
    environment = dict(os.environ, PATH=f"{directory}/bin:{os.environ['PATH']}", LC_ALL="C.UTF-8",
                       HOME=str(directory))
    try:
        code = subprocess.run(["bash", "-c", "\n".join(script)], cwd=work, env=environment,
                              stdin=subprocess.DEVNULL, timeout=SECONDS).returncode
    except subprocess.TimeoutExpired:
        code = f"none within {SECONDS} s"
    outputs = sorted(directory.glob("*.out"), key=lambda path: int(path.stem))
    texts = [path.read_text(errors="replace") for path in outputs]
    if code != 0 or len(texts) != len(tested):
        last = tested[len(texts) - 1][1] if texts else ""
        log = work / "sidecar.log"
        return [f"exit code {code} in this block:\n{last}\nIts output:\n{texts[-1] if texts else ''}\n"
                f"The sidecar's log:\n{log.read_text() if log.exists() else ''}"]
    faults = []
    for (_, commands, expected), text in zip(tested, texts):
        faults += [f"the output of\n{commands}\ndoes not contain {want!r}:\n{text}"
                   for want in expected if want not in text]
    for path in ("/hello", "/hello/again", "/for-netcat", "/for-the-client"):
        if path not in program.paths:
            faults.append(f"the local program was not asked for {path}, only for {program.paths}")
    if {"/for-tshark", "/for-the-file"} & set(program.paths):
        faults.append(f"a pcap mirror reached the local program: {program.paths}")
    return faults


def undocumented(source, sidecar):
    """Faults: where docs/control-api.md and the programs disagree, and links that lead nowhere."""
    page = (source / "docs/control-api.md").read_text()
    faults = []

    def compare(what, real, documented):
        if not real:
            faults.append(f"no {what} found in the program")
        for name in sorted(real ^ documented):
            faults.append(f"docs/control-api.md: {what} {name} is "
                          + ("missing" if name in real else "unknown to the program"))

    help_text = subprocess.run([sidecar, "--help"], capture_output=True, text=True, check=True,
                               timeout=10).stdout
    compare("flag", set(re.findall(r"^  (?:-h \[ )?--([a-z0-9-]+)", help_text, re.MULTILINE)),
            set(re.findall(r"^\| `--([a-z0-9-]+)", page, re.MULTILINE)))
    names = re.search(r"kNames = \{(.*?)\};", (source / "common/reason.cpp").read_text(), re.DOTALL)
    ledger = page.split("## The ledger\n")[1].split("\n## ")[0]
    compare("reason", set(re.findall(r'"([a-z-]+)"', names.group(1))) - {"none"},
            set(re.findall(r"^\| `([a-z-]+)` \|", ledger, re.MULTILINE)))
    metrics = set()
    for path in (source / "sidecar/control").glob("*.cpp"):
        metrics |= set(re.findall(r'"(dormouse_[a-z_]+)"', path.read_text()))
    compare("metric", metrics, set(re.findall(r"^\| `(dormouse_[a-z_]+)", page, re.MULTILINE)))
    api = (source / "sidecar/control/control_api.cpp").read_text()
    compare("call", {" ".join(call) for call in
                     re.findall(r'router_\.add\(\s*"([A-Z]+)", "([^"]+)"', api)},
            {f"{method} {path}" for method, path in
             re.findall(r"^\| `(GET|POST|DELETE) (/[^`? ]*)", page, re.MULTILINE)})

    for name in PAGES:
        text = (source / name).read_text()
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            if not (source / name).parent.joinpath(link).exists():
                faults.append(f"{name}: there is no {link}")
        for link, anchor in re.findall(r"\]\(([^)#:]*)#([^)]*)\)", text):
            target = (source / name).parent.joinpath(link) if link else source / name
            headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            if anchor not in {re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-")
                              for h in headings}:
                faults.append(f"{name}: {link} has no heading #{anchor}")
    return faults


def main():
    source, sidecar, client = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])
    if sys.argv[4:] != ["inside"]:
        os.execv(source / "e2e/in_namespace", ["in_namespace", sys.executable, "-B", __file__,
                                               source, sidecar, client, "inside"])
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = "*"  # No proxy is in this network.
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    sys.path.insert(0, str(source / "tests/integration"))
    from lab.nginx import Nginx
    from lab.waiting import wait_until

    blocks, faults = blocks_of((source / "README.md").read_text())
    faults += unrun_commands(source, blocks)
    faults += undocumented(source, sidecar)
    with tempfile.TemporaryDirectory() as scratch:
        directory = pathlib.Path(scratch)
        (directory / "bin").mkdir()
        # Copies, since the commands change what the sidecar's file is permitted.
        for program in (sidecar, client):
            shutil.copy(program, directory / "bin" / program.name)
        nginx = Nginx(directory / "nginx", listen=["127.0.0.1:8080"])
        try:
            wait_until(lambda: subprocess.run(
                ["curl", "-sf", "-o", "/dev/null", "--max-time", "2", "http://127.0.0.1:8080/"],
                timeout=5).returncode == 0, "nginx answers")
            faults += run_commands(source, blocks, directory)
        finally:
            nginx.stop()
    ran = sum(mark == "test" for mark, _, _ in blocks)
    print("\n".join(faults) or f"{ran} blocks of README.md were run as written")
    return 1 if faults or ran == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
