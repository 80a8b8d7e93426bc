"""Drives a scenario at a live stack, open loop, and reports what happened."""
