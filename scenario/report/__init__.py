"""One self-contained HTML page of what came of a scenario."""
