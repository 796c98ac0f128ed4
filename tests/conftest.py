"""One profile for all drawn tests: the same examples in every run, and no time limit on one."""

from hypothesis import settings

settings.register_profile("suite", deadline=None, derandomize=True, database=None)
settings.load_profile("suite")
