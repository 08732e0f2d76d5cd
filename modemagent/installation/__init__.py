"""Putting the files of a gateway in place, and taking them away again.

:mod:`layout` is the table of files, :mod:`plan` compares it with what is there, :mod:`execution`
does what a plan says. Nothing is written over that somebody else wrote or edited.
"""
