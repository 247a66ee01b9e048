"""Every setting of the proxy: name, default and help, read from the environment only."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict

from proxy.listening import ListeningSettings


class SettingsError(Exception):
    """A setting has a value that cannot be used; the text says which, and what to set."""


def _url_with(*schemes: str) -> AfterValidator:
    def check(value: str) -> str:
        address = urlsplit(value)
        if address.scheme not in schemes or not address.hostname:
            wanted = " or ".join(f"{scheme}://HOST:PORT" for scheme in schemes)
            raise ValueError(f"not an address such as {wanted}")
        if "@" in address.netloc:
            raise ValueError("not an address without a user name and password")
        return value.rstrip("/")

    return AfterValidator(check)


def _postgres(value: SecretStr) -> SecretStr:
    address = urlsplit(value.get_secret_value())
    schemes = ("postgresql", "postgres", "postgresql+asyncpg")
    if address.scheme not in schemes or not (address.netloc or address.query):
        raise ValueError("not an address such as postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    return value


PostgresUrl = Annotated[SecretStr, AfterValidator(_postgres)]
SignalUrl = Annotated[str, _url_with("ws", "wss", "http", "https")]
HttpUrl = Annotated[str, _url_with("http", "https")]
Port = Annotated[int, Field(ge=1, le=65535)]
Provider = Literal["offline", "openai", "inference"]
ChatProvider = Literal["offline", "openai"]


class ProxySettings(ListeningSettings):
    """Settings of the proxy. An empty value is the same as none."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", case_sensitive=False, frozen=True
    )

    livekit_url: SignalUrl = Field(
        default="ws://localhost:7880",
        description="Address of the LiveKit server; one that is not on this machine turns the "
        "livekit process into a monitor.",
    )
    livekit_api_key: str | None = Field(
        default=None,
        description="Key for the LiveKit server; generated on first use when the server is our "
        "own.",
    )
    livekit_api_secret: SecretStr | None = Field(
        default=None,
        description="Secret that belongs to LIVEKIT_API_KEY; at least 32 characters.",
    )
    livekit_tcp_port: Port = Field(
        default=7881, description="Port of our own LiveKit server for media over TCP."
    )
    livekit_udp_port: Port = Field(
        default=7882, description="Port of our own LiveKit server for media over UDP."
    )
    livekit_agent_name: str = Field(
        default="letta-voice-agent",
        description="Name under which the worker registers and the proxy dispatches.",
    )
    letta_base_url: HttpUrl = Field(
        default="http://localhost:8283",
        description="Address of the Letta server; setting it turns the letta process into a "
        "monitor.",
    )
    letta_api_key: SecretStr | None = Field(
        default=None,
        description="Key for Letta Cloud or a protected Letta server.",
    )
    models_url: HttpUrl = Field(
        default="http://localhost:8090/v1",
        description="Address of the offline models server.",
    )
    speech: Provider = Field(
        default="offline",
        description="Where speech and language come from: offline, openai or inference.",
    )
    stt_provider: Provider | None = Field(
        default=None,
        description="Speech-to-text alone: offline, openai or inference; empty: as SPEECH.",
    )
    tts_provider: Provider | None = Field(
        default=None,
        description="Text-to-speech alone: offline, openai or inference; empty: as SPEECH.",
    )
    chat_provider: ChatProvider | None = Field(
        default=None, description="Language model alone: offline or openai; empty: as SPEECH."
    )
    openai_api_key: SecretStr | None = Field(
        default=None, description="Key for OpenAI or an OpenAI-compatible server."
    )
    openai_base_url: str = Field(
        default="https://api.openai.com/v1",
        description="Address of OpenAI or an OpenAI-compatible server.",
    )
    stt_base_url: str | None = Field(
        default=None,
        description="OpenAI-compatible server for speech-to-text alone (empty: the provider's "
        "own).",
    )
    tts_base_url: str | None = Field(
        default=None,
        description="OpenAI-compatible server for text-to-speech alone (empty: the provider's "
        "own).",
    )
    agent_url: HttpUrl = Field(
        default="http://localhost:8081",
        description="Address of the worker's status (proxy reads it).",
    )
    agent_check: bool = Field(
        default=True,
        description="Whether the proxy asks the worker at AGENT_URL before it dispatches; false "
        "when the worker runs elsewhere or several share the name.",
    )
    agent_join_timeout: float = Field(
        default=15.0,
        gt=0,
        le=600,
        description="Seconds after a dispatch in which the agent must have joined the room.",
    )
    dispatch_wait: float = Field(
        default=600.0,
        gt=0,
        le=86400,
        description="Seconds for which a dispatch waits for a worker to register.",
    )
    livekit_timeout: float = Field(
        default=2.0,
        gt=0,
        le=60,
        description="Seconds the proxy waits for one answer of the LiveKit server.",
    )
    proxy_port: Port = Field(default=9000, description="Port of the page and its API.")
    proxy_allowed_hosts: str = Field(
        default="",
        description="Further values of the Host header that are answered, separated by commas; "
        "localhost, 127.0.0.1 and [::1] with PROXY_PORT always are.",
    )
    proxy_allowed_origins: str = Field(
        default="",
        description="Further origins whose pages may use the API, separated by commas; the page's "
        "own always may.",
    )
    process_status_dir: Path | None = Field(
        default=None,
        description="Folder in which the launchers write their status files; empty where no "
        "launcher runs.",
    )
    memory_low_mb: int = Field(
        default=512,
        ge=0,
        description="Megabytes of available memory below which the machine counts as out of it.",
    )
    disk_low_mb: int = Field(
        default=200,
        ge=0,
        description="Megabytes free on the disk of VOICE_HOME below which it counts as full.",
    )
    calls_database: Path | None = Field(
        default=None,
        description="File in which calls are kept (SQLite; default: calls.db in VOICE_HOME; "
        "without a launcher only while the proxy runs).",
    )
    database_url: PostgresUrl | None = Field(
        default=None,
        description="Postgres in which calls are kept instead of CALLS_DATABASE, such as "
        "postgresql://USER:PASSWORD@HOST:PORT/DATABASE.",
    )
    call_events_max: int = Field(
        default=20000,
        ge=100,
        le=1_000_000,
        description="Events kept of one call; figures are thinned out before it is full.",
    )
    calls_kept: int = Field(
        default=500, ge=1, description="Calls that are kept; older ones are deleted."
    )
    calls_kept_days: float = Field(
        default=30.0, gt=0, description="Days for which a call is kept at most."
    )
    faults_enabled: bool = Field(
        default=False, description="Allow faults to be injected on purpose; only for tests."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="How much is logged: DEBUG, INFO, WARNING or ERROR."
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="Form of the log lines: text, or json (one object a line)."
    )

    @property
    def hosts(self) -> frozenset[str]:
        """Every Host header that is answered, in lower case."""
        own = {f"{name}:{self.proxy_port}" for name in ("localhost", "127.0.0.1", "[::1]")}
        if self.proxy_port == 80:
            own |= {"localhost", "127.0.0.1", "[::1]"}
        return frozenset(own | set(_listed(self.proxy_allowed_hosts.lower())))

    @property
    def origins(self) -> frozenset[str]:
        """Every origin whose pages may call the API, in lower case, without a slash at the end."""
        own = {f"http://{host}" for host in self.hosts}
        listed = {each.rstrip("/") for each in _listed(self.proxy_allowed_origins.lower())}
        return frozenset(own | listed)

    @property
    def livekit_http_url(self) -> str:
        """LIVEKIT_URL for requests instead of a WebSocket."""
        address = urlsplit(self.livekit_url)
        return address._replace(scheme=address.scheme.replace("ws", "http")).geturl()

    @property
    def livekit_credentials(self) -> tuple[str, str] | None:
        """Key and secret, when both are set."""
        if self.livekit_api_key is None or self.livekit_api_secret is None:
            return None
        return self.livekit_api_key, self.livekit_api_secret.get_secret_value()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that must never leave the proxy."""
        held = (
            self.livekit_api_secret,
            self.letta_api_key,
            self.openai_api_key,
            self.database_url,
        )
        values = [each.get_secret_value() for each in held if each is not None]
        if self.database_url is not None:
            password = urlsplit(self.database_url.get_secret_value()).password
            values += [password, unquote(password)] if password else []
        return tuple(values)


def _listed(text: str) -> list[str]:
    return [part for each in text.split(",") if (part := each.strip())]


WANTED = {
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "bool_parsing": "true or false",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "literal_error": "one of {expected}",
}
"""What the value should have been, for each kind of error that a field above can have."""


def load() -> ProxySettings:
    """The settings of this process; `SettingsError` says which one is wrong and how to mend it."""
    try:
        return ProxySettings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    name = str(first["loc"][0])
    default = ProxySettings.model_fields[name].default
    if first["type"] == "value_error":
        wanted = str(first["msg"]).removeprefix("Value error, not ")
    else:
        wanted = WANTED[first["type"]].format(**first.get("ctx", {}))
    value = str(first["input"])
    shown = "a value with a password (not shown)" if "@" in value else f"the value {value!r}"
    example = "" if default is None else f", such as {default} (the default)"
    raise SettingsError(
        f"setting {name.upper()} has {shown}, which is not {wanted}; set it to {wanted}{example}"
    )
