"""What is offered and what it stands on."""
