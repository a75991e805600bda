"""What the store raises where a request is not allowed."""


class RefusedError(Exception):
    """A request that is not allowed: an HTTP status, and a short message that reveals nothing."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
