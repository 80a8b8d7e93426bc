"""The rate-limited services that workers call, with latency, faults and counters to order."""
