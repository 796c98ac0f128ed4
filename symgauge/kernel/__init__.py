"""The kernel: what a sceptic has to read. `python PATH/symgauge/kernel CERTIFICATE.json [--json]`

It needs numpy and nothing of symgauge. A certificate carries a program f(theta, x), vector fields
X_1, ..., X_m in the parameters theta, and a claim: rank J, the largest rank that the derivatives
of f by theta at one theta and all inputs have, and rank G, that of the fields at a generic theta.
CONFIRMED means that the claim is right and complete: nothing but the fields, and the coordinates
that are named as unread, moves theta at first order without moving f.

1. **Every field annihilates f** (`residues`). X f is evaluated modulo a random prime at random
   theta and x, with dual numbers. The value of exp, log, erf, sin, cos, of a root, a step, a floor
   or a ranking is a random residue, the same for equal arguments, and its derivative follows from
   it (that of a root y of a: -y a' / (2 a)); a one-hot input is any row with sum 1. So X f is a
   rational function of independent variables. If it is 0 there it is 0 at the true values, on
   every piece and for every token. The converse fails: what holds by a relation among values
   (exp(a + b) = exp(a) exp(b), y^2 a = 1) is not seen, and the answer is UNKNOWN.
   *Error.* `sizes` bounds the degree d and the coefficients of the numerator of X f. A batch of k
   points modulo p misses it with probability (d/p)^k (Schwartz, Zippel), or because p divides all
   coefficients. Two different arguments of a function may agree at all k points, for the same two
   reasons; the same pair would have to at every prime, else the answer is UNKNOWN. Primes are drawn
   until the sum of both products is below 2^-80: `error_bound`.
2. **rank J from below** (`intervals`). J is enclosed at a real theta, random or the point of the
   cell, and at random inputs, with an error bound on every operation. Products with singular
   vectors make a part of it diagonal but for the bounds: a matrix whose diagonal entries exceed
   the sums of the others in their rows is not singular. No randomness and no hypothesis enters:
   f is analytic, piece by piece, so rank J is as large at generic theta (of the component of that
   point, where the domain of a root or logarithm has several). Branches are taken where no number
   of their ball allows the other side, else the input is left out.
3. **rank G from below**: at a random theta modulo the primes of 1. Each coordinate that is named
   as unread is one more field, d/d theta_k, and passes 1.
4. **The sandwich**: the fields lie in the kernel of J. If rank J + rank (G, unread) is the number
   P of parameters, both are what was shown, and nothing is missing.

REFUTED: a field surely moves an output at a real point (an interval without 0), or a number of the
claim contradicts what was shown. UNKNOWN: anything else, with the reason; flows of vector fields
and what is no certificate are not read. The texts of a certificate (scope, held inputs, names) and
its proof tables are not looked at: what is confirmed are numbers about the program that it carries.
"""
