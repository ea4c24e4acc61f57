"""Points: lots, their expiry and what they cost, debts."""
