"""Settings of the agent: the class :class:`Settings`, and a row of :data:`TABLE` for each key.

The keys are the options of ``modemagent run`` with ``_`` for ``-``. Durations are in seconds.
``docs/settings.md`` is generated from this table.
"""

from pathlib import Path
from typing import Final, NamedTuple

from modemagent.at import DEFAULT_BAUD
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
#: User and LoadCredential in modemagent.service: systemd reads the token as root.
SERVICE_USER = "modemagent"
SERVICE_TOKEN = Path("/etc/modemagent/token")


class Settings(NamedTuple):
    """The settings of one agent; :data:`TABLE` describes each."""

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
    baud: int | str = DEFAULT_BAUD
    poll_interval: float = 60.0
    refresh_interval: float = 86400.0
    heartbeat_interval: float = 3600.0
    eid_by_apdu: bool = False
    network: bool = True
    cell: bool = False
    evidence: bool = True
    metrics_listen: str | None = None
    metrics_file: Path | None = None


class Key(NamedTuple):
    """One key of the file.

    :param example: a value as written in the file
    :param meaning: one or two sentences
    :param on_reload: effect of a new value on a running agent: ``now``; ``ports`` (ports that
        are watched before and after stay open); ``reopens`` (every port is reopened); ``restart``
        (no effect until the agent restarts)
    """

    name: str
    validator: Validator
    example: str
    meaning: str
    on_reload: str = "now"


TABLE: Final = (
    Key("gateway_id", GATEWAY_ID, '"gw-0042"',
        "Name of this gateway in the registry. If it is not set, it is derived from the machine "
        "id.", "restart"),
    Key("state_dir", FILE, '"/var/lib/modemagent"',
        "Directory of the outbox. The control socket is there too, unless this is the default "
        "directory and /run/modemagent exists.", "restart"),
    Key("outbox_limit", mebibytes(1, 4096), "32",
        "Size limit of queued reports in MiB, compressed; docs/durability.md describes which are "
        "evicted first.", "restart"),
    Key("registry", REGISTRY, '"https://registry.example"',
        "Address that reports are sent to: https://, http:// or file://. Without it reports stay "
        "in the outbox."),
    Key("token_file", FILE, '"/etc/modemagent/token"',
        "File with the gateway's token, read again for every delivery. If it is not set, the file "
        "`token` in the directory CREDENTIALS_DIRECTORY of systemd is used."),
    Key("ca_file", FILE, '"/etc/modemagent/ca.pem"',
        "CA certificates to trust instead of the system's."),
    Key("client_cert_file", FILE, '"/etc/modemagent/client.pem"',
        "Client certificate of this gateway."),
    Key("client_key_file", FILE, '"/etc/modemagent/client.key"',
        "Key of the client certificate, if it is not in the same file."),
    Key("proxy", PROXY, '"http://proxy.example:3128"',
        "HTTP proxy for connections to the registry."),
    Key("compress", FLAG, "true",
        "Compress batches of reports."),
    Key("boot_spread", seconds(0, 3600), "30",
        "Maximum random delay of the first delivery after a boot, so that the gateways of a "
        "region do not all connect at once after a power cut. A change of SIM is not delayed.",
        "restart"),
    Key("port", PORTS, '["/dev/ttyAMA0", "socket://192.0.2.7:2000"]',
        "Ports to watch, present or not: device paths, ids of `modemagent list`, socket:// and "
        "rfc2217:// addresses. These ports are opened regardless of their USB id, unless the "
        "device is in a recovery or flashing mode.", "ports"),
    Key("port_glob", TEXTS, '["/dev/ttyUSB*"]',
        "Patterns of device paths: matching ports are watched as they appear. USB devices that "
        "are not known cellular modems, and ports that are not for AT commands, are skipped.",
        "ports"),
    Key("discovery", FLAG, "true",
        "Watch all cellular modems found on this machine.", "ports"),
    Key("via", one_of("auto", "port"), '"auto"',
        "How modems are read. auto: a modem managed by ModemManager is read over D-Bus, and "
        "ModemManager may open its ports first; port: modems are read through their ports only.",
        "reopens"),
    Key("baud", BAUD, str(DEFAULT_BAUD),
        'Baud rate of UARTs, or "auto": the common ones are tried with AT until the modem answers. '
        "It has no effect on the ports of USB modems.", "reopens"),
    Key("poll_interval", seconds(0.1, 86400), "60",
        "Interval between checks of a SIM whose changes the modem does not report."),
    Key("refresh_interval", seconds(1, 30 * 86400, zero=True), "86400",
        "Interval between full reports without a change; 0 for never."),
    Key("heartbeat_interval", seconds(1, 30 * 86400, zero=True), "3600",
        "Interval between heartbeats, one report of the gateway with the state of its outbox and "
        "modems; 0 for none."),
    Key("eid_by_apdu", FLAG, "false",
        "Read the EID from the SIM itself if the modem has no command for it."),
    Key("network", FLAG, "true",
        "Report operator and registration with each full reading."),
    Key("cell", FLAG, "false",
        "Report area and id of the serving cell with the registration, for cases of lost and "
        "stolen devices. It shows where the gateway is."),
    Key("evidence", FLAG, "true",
        "Report the raw response of each value."),
    Key("metrics_listen", ADDRESS, '"127.0.0.1:9470"',
        "Address that serves Prometheus metrics, GET /metrics. Without it, no metrics are served."),
    Key("metrics_file", FILE, '"/var/lib/prometheus/node-exporter/modemagent.prom"',
        "File for the metrics, read by the textfile collector of the node exporter."),
)  # fmt: skip
KEYS: Final = Settings._fields
BY_NAME: Final = {key.name: key for key in TABLE}
