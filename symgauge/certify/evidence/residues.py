"""Hypotheses behind residues: transcendental values and roots as independent quantities.

exp, log: values of a_1, ..., a_n (and of log b_i) are algebraically independent over the field
of the arguments if no integer combination sum m_j a_j + sum n_i log b_i is constant (Ax, On
Schanuel's conjectures, Ann. Math. 93 (1971)), level by level of nesting. Examined by differentials:
the columns D a_j and (D b_i)/b_i over fresh points have full column rank mod p. A value is named
by its function and argument: exp q and log q are two. For values that
depend on an input the direction D moves inputs alone, so that the values at different inputs and
one theta are independent together; values of parameters alone are tested along parameters.

sin, cos: (cos c, sin c) is exp(i c), one more exponential. As a, b and c are real, a combination
sum m_j a_j + sum n_i log b_i + i sum k_l c_l is constant only if both parts are: the columns D c_l
are tested apart, also where exp c stands beside sin c.

Functions of constants have no differentials. exp, sin and cos of rationals have no relations but
those of powers, which the residues keep (`domains.residues`); so have square roots. Of
logarithms of several primes, of these beside e, of erf at constants and of functions of such
values nothing is known: a hypothesis.

erf: values at arguments z_i that are distinct up to sign are independent over the exponentials,
these being independent with those of -z_i^2 among them (proofs/l1_erf.py).

Square roots: signs may be chosen freely if no product of distinct radicands is a square (Kummer),
level by level; tested by quadratic characters, which must be independent over GF(2), together
with the constant where radicands depend on an input.

Where an argument or a radicand depends on branches, both are tested pattern by pattern, at inputs
of the cell: exp(relu u) exp(relu v) = exp(u + v) holds where both units are on, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from symgauge.certify.assumptions import Assumptions
from symgauge.certify.claim import at_these_durations
from symgauge.certify.evidence.kind import Question
from symgauge.certify.evidence.transcendental import about_constants, about_functions
from symgauge.exact.prime_field import Array, PrimeField
from symgauge.points.parts import rank_by_parts
from symgauge.points.radicands import about_radicands
from symgauge.points.rank import rank_at_point
from symgauge.points.roots import root_plan
from symgauge.points.rows import FUNCTIONS, RANK_ORDER
from symgauge.points.spots import spots_of
from symgauge.points.tokens import draw_tokens
from symgauge.program.lower import germ_of
from symgauge.program.network import Network
from symgauge.program.op import Primitive


def by_residues(question: Question) -> tuple[int, Assumptions]:
    """rank J at residues that are drawn here, and what it assumes of them; nothing is carried."""
    draw, claimed = question.draw, question.claimed
    network, rng = draw.network, draw.rng
    draw = replace(draw, tokens=draw_tokens(network, rng))
    found = at_these_durations(
        assumptions(network, draw.field, rng, draw.tokens, draw.cell), network,
        question.proofs)
    # a rank at a point is a lower bound: the claimed one only says how long to look
    wanted = min(int(question.read.sum()), claimed) if isinstance(claimed, int) else 0
    if wanted == question.closing:
        by_parts = rank_by_parts(draw, question.read, wanted)
        if by_parts is not None:
            return by_parts, found
    jacobian = rank_at_point(draw, question.read, wanted)
    if jacobian < question.closing:
        # a random point can be unlucky: one more
        order = 2 * RANK_ORDER if network.has_flows else RANK_ORDER
        jacobian = max(jacobian, rank_at_point(draw, question.read, wanted, order))
    return jacobian, found


def assumptions(
    network: Network, field: PrimeField, rng: np.random.Generator,
    tokens: Mapping[str, Array] | None = None, cell: Mapping[str, Array] | None = None,
) -> Assumptions:
    """Tests every assumption that the residues of this network rest on.

    `tokens` are the token inputs that the rank was found with, `cell` the shadow point whose cell
    it is the rank of.
    """
    network = germ_of(network)
    shown: list[str] = []
    missing: list[str] = []
    kinds = {n.op.name for n in network.nodes if n.op is not None}
    pi, twisted = False, bool(network.root_lines) and root_plan(network, field, True).twisted
    if kinds & set(FUNCTIONS):
        # what comes after the last argument may have roots and divisions that are none here
        last = max(i for i, n in enumerate(network.nodes) if n.op and n.op.name in FUNCTIONS)
        head = Network(network.nodes[:last + 1], (last,), network.ops)
        spots = spots_of(network, tokens or {}, cell or {}, FUNCTIONS)
        branches = sum(isinstance(n.op, Primitive) and n.op.branches for n in head.nodes)
        spots = [replace(s, patterns=s.patterns and s.patterns[:branches], twisted=twisted)
                 for s in spots]
        pi = about_functions(head, field, rng, spots, bool(tokens), shown, missing)
    about_constants(network, pi, shown, missing)
    if network.root_lines:
        if twisted:
            missing.append(
                "what holds with y^2 v = -1 in place of the square roots that are missing modulo "
                "p holds with the square roots"
            )
        else:
            spots = spots_of(network, {}, cell or {}, ("rsqrt",))
            about_radicands(network, field, rng, spots, shown, missing)
    return Assumptions(tuple(shown), tuple(missing))
