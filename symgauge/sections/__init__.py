"""Cross-sections of the orbits: entries of tensors that may be fixed, and a model without them."""
