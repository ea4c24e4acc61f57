"""The adapter of ERPNext 15: Frappe's REST API in, events out, redemptions back."""
