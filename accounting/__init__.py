"""What facts mean in the books: chart, journal, policies, the Beancount ledger, reports and reconciliation."""
