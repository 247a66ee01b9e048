"""The configuration of our own livekit-server: loopback only, our key, webhooks to the proxy."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dev.supervisor import private_files
from dev.supervisor.ports import has_ipv6

FILE = "livekit.yaml"


def config(environ: Mapping[str, str], ipv6: bool) -> dict[str, Any]:
    """The configuration as livekit-server's own keys."""

    def port(setting: str, default: int) -> int:
        return int(environ.get(setting) or default)

    key, secret = environ["LIVEKIT_API_KEY"], environ["LIVEKIT_API_SECRET"]
    return {
        "port": port("LIVEKIT_PORT", 7880),
        "bind_addresses": ["127.0.0.1", "::1"] if ipv6 else ["127.0.0.1"],
        "rtc": {
            "tcp_port": port("LIVEKIT_TCP_PORT", 7881),
            "udp_port": port("LIVEKIT_UDP_PORT", 7882),
            "node_ip": "127.0.0.1",
            "enable_loopback_candidate": True,
            "use_external_ip": False,
            # Without this it takes media over UDP on every address of the machine. For media over
            # TCP it listens without an address, whatever is set here: README.md tells people.
            "ips": {"includes": ["127.0.0.1/32"]},
        },
        "keys": {key: secret},
        "webhook": {
            "api_key": key,
            "urls": [f"http://localhost:{port('PROXY_PORT', 9000)}/webhooks/livekit"],
        },
        "logging": {"level": "info", "json": environ.get("LOG_FORMAT") == "json"},
    }


def write(environ: Mapping[str, str]) -> Path:
    """Write the file (it holds the secret: mode 0600); JSON, which is YAML too."""
    path = Path(environ["VOICE_HOME"]) / FILE
    private_files.write(path, json.dumps(config(environ, has_ipv6()), indent=2))
    return path
