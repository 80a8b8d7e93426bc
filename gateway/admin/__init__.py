"""What operators do over HTTP, with a key of [admin] or a session at the console: one noun in each file."""
