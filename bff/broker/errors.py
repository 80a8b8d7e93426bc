"""What can go wrong between this process and Redis."""

NOT_KEPT = "the broker does not keep what is laid down in it"
"""Of a Redis that evicts, or is emptied again and again."""


class BrokerUnavailable(Exception):
    """Redis cannot be reached, did not answer in time, or refuses to work.

    A command that was in flight may have been executed all the same. The text never holds a command's
    arguments: they are payloads.
    """
