"""One client of a scenario: it asks, waits, is told, or gives up."""
