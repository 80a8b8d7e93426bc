"""Runs laid on one another: every figure by name, differences, and what may be why."""
