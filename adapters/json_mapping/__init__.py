"""JSON documents of any system as events: a mapping file says which paths are which parts."""
