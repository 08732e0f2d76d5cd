"""Assets, orders and cases: fields, files and lifecycles, without a database."""
