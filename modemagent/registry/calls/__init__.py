"""Calls that the API and the command line share, one module for each subject."""
