"""Points at which a program is looked at: inputs, tokens, cells, roots, rows of the Jacobian."""
