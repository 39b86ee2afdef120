"""The tasks themselves, as `inference.tasks` lists them. Only workers import these modules, and with them torch."""
