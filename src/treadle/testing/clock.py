"""A clock that a test moves by hand, so that nothing has to sleep."""


class FakeClock:
    """Stands for a store's clock: call it for the milliseconds since 1970, move it with `forward`."""

    def __init__(self, start: int = 1_800_000_000_000) -> None:
        self._now = start

    def __call__(self) -> int:
        return self._now

    def forward(self, milliseconds: int) -> None:
        """Let so much time pass; a negative number is a clock that was set back."""
        self._now += milliseconds
