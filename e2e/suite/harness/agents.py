"""The agents that a developer's client has brought into pods, and what it keeps of them."""

import hashlib
import json
import pathlib


def kept_token(who):
    """The token of the only agent that the developer has, whose file is readable by him alone."""
    path, = pathlib.Path(who.environment["XDG_STATE_HOME"], "dormouse/agents").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    return json.loads(path.read_text())["token"]


def sha256(token):
    return hashlib.sha256(token.encode()).hexdigest()


def flag(container, name):
    """What the agent's container (an object of the API) was told by `--name=…`."""
    return next(each.split("=", 1)[1] for each in container.args if each.startswith(f"--{name}="))
