"""Top floor: the application, its settings, the command line and the processes that serve it."""
