"""The demonstration: retail orders of a year through the whole system."""
