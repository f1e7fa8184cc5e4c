"""The pod's app: nginx in the foreground. Usage: app.py DIRECTORY"""
import signal
import sys

import shared  # noqa: F401  (finds lab)
from lab.nginx import Nginx

nginx = Nginx(sys.argv[1], listen=["8080"])
signal.signal(signal.SIGTERM, lambda *_: nginx.process.terminate())
sys.exit(nginx.process.wait())
