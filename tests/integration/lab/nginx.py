"""nginx as the pod's app."""
import pathlib
import signal
import subprocess

# master_process off: one process, which needs no second user id (there is none in the namespace).
# user root: else nginx gives its directories to nobody, whom a user namespace need not know.
CONFIG = """
user root; daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/error.log warn;
worker_rlimit_nofile 65536;
events {{ worker_connections 30000; }}
http {{
  log_format line '{{"peer":"$remote_addr","port":$remote_port,"method":"$request_method",'
    '"uri":"$request_uri","bytes":$request_length,"status":$status}}';
  access_log {dir}/access.log line;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  scgi_temp_path {dir}/s; uwsgi_temp_path {dir}/u;
  client_max_body_size 8m; keepalive_timeout 75; keepalive_requests {requests};
  server {{
    {listen}
    root {dir}/files; dav_methods PUT; create_full_put_path on;
    location / {{
      if ($request_method = POST) {{ proxy_pass http://unix:{dir}/taken; }}
      if ($request_method = GET) {{ return 200 "here it is"; }}
    }}
  }}
  # POST goes through here, so that nginx reads and counts its body instead of throwing it away.
  server {{ listen unix:{dir}/taken; access_log off; return 200 "taken"; }}
}}
"""


class Nginx:
    """Takes GET, POST and PUT; what is PUT lies in files/ afterwards. Usable as `with`."""

    def __init__(self, directory, listen=("8080", "[::]:8080"), extra="",
                 keepalive_requests=1_000_000):
        self.directory = pathlib.Path(directory)
        (self.directory / "files").mkdir(parents=True)
        lines = "".join(f"listen {address};" for address in listen) + extra
        config = self.directory / "nginx.conf"
        config.write_text(CONFIG.format(dir=self.directory, listen=lines,
                                       requests=keepalive_requests))
        self.process = subprocess.Popen(
            ["nginx", "-c", str(config), "-p", str(self.directory), "-e",
             str(self.directory / "error.log")], stdin=subprocess.DEVNULL)

    def file(self, path):
        return self.directory / "files" / path.lstrip("/")

    def log(self):
        return (self.directory / "access.log").read_text()

    def served(self):
        """How many requests it has logged."""
        return self.log().count("\n")

    def errors(self):
        return (self.directory / "error.log").read_text()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)
