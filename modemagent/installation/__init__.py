"""Installing and uninstalling the files of a gateway.

:mod:`layout` is the table of files, :mod:`plan` compares it with the target, and :mod:`apply`
executes a plan. A file that was written or edited by anyone else is never overwritten.
"""
