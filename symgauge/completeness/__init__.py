"""Whether the families are all there is: the bound of a converse sweep beside their dimension."""
