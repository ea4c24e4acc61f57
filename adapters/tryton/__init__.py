"""Tryton 8, over its REST API with the key of a user application."""
