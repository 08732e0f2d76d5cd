"""Run a command and report its peak memory and processor time: ``launch.py FD COMMAND...``.

Linux passes the peak of a parent process on to its child through fork and exec. So the benchmark
itself, which is large, must not start the measured process; this small one does. Processes that
need less memory than this one (8.3 MB) cannot be distinguished from it.
"""

import os
import sys

descriptor, *command = sys.argv[1:]
os.set_inheritable(int(descriptor), False)
process = os.posix_spawnp(command[0], command, os.environ)
_, status, usage = os.wait4(process, 0)
report = f"{usage.ru_maxrss} {usage.ru_utime + usage.ru_stime}"
os.write(int(descriptor), report.encode())
sys.exit(os.waitstatus_to_exitcode(status) & 0x7F)
