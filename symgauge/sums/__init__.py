"""Lines as sums: linear maps of units, norms, averages of tokens and inputs, and biases."""
