"""How a modem is reached: its port, else the running agent, else ModemManager."""
