"""Intertwiners: how the value of each line varies when its inputs vary along a generator.

Three kinds of element: a matrix on a leg (`matrices`), a weight per index of a leg or one for all
(`weights`), a shift (`shifts`). A sweep assigns every line a variation by the lemma of its law
(`laws`) or raises NoLemma; where no output varies, the family is proved, for every size of the
legs: no lemma asks for a size.
"""
