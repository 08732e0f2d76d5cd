"""Run a command and tell its peak memory and processor time: ``launch.py FD COMMAND...``.

Linux hands the peak of the starting process down to the started one, through fork and exec. So
the benchmark itself, which is large, must not start what it weighs; this small process does. What
needs less than this one (8.3 MB) can not be told from it.
"""

import os
import sys

descriptor, *command = sys.argv[1:]
os.set_inheritable(int(descriptor), False)
process = os.posix_spawnp(command[0], command, os.environ)
_, status, usage = os.wait4(process, 0)
told = f"{usage.ru_maxrss} {usage.ru_utime + usage.ru_stime}"
os.write(int(descriptor), told.encode())
sys.exit(os.waitstatus_to_exitcode(status) & 0x7F)
