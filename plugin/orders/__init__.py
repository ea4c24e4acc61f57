"""Orders: how documents converge, and what an order is entitled to."""
