"""A program for the launcher's tests: serves HTTP on PORT_SETTING's port and misbehaves on request.

It starts a child in a session of its own, as Postgres or job processes may be, and writes its
environment to VOICE_HOME/NAME.environ. What it does wrong is read from VOICE_HOME/NAME.behave.
"""

import json
import os
import signal
import subprocess
import sys
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


def main(name: str, port_setting: str) -> None:
    home = Path(os.environ["VOICE_HOME"])
    (home / f"{name}.environ").write_text(json.dumps(dict(os.environ)))
    (home / "letta").mkdir(exist_ok=True)
    (home / "letta" / "first-agent").write_text("agent-1")
    behave_file = home / f"{name}.behave"
    behave = behave_file.read_text() if behave_file.exists() else ""
    if behave == "crash":
        print("the standin has a broken leg", flush=True)
        sys.exit(3)
    if behave == "slow":
        print(f"{name} takes its time", flush=True)
        signal.pause()
    if behave == "raise":
        raise ValueError(f"it does not like {os.environ['STANDIN_API_KEY']}")
    if behave == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    print(f"{name} listens", flush=True)
    ThreadingHTTPServer(("127.0.0.1", int(os.environ[port_setting])), Answer).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
