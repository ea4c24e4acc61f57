"""Tables in text files as a source: a mapping says which rows are which documents."""
