"""The one exception for wrong use: what was got, what was expected, what to do, in one line."""


def reason(error: Exception) -> str:
    """What another library's error says, with its type, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


class InputError(ValueError):
    """Wrong input or wrong use. The command line prints it as one line and exits with code 2."""

    def __init__(self, got: str, expected: str, advice: str = "") -> None:
        self.got, self.expected, self.advice = got, expected, advice
        super().__init__(f"got {got}; expected {expected}" + (f"; {advice}" if advice else ""))

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        """How it goes from one process to another."""
        return type(self), (self.got, self.expected, self.advice)
