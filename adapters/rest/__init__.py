"""Any system with JSON over HTTP as a source, by configuration."""
