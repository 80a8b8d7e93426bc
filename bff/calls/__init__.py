"""Performing one call of a job: from what the broker handed out to what it is told."""
