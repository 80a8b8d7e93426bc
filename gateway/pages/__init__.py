"""The pages for people, which work without JavaScript."""
