"""Signed webhooks in: a document is durable before the sender is told so."""
