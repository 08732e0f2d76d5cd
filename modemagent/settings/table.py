"""What the agent can be told: :class:`Settings`, and a row of :data:`TABLE` for each key.

The keys are those of ``modemagent run``'s options, with ``_`` for ``-``; durations are in seconds.
``docs/settings.md`` is written from this table.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final, NamedTuple

from modemagent.settings.validators import (
    ADDRESS,
    BAUD,
    FILE,
    FLAG,
    GATEWAY_ID,
    PORTS,
    PROXY,
    REGISTRY,
    TEXTS,
    Validator,
    mebibytes,
    one_of,
    seconds,
)

DEFAULT_FILE = Path("/etc/modemagent/agent.toml")
DEFAULT_STATE_DIR = Path("/var/lib/modemagent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one agent; :data:`TABLE` says what each is for."""

    gateway_id: str | None = None
    state_dir: Path = DEFAULT_STATE_DIR
    outbox_limit: int = 32
    registry: str | None = None
    token_file: Path | None = None
    ca_file: Path | None = None
    client_cert_file: Path | None = None
    client_key_file: Path | None = None
    proxy: str | None = None
    compress: bool = True
    boot_spread: float = 30.0
    port: tuple[str, ...] = ()
    port_glob: tuple[str, ...] = ()
    discovery: bool = True
    via: str = "auto"
    baud: int = 115200
    poll_interval: float = 60.0
    refresh_interval: float = 86400.0
    heartbeat_interval: float = 0.0
    eid_by_apdu: bool = False
    network: bool = True
    evidence: bool = True
    metrics_listen: str | None = None
    metrics_file: Path | None = None


class Key(NamedTuple):
    """One key of the file.

    :param example: the value as it is written in the file
    :param meaning: one or two sentences
    :param on_reload: what a running agent makes of a new value: ``now``; ``ports`` (ports that
        are named in both stay open); ``reopens`` (every port is opened anew); ``restart`` (kept
        as it was until the agent starts again)
    """

    name: str
    kind: Validator
    example: str
    meaning: str
    on_reload: str = "now"


TABLE: Final = (
    Key("gateway_id", GATEWAY_ID, '"gw-0042"',
        "Who reports: the name of this gateway in the registry. Made from the machine id when it "
        "is not set.", "restart"),
    Key("state_dir", FILE, '"/var/lib/modemagent"',
        "Where reports wait until the registry has them. The control socket is there too, unless "
        "it is the default directory and /run/modemagent is there.", "restart"),
    Key("outbox_limit", mebibytes(1, 4096), "32",
        "So many MiB of waiting reports are kept, compressed; docs/durability.md says what goes "
        "first beyond it.", "restart"),
    Key("registry", REGISTRY, '"https://registry.example"',
        "Where reports go: https://, http:// or file://. Without it they wait on disk."),
    Key("token_file", FILE, '"/etc/modemagent/token"',
        "File with the gateway's token, read anew for every delivery. When it is not set, the "
        "file `token` in the directory that systemd names in CREDENTIALS_DIRECTORY is taken."),
    Key("ca_file", FILE, '"/etc/modemagent/ca.pem"',
        "Certificates to trust instead of the system's."),
    Key("client_cert_file", FILE, '"/etc/modemagent/client.pem"',
        "Certificate that this gateway shows of itself."),
    Key("client_key_file", FILE, '"/etc/modemagent/client.key"',
        "Key of that certificate, when it is not in the same file."),
    Key("proxy", PROXY, '"http://proxy.example:3128"',
        "HTTP proxy on the way to the registry."),
    Key("compress", FLAG, "true",
        "Send batches of reports compressed."),
    Key("boot_spread", seconds(0, 3600), "30",
        "After a boot the first delivery waits a random time up to this, so that the gateways of "
        "a region do not all come at once after a power cut. A change of SIM does not wait.",
        "restart"),
    Key("port", PORTS, '["/dev/ttyAMA0", "socket://192.0.2.7:2000"]',
        "Ports that are watched whether they are there or not: device paths, ids of `modemagent "
        "list`, socket:// and rfc2217:// addresses. A port that is named here is asked whatever is "
        "known of it, unless its device waits to be recovered or flashed.", "ports"),
    Key("port_glob", TEXTS, '["/dev/ttyUSB*"]',
        "Patterns of device paths: what matches now is watched. Left out are USB devices that are "
        "not known as cellular modems, and those ports of a modem that are not for AT commands.",
        "ports"),
    Key("discovery", FLAG, "true",
        "Watch the cellular modems that the system shows by itself.", "ports"),
    Key("via", one_of("auto", "port"), '"auto"',
        "The way to a modem. auto: one that ModemManager has is read through it, and its ports are "
        "left to it first; port: by its port, whoever else may want it.", "reopens"),
    Key("baud", BAUD, "115200",
        "Speed of UARTs in bits a second; USB ports ignore it.", "reopens"),
    Key("poll_interval", seconds(0.1, 86400), "60",
        "Between looks at a card that gives no sign by itself."),
    Key("refresh_interval", seconds(1, 30 * 86400, zero=True), "86400",
        "Between full reports when nothing changes; 0 for never."),
    Key("heartbeat_interval", seconds(1, 30 * 86400, zero=True), "0",
        "Between signs of life to the registry; 0 for none."),
    Key("eid_by_apdu", FLAG, "false",
        "Ask the card itself for its EID where the modem has no command for it."),
    Key("network", FLAG, "true",
        "Report operator and registration with each full reading."),
    Key("evidence", FLAG, "true",
        "Report with each value the answer it was read from."),
    Key("metrics_listen", ADDRESS, '"127.0.0.1:9470"',
        "Answer Prometheus there, GET /metrics. Without it nothing listens."),
    Key("metrics_file", FILE, '"/var/lib/prometheus/node-exporter/modemagent.prom"',
        "Write the metrics to this file for the node exporter's textfile collector."),
)  # fmt: skip
KEYS: Final = tuple(field.name for field in fields(Settings))
BY_NAME: Final = {key.name: key for key in TABLE}
