"""Lists of numbers and checks against them: pure functions without a database."""
