"""A program for the launcher's tests: serves HTTP on PORT_SETTING's port and misbehaves on request.

It starts a child in a session of its own, as Postgres or job processes may be, and writes its
environment to VOICE_HOME/NAME.environ. What it does wrong is read from VOICE_HOME/NAME.behave.
Below the folder NAME it loads code.py, when there is one, and takes over from the program that runs
with another one; a retired program has a call as long as VOICE_HOME/NAME.call.PID exists.
"""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"version": "1", "agent_name": "letta-voice-agent"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    allow_reuse_port = True


def load(name: str) -> None:
    code = Path(name) / "code.py"
    if code.exists():
        exec(compile(code.read_text(), str(code.resolve()), "exec"), {"__name__": "code"})


def retire(server: Server, call: Path) -> None:
    server.shutdown()
    server.server_close()
    while call.exists():
        time.sleep(0.02)
    print("the last call has ended", flush=True)
    os._exit(0)


def main(name: str, port_setting: str) -> None:
    home = Path(os.environ["VOICE_HOME"])
    (home / f"{name}.environ").write_text(json.dumps(dict(os.environ)))
    (home / "letta" / "app-server").mkdir(parents=True, exist_ok=True)
    (home / "letta" / "app-server" / "first-agent").write_text("agent-1")
    behave_file = home / f"{name}.behave"
    behave = behave_file.read_text() if behave_file.exists() else ""
    if behave == "crash":
        print("the standin has a broken leg", flush=True)
        sys.exit(3)
    if behave == "foreign":
        print("Grüße an alle → jetzt", flush=True)
    if behave == "refused":
        for tries in itertools.count(1):
            print(f"error: the key is refused, try {tries}", flush=True)
            time.sleep(1.1)
    if behave == "slow":
        print(f"{name} takes its time", flush=True)
        signal.pause()
    if behave == "raise":
        raise ValueError(f"it does not like {os.environ['STANDIN_API_KEY']}")
    if behave == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    load(name)
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    with Server(("127.0.0.1", int(os.environ[port_setting])), Answer) as server:
        retiring = threading.Thread(
            target=retire, args=(server, home / f"{name}.call.{os.getpid()}")
        )
        signal.signal(signal.SIGUSR1, lambda *_: retiring.start())
        if before := os.environ.get("VOICE_REPLACES"):
            os.kill(int(before), signal.SIGUSR1)
        print(f"{name} listens", flush=True)
        server.serve_forever()
        signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
