"""Labels: a template and values become one layout, and the layout a raster or ZPL.

Needs the extra ``bench`` (Pillow, python-barcode, segno). Nothing here reads or writes besides the
shipped templates; ``modemagent.provisioning.printers`` sends labels.
"""
