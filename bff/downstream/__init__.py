"""One HTTP call to one service."""
