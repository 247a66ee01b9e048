"""The environment of the Letta server: everything it keeps is inside our folder, it asks one model
endpoint and nobody else, and it is set to be quick.

Letta reads some two hundred variables, among them the keys of a dozen providers, each of which it
would ask for its models over the network at every start. So it gets a chosen environment, not ours;
a LETTA_ variable that a person sets is passed on, unless it is one of those below.
"""

from collections.abc import Mapping
from pathlib import Path

from common import http_proxy
from common.settings import revealed
from dev.letta.settings import LettaSettings

PASSED = {
    "PATH",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
}
# Ours, not the server's: the address and key under which others reach it.
NOT_PASSED = {"LETTA_BASE_URL", "LETTA_API_KEY", "LETTA_AGENT_ID", "LETTA_PORT", "LETTA_HOST"}

# Without these five a first token takes twice as long.
QUICK = {
    "LETTA_DISABLE_SQLALCHEMY_POOLING": "false",
    "LETTA_POOL_PRE_PING": "false",
    "LETTA_TRACK_PROVIDER_TRACE": "false",
    "LETTA_LLM_API_LOGGING": "false",
    "LETTA_DISABLE_TRACING": "true",
}
QUIET = {
    "LETTA_ENABLE_DB_POOL_MONITORING": "false",
    "LETTA_ENABLE_BATCH_JOB_POLLING": "false",
    "LETTA_TELEMETRY_ENABLE_DATADOG": "false",
    "DO_NOT_TRACK": "1",
    "OTEL_SDK_DISABLED": "true",
}
# The heap of a server with threads else splits into arenas of 64 MB each.
SMALL = {"MALLOC_ARENA_MAX": "2", "MALLOC_TRIM_THRESHOLD_": "131072"}
POOL = {"LETTA_PG_POOL_SIZE": "5", "LETTA_PG_MAX_OVERFLOW": "35"}


def compose(settings: LettaSettings, exported: Mapping[str, str], database: str) -> dict[str, str]:
    """The whole environment of the server process; `database` is the address of Postgres."""
    home = settings.folder / "home"
    environ = {name: value for name, value in exported.items() if _passed(name)}
    environ.update(
        # Letta keeps files in ~/.letta and NLTK in ~/nltk_data, whatever their settings say.
        HOME=str(home),
        LETTA_DIR=str(home / ".letta"),
        NLTK_DATA=str(home / "nltk_data"),
        LETTA_PG_URI=database,
        # Both names: Letta prefers the first, some of its parts read the second.
        OPENAI_BASE_URL=settings.model_endpoint,
        OPENAI_API_BASE=settings.model_endpoint,
        # Letta knows no provider without a key, and endpoints of one's own often want none.
        OPENAI_API_KEY=(not settings.chat_offline and revealed(settings.openai_api_key)) or "none",
        PYTHONUNBUFFERED="1",
        PYTHONWARNINGS="ignore",
        **QUICK,
        **QUIET,
        **SMALL,
        **POOL,
    )
    environ.update(http_proxy.with_loopback(environ))
    return environ


def _passed(name: str) -> bool:
    upper = name.upper()
    if upper.startswith("LETTA_"):
        return upper not in NOT_PASSED and not upper.startswith("LETTA_PG_")
    return upper in PASSED or upper.startswith("LC_")


def folders(settings: LettaSettings) -> list[Path]:
    """The folders that must be there before the server starts."""
    home = settings.folder / "home"
    return [settings.folder, home / ".letta" / "tool_execution_dir"]
