"""Hostile input: targets, a mutating fuzzer guided by coverage, and the inputs worth keeping."""
