"""Why `bff up` does not start."""


class Refused(Exception):
    """One line: what is wrong, and what to do."""
