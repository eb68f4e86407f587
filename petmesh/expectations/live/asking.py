"""What asking a live cluster may end in, besides an answer."""


class NotAskedError(Exception):
    """A request wasn't sent or its answer isn't known; the text says why, in one line."""


class PodRefusedError(NotAskedError):
    """A pod wasn't created, didn't start, or isn't what it must be."""
