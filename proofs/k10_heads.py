"""K10: what may vary below a norm with a head, and why a block with atoms leaves rotations alone.

f = N(z) B + kappa, N(z) = z / rho, rho^2 = |z|^2 / d + eps, e = d eps, B = G U, o
outputs. By itself the head lets projective fields of the stream pass; the atoms of the last block
do not.
"""

import sympy

from symgauge.theorem import (
    Counterexample,
    MatrixCounterexample,
    MatrixIdentity,
    PolynomialIdentity,
    Premise,
    Step,
    Theorem,
    TraceIdentity,
    identity,
    main,
    matrix,
    sizes,
    zero,
)

d, o = sizes("d o")
e, rho = sympy.symbols("e rho", positive=True)
z = matrix("z", 1, d)
skew, sym = matrix("Omega", d, d, kind="skew"), matrix("S", d, d, kind="symmetric")
one = identity(1)
#: |z|^2 = d rho^2 - e, and no quadratic form of a skew matrix.
dimension = sympy.Symbol("d", integer=True, positive=True)
LENGTH = ((z @ z.T, (dimension * rho**2 - e) * one), (z @ skew @ z.T, zero(1, 1)))


def heads() -> list[Step]:
    """f = n B, B = G U with a right inverse (o >= d): dn = n A0, A0 = S + Omega."""
    B, dB, right = matrix("B", d, o), matrix("dB", d, o, latex=r"\delta B"), matrix(
        "B_r", o, d, latex="{B^r}")
    n, dn = matrix("n", 1, d), matrix("dn", 1, d, latex=r"\delta n")
    q, s = sympy.symbols("q s")
    both = sym + skew
    field = z @ both + (1 / e) * (z @ sym @ z.T @ z)
    return [
        MatrixIdentity(
            "the head, times a right inverse", (dn @ B + n @ dB) @ right, dn - n @ -(dB @ right),
            rules=((B @ right, identity(d)),),
            note=r"$A_0 = -\delta B\, B^r$; $\delta B = -A_0 B$.",
        ),
        MatrixIdentity(
            "eps > 0: a projective field of the stream turns n by A0",
            (1 / rho) * field - (1 / (dimension * rho**3)) * (z @ field.T @ z),
            (1 / rho) * (z @ both), rules=LENGTH,
            note=r"$\delta z = z A_0 + (z S z^{\top})\, z / e$.",
        ),
        PolynomialIdentity(
            "and no other does", s * e / (dimension * rho**2) - q, 0,
            relations=(s * (1 - (dimension * rho**2 - e) / (dimension * rho**2)) - q,),
            note=r"$s = z \cdot \delta z$, $q = z S z^{\top}$: $\delta n = n A_0$ times $z$. For "
            r"$e = 0$ it says $q = 0$, $S = 0$, and $\delta z = z A_0 + \varphi z$ with any "
            r"function $\varphi$.",
        ),
        *last_atoms(),
    ]


def last_atoms() -> list[Step]:
    """dy = y A0 + y q(y) / e or y A0 + phi y, y = r + a V with the atoms a of the last MLP."""
    r, v, w = matrix("r", 1, d), matrix("v", 1, d), matrix("w", 1, d)
    a, b = sympy.symbols("a b")
    y = r + a * v + b * w
    rc, vc, wc = sympy.symbols("r_c v_c w_c")
    q0, rv, rw, vv, vw, ww = sympy.symbols("q_0 q_rv q_rw q_vv q_vw q_ww")
    form = q0 + 2 * a * rv + 2 * b * rw + a**2 * vv + 2 * a * b * vw + b**2 * ww
    phi0, phi1, phi2 = sympy.symbols("phi_0 phi_1 phi_2")
    mixed = (2 * rv * wc + 2 * rw * vc + 2 * rc * vw)
    rest = rc * q0 + a * (vc * q0 + 2 * rc * rv) + b * (wc * q0 + 2 * rc * rw)
    return [
        TraceIdentity(
            "the quadratic form of the stream", y @ sym @ y.T,
            r @ sym @ r.T + (2 * a) * (r @ sym @ v.T) + (2 * b) * (r @ sym @ w.T)
            + a**2 * (v @ sym @ v.T) + (2 * a * b) * (v @ sym @ w.T) + b**2 * (w @ sym @ w.T),
            note=r"$v$, $w$ are rows of $V$, $a$, $b$ their atoms.",
        ),
        PolynomialIdentity(
            "times one entry of the stream", (rc + a * vc + b * wc) * form,
            rest + a * b * mixed + a**2 * (2 * vc * rv + rc * vv) + b**2 * (2 * wc * rw + rc * ww)
            + (a * vc + b * wc) * (a**2 * vv + 2 * a * b * vw + b**2 * ww),
            note=r"$\delta y$ has no cubic part in the atoms and no mixed quadratic one. Cubic: $a "
            r"V S V^{\top} a^{\top} = 0$ for all $a$, so $q_{vv} = q_{vw} = q_{ww} = 0$. Mixed: "
            r"$q_{rv} w + q_{rw} v = 0$; $v$, $w$ are independent: $r S v^{\top} = 0$ for all $v$, "
            r"and $r$ spans. Linear: $v\, q_0$ is to be constant (times $v$, with $v_i A_0$), so "
            r"$r S r^{\top}$ is constant, and $S = 0$.",
        ),
        PolynomialIdentity(
            "one unit alone", (rc + a * vc) * (q0 + 2 * a * rv),
            rc * q0 + a * (vc * q0 + 2 * rc * rv) + a**2 * (2 * vc * rv),
            note=r"$d_{ff} = 1$: across $v$ ($v_c = 0$, there is such an entry as $d \ge 2$) the "
            r"linear part says that $(r \cdot c)\, r S v^{\top}$ is constant, so $S v^{\top} = 0$, "
            r"and the rest goes as before.",
        ),
        PolynomialIdentity(
            "eps = 0: phi y has a mixed part", (phi0 + phi1 * a + phi2 * b) * (
                rc + a * vc + b * wc),
            phi0 * rc + a * (phi0 * vc + phi1 * rc) + b * (phi0 * wc + phi2 * rc)
            + a * b * (phi1 * wc + phi2 * vc) + a**2 * phi1 * vc + b**2 * phi2 * wc,
            note=r"Two entries of $y$ are linear in the atoms and have no common factor, so "
            r"$\varphi$ is a polynomial in the atoms, of degree 1. $v$, $w$ independent: $\varphi_1"
            r" = \varphi_2 = 0$; linear: $\varphi_0$ is constant. With one unit, $\varphi_1\, r_c$ "
            r"is constant for each entry $c$ across $v$; two of them ($d \ge 3$) give $\varphi_1 = "
            r"0$.",
        ),
    ]


def few_outputs() -> list[Step]:
    """o < d: the rows of V and the columns of B together span, and that is enough."""
    tau = sympy.Symbol("tau")
    b, Q = sympy.Function("b")(tau), sympy.Function("Q")(tau)
    l0, l1, l2 = sympy.symbols("lambda_0 lambda_1 lambda_2")
    a, c, q, rv, rw, vv, vw, ww = sympy.symbols("a b Q_r q_rv q_rw q_vv q_vw q_ww")
    square = q + 2 * a * rv + 2 * c * rw + a**2 * vv + 2 * a * c * vw + c**2 * ww
    cubic = l1 * vv * a**3 + l2 * ww * c**3 + a**2 * c * (2 * l1 * vw + l2 * vv) + (
        a * c**2 * (2 * l2 * vw + l1 * ww))
    lower = l0 * q + a * (2 * l0 * rv + l1 * q) + c * (2 * l0 * rw + l2 * q) + a**2 * (
        l0 * vv + 2 * l1 * rv) + c**2 * (l0 * ww + 2 * l2 * rw) + 2 * a * c * (
            l0 * vw + l1 * rw + l2 * rv)
    k = sizes("k")[0]
    K, K_r = matrix("K", d, k), matrix("K_r", k, d, latex="{K^r}")
    t, v, M = matrix("t", 1, d), matrix("v", 1, d), matrix("M", d, d, kind="skew")
    return [
        PolynomialIdentity(
            "the variation of one output", 2 * Q * sympy.sqrt(Q) * (b / sympy.sqrt(Q)).diff(tau),
            2 * Q * b.diff(tau) - b * Q.diff(tau),
            note=r"$Q = |z|^2 + e$, $b = (z B)_c$, $\delta Q = 2 s$, $s = z \cdot \delta z$: $Q\, "
            r"\delta (z B) = s\, z B$. As a polynomial in the atoms $Q$ is prime (K2, over a field "
            r"of real functions) and does not divide the linear $z B$: $s = \lambda Q$ with "
            r"$\lambda = \lambda_0 + \sum \lambda_i a_i$, and $\delta z\, B = \lambda z B - z\, "
            r"\delta B$. The squares: $\lambda_i v_i B = -\delta u_i\, v_i B$.",
        ),
        PolynomialIdentity(
            "lambda Q in two atoms", (l0 + l1 * a + l2 * c) * square, lower + cubic,
            note=r"In $s = z \cdot \delta z$ the monomial $a^2 b$ has the coefficient $-\delta u\, "
            r"q_{vw} = \lambda_1 q_{vw}$.",
        ),
        PolynomialIdentity(
            "so two independent rows leave lambda_1 = 0", l1 * (vw**2 - vv * ww), 0,
            relations=(l1 * vw - 2 * l1 * vw - l2 * vv, l2 * vw - 2 * l2 * vw - l1 * ww),
            note=r"$d_{ff} \ge 2$: $\lambda_i = 0$, $\delta u_i = 0$, and $\lambda_0$ is constant, "
            r"by the linear part of $\delta z\, B$. With $\delta r = \lambda_0 r + t$ and $\delta "
            r"v_i = \lambda_0 v_i + t_i$ what is left is $t B = -r\, \delta B$, $t v_i^{\top} = -r "
            r"t_i^{\top}$, $r t^{\top} = \lambda_0 e$.",
        ),
        MatrixIdentity(
            "t is linear in r", t @ K @ K_r, t, rules=((K @ K_r, identity(d)),),
            note=r"$K = [B, V^{\top}]$ has a right inverse $K^r$ if $o + d_{ff} \ge d$, and $t K$ "
            r"is linear in $r$: $t = r M$. $r M r^{\top} = \lambda_0 e$ is constant, so $M$ is "
            r"skew, and $\lambda_0 = 0$ if $\epsilon > 0$.",
        ),
        MatrixIdentity(
            "the rows of V turn alike", -((M @ v.T).T), v @ M,
            note=r"$M v_i^{\top} = -t_i^{\top}$, so $t_i = v_i M$; and $\delta B = -M B$. All in "
            r"all $\delta z = z (M + \lambda_0)$.",
        ),
    ]


def walls() -> list[Step]:
    """relu: y = r + u v beyond the wall u = 0; the jump across v, then what has highest degree."""
    tau, x, M = sympy.symbols("tau x M")
    rc, q0, rv, vv, length, t = sympy.symbols("r_c q_0 q_rv q_vv L t")
    u, eps = sympy.symbols("u epsilon", positive=True)
    root = sympy.sqrt((length + 2 * tau * t + tau**2 * vv) / dimension + eps)
    s, Q, lam, w, k = sympy.symbols("s Q lambda w k")
    rest = length / dimension + eps
    return [
        PolynomialIdentity(
            "the field at r + u v and at r, one entry across v", rc * (
                q0 + 2 * u * rv + u**2 * vv) - rc * q0, u * rc * (2 * rv + u * vv),
            note=r"$\delta y$ jumps by $\delta u\, v + u\, \delta v$, across $v$ by $u\, w_0$, "
            r"$w_0$ constant. With $c_0$ of $\delta \kappa$ the field has $\rho\, c_0 + \rho\, (y "
            r"\cdot c_0)\, y / e$ besides.",
        ),
        PolynomialIdentity(
            "the root at the wall", 2 * dimension * sympy.sqrt(rest) * root.diff(tau).subs(tau, 0),
            2 * t,
            note=r"$t = r \cdot v$. In the wedge product with $r$, across $v$, what is along $r$ "
            r"falls away: $t\, (r \wedge c_0) = d \rho\, (r \wedge w_0)$ on the wall, "
            r"linear in $(c_0, w_0)$: if 0 alone solves it for one choice of weights, "
            r"so for almost all.",
        ),
        PolynomialIdentity(
            "one choice: one unit without a bias", sympy.discriminant(
                (x**2 + M) / dimension + eps, x), -4 * (M / dimension + eps) / dimension,
            note=r"The wall is the plane $r \cdot g = 0$, $x$ one coordinate of it, $M \ge 0$ the "
            r"others' squares: $\rho^2$ is no square, $\rho$ is irrational on the plane, and $r "
            r"\wedge c_0 = r \wedge w_0 = 0$ across $v$. There are two entries across $v$, as $d "
            r"\ge 3$: $c_0$ and $w_0$ are multiples of $v$.",
        ),
        PolynomialIdentity(
            "what is left along r, at the wall", sympy.sqrt(rest) * (
                root * (t + tau * vv)).diff(tau).subs(tau, 0), rest * vv + t**2 / dimension,
            note=r"$c_0 = c\, v$: $2\, r S v^{\top}$ is rational on that plane, and $c$ times this "
            r"over $\rho$, which is positive, is not: $c = 0$. Beyond the wall $2\, r S v^{\top} + "
            r"u\, v S v^{\top} = 0$, $u = r g / \rho' + \beta$ with the root of the norm that the "
            r"units read: $r_i$, $r_i / \rho'$ and 1 are independent. $S v^{\top} = 0$, $\delta v "
            r"= v A_0 + \lambda v$.",
        ),
        PolynomialIdentity(
            "the argument, times the cube of the root below", (
                s * (Q / e - lam) * rest - (w + s * Q / e) * rest
                + s * (Q + length * Q / e) / dimension - k * rest),
            -(s * lam + w + k) * rest + s * Q * (1 + length / e) / dimension,
            note=r"$\delta u = u\, (Q / e - \lambda)$ with $Q = r S r^{\top}$, and by the part "
            r"without the unit $\delta r = r A_0 + r\, Q / e$; $s = r g$, $w = r A_0 g$, $k = r\, "
            r"\delta g$, $L = |r|^2$. Degree 5: $s\, Q\, L = 0$, so $Q = 0$, $S = 0$. Other units "
            r"that are open and constants leave the parts of highest degree as they are, and each "
            r"unit has $S v_i^{\top} = 0$.",
        ),
    ]


def must_fail() -> list[Step]:
    """The false neighbours."""
    r, v = matrix("r", 1, d), matrix("v", 1, d)
    s, t = sympy.symbols("s t")
    phi1, vc, wc = sympy.symbols("phi_1 v_c w_c")
    return [
        Counterexample(
            "a linear field of the stream turns n", 1 / (s**2 * t + 1), 1 / (s**2 * (t + 1)),
            {s: 2, t: 1}, note=r"A scaling alone does not scale $n$ where $\epsilon > 0$.",
        ),
        MatrixCounterexample(
            "the form r S v of one row vanishes by itself", r @ sym @ v.T, zero(1, 1),
            {r: [[1, 0]], v: [[0, 1]], sym: [[0, 1], [1, 0]]},
            note=r"Without atoms nothing asks for $S = 0$: K6 has networks where the projective "
            r"field is a symmetry, a linear map with a bias below the norm and $m + 1 \le d$.",
        ),
        Counterexample(
            "the mixed part vanishes for parallel rows too", phi1 * wc - phi1 * vc, phi1,
            {phi1: 1, vc: 2, wc: 2},
            note=r"$\varphi_1 w + \varphi_2 v = 0$ with $v = w$ has $\varphi_2 = -\varphi_1$: the "
            r"rows must be independent.",
        ),
    ]


def theorem() -> Theorem:
    return Theorem(
        claim="K10",
        title="Below a norm with a head",
        statement=(
            r"Let $f = N(z) B + \kappa$ with $B$ of full rank, $d \ge 2$, $o \ge d$ outputs, "
            r"and $z$ span. (a) $\delta f = 0$ and $\delta \kappa = 0$ iff $\delta B = -A_0 B$ "
            r"and, for $\epsilon > 0$, $\delta z = z A_0 + (z S z^{\top}) z / (d \epsilon)$ "
            r"with $S$ the symmetric part of $A_0$; for $\epsilon = 0$, $S = 0$ and $\delta z = "
            r"z A_0 + \varphi z$ with any function $\varphi$. (b) If $z = r + \mathrm{act}(u) "
            r"V$ where $r$, which spans, and $u$ are made of what lies below the atoms of act, "
            r"one of tanh, sigmoid, softplus, SiLU, GELU, SwiGLU, GEGLU with $d_{ff} \ge 1$ "
            r"units, then $\delta z = z A$ with $A$ skew, or $\lambda + $ skew for $\epsilon = "
            r"0$ (then $d_{ff} \ge 2$ or $d \ge 3$), and $\delta \kappa = 0$. (c) Without "
            r"$\kappa$, and with $o < d$ but $d_{ff} \ge 2$ and $o + d_{ff} \ge d$, the same "
            r"holds, with $\delta B = -A B$. (d) (b) holds for relu, with $\epsilon > 0$, $d \ge "
            r"3$, where $u$ is an affine map of a norm of $r$ and every wall $u_i = 0$ is reached."
        ),
        hypotheses=(r"Almost all weights: two rows of $V$ are independent, none is 0.",),
        premises=(
            Premise("K1", "The atoms of the last MLP are independent over the field of all below."),
            Premise("K2", "Primes and quadratic forms (proved there)."),
        ),
        scope=(
            r"All sizes $d \ge 2$, $d_{ff} \ge 1$, $o \ge d$ or (c). Not covered: $o + d_{ff} < "
            r"d$, relu with $d = 2$, $\epsilon = 0$ or units that read $r$ as it is, $d_{ff} "
            r"= 1$ with $d = 2$ and $\epsilon = 0$."
        ),
        steps=(*heads(), *few_outputs(), *walls(), *must_fail()),
        conclusion=(
            r"(a) $\delta (n B) = 0$ gives $\delta n = n A_0$, and the scalar step the only "
            r"$\delta z$. (b) $\delta z$ has the shape that a level has (K4): in an atom $a_i$ "
            r"(with SiLU or a gate a multiple of $s_i$ or $\Phi_i$) at most a square, and no "
            r"mixed product. The steps compare cubic, mixed and linear parts; $r$ spans, so a "
            r"polynomial relation of its entries is none. GELU and softplus have no square at "
            r"all: their other atom stands alone. What is left is $\delta z = z A$. If $\delta "
            r"\kappa$ is not asked to be 0, $\delta n = n A_0 + c_0$, and $\delta z$ has the "
            r"part $\rho\, c_0 + \rho\, (z \cdot c_0) z / e$ (for $\epsilon = 0$, $\rho\, c_0$ "
            r"modulo $z$), linear in $\rho(z)$, which is no rational function of the atoms: as "
            r"a polynomial in one atom $|v|^2 a^2 + 2 (r \cdot v) a + |r|^2 + e$ is no square, "
            r"since its discriminant is not 0. $\delta z$ is one, so $c_0 = 0$. (c) is the "
            r"steps on few outputs; with SiLU or a gate $\delta u_i / u_i$, $\delta g_i / g_i$ "
            r"stand for $\delta u_i$, and the second atom of GELU and softplus is not in $Q$, "
            r"which gives $\delta u_i = 0$ and $\lambda_i = 0$ at once."
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main(theorem()))
