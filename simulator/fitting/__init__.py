"""A scenario found in what happened: arrivals and service times fitted to a log."""
