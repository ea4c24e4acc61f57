"""Examples that run inside of an ERP: their modules import the ERP, and are nothing without it."""
