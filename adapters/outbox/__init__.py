"""A transactional outbox: documents wait in a table of the ERP's own database, and are sent once they are committed."""
