"""One run of a scenario, event by event, or by recursion where that is exact."""
