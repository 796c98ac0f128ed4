"""Bad input: the factory returns a string."""


def factory() -> str:
    return "not a module"
