"""Runs commands over the submission in a box of its own, never in the harness's.

The harness keeps the tests, the expected answers and results.json; the submission sees its own files and what it is
given as input. Use it instead of importing or starting the submission here:

    import tribunal_box
    ran = tribunal_box.run(["python3", "sum.py"], stdin="1 2\n", cpu_time=2)
    if ran.status == "exited" and ran.exit_code == 0 and ran.stdout == "3\n": ...

What the submission prints is all it can say: judge that, and nothing it could have written elsewhere.
"""

import base64
import json
import os
import threading

_LINE = int(os.environ.get("TRIBUNAL_BOX_FD", "3"))
_lock = threading.Lock()


class Ran:
    """What came of one command. `status` is exited, signalled, limit or violation."""

    def __init__(self, said):
        self.status = said["status"]
        self.exit_code = said["exit_code"]
        self.signal = said["signal"]
        self.limit_hit = said["limit_hit"]
        self.reason = said["reason"]
        self.cpu_time_ms = said["cpu_time_ms"]
        self.memory_bytes = said["memory_bytes"]
        self.stdout_bytes = base64.b64decode(said["stdout_base64"])
        self.stderr_bytes = base64.b64decode(said["stderr_base64"])
        self.stdout = self.stdout_bytes.decode("utf-8", "replace")
        self.stderr = self.stderr_bytes.decode("utf-8", "replace")
        self.truncated = said["truncated"]


def run(argv, stdin="", cpu_time=None, keep=False):
    """Runs `argv` in a fresh box whose work directory holds the submission.

    `cpu_time` is in seconds. With `keep`, what the command leaves in the work directory is what the next commands
    find: that is how a submission is compiled once. RuntimeError when there is no such program.
    """
    data = stdin.encode("utf-8") if isinstance(stdin, str) else stdin
    request = {"argv": list(argv), "stdin_base64": base64.b64encode(data).decode("ascii"), "keep": keep}
    if cpu_time is not None:
        request["cpu_time_ms"] = cpu_time * 1000
    with _lock:
        _send(json.dumps({"run": request}).encode("ascii") + b"\n")
        said = json.loads(_receive())
    if "error" in said:
        raise RuntimeError(said["error"])
    return Ran(said)


def _send(data):
    while data:
        data = data[os.write(_LINE, data):]


def _receive():
    parts = []
    while not parts or not parts[-1].endswith(b"\n"):
        part = os.read(_LINE, 1 << 16)
        if not part:
            raise RuntimeError("the line to the submission's boxes is closed")
        parts.append(part)
    return b"".join(parts)
