"""Where bytes meet I/O: the only place that imports serial."""
