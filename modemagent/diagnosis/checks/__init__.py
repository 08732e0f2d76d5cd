"""The checks by subject: pure functions from facts to a finding."""
