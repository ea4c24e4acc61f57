"""The loyalty core: what ERPs say, what it means in points, and where it is kept."""
