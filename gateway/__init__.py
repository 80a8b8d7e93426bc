"""The HTTP edge: accept, answer, operate."""
