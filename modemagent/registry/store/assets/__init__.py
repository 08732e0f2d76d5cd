"""Assets, orders, cases and the sites of gateways."""
