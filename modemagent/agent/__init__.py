"""The daemon: one supervised task per modem."""
