"""Numbers of things, in words."""


def counted(count: int, noun: str) -> str:
    """The number with its noun, which is given for one: `1 change`, `2 changes`."""
    return f"{count} {noun if count == 1 else f'{noun}s'}"
