"""What a technician writes: pyserial, a line, read until OK, the second line is the value."""

import json
import sys

import serial

port = serial.Serial(sys.argv[1], 115200, timeout=2)


def ask(line: str) -> str:
    port.write(line.encode() + b"\r")
    lines = [text for text in port.read_until(b"OK\r\n").decode().splitlines() if text]
    return lines[1].split(": ")[-1] if len(lines) > 1 else ""


ask("AT")
found = {
    "manufacturer": ask("AT+CGMI"),
    "model": ask("AT+CGMM"),
    "firmware": ask("AT+CGMR"),
    "imei": ask("AT+CGSN"),
    "state": ask("AT+CPIN?"),
    "iccid": ask("AT+QCCID"),
    "imsi": ask("AT+CIMI"),
}
print(json.dumps(found))
