"""Reward stock: what each document does to pieces and value."""
