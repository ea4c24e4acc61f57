"""Everything that runs: server, workers, relay, schedule, the command line."""
