"""The loyalty program of a book: conditions, rules, tiers and numbered versions."""
