"""A folder that files are put into: each is sent, then archived, with what was wrong beside it."""
