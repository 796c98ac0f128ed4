"""The converses, a file for what belongs together; `Fact`s say what each states and asks."""
