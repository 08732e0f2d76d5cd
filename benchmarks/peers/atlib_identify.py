"""atlib: read the numbers by the calls it has for them, print them."""

import json
import sys

from atlib import GSM_Device

modem = GSM_Device(sys.argv[1], 115200)
found = {
    "manufacturer": modem.get_manufacturer(),
    "model": modem.get_model(),
    "imei": modem.get_imei(),
    "imsi": modem.get_imsi(),
    "iccid": modem.get_iccid(),
}
print(json.dumps(found), flush=True)
