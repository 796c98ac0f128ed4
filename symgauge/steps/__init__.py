"""The steps of a converse sweep, established by a second reading of the program."""
