"""Finding generators. Knows legs and vector fields, never an architecture."""
