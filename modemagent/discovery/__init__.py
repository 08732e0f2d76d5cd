"""Which ports exist and whose they are; never opens one."""
