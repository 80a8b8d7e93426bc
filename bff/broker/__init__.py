"""Where gateway and workers meet in Redis."""
