"""What is said of families that were found: formulas, their full-size form, dimensions."""
