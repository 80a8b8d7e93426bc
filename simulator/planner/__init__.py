"""What a scenario needs: whether it can be met as it stands, what would, and how near the edge that is."""
