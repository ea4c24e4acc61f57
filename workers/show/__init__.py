"""What people see on a terminal: tables, JSON, progress, errors."""
