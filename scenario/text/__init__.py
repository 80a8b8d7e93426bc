"""What came of a scenario, on a page of text for a terminal."""
