"""Adapters: one room per kind of source. They know the wire and nothing else of ours."""
