"""Pure decisions: time passed in, nothing read or written."""
