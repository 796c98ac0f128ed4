"""Networks made to mislead the calculus of intertwiners: each hides what a lemma must look at.

Each function is a small network; what holds of all: no field outside the kernel, no rank above
the redundancy.
"""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from networks import Sketch

from symgauge.program.constant import Constant
from symgauge.program.network import Network
from symgauge.program.writer import Value

NETWORKS: dict[str, Callable[[], Network]] = {}


def network(make: Callable[[], Network]) -> Callable[[], Network]:
    NETWORKS[make.__name__] = make
    return make


def constant(sketch: Sketch, values: object) -> Value:
    return sketch.build.leaf(Constant.from_floats(np.array(values, dtype=np.float64)))


def times(sketch: Sketch, x: Value, weight: Value) -> Value:
    """x W^T."""
    return sketch.build.apply("matmul", x, sketch.build.permute(weight, (1, 0)))


# -- direct sums ---------------------------------------------------------------------------------


@network
def slice_cuts_a_head() -> Network:
    """Packed heads of (2, 3), read by heads and also by a slice inside a head."""
    s = Sketch()
    b = s.build
    packed = s.linear(s.input("x", 1, 3), "w", 12, False)
    heads = b.reshape(b.slice(packed, 1, 0, 6), (2, 3))
    second = b.slice(packed, 1, 6, 12)
    gain = s.parameter("g", 2, 3)
    inside = b.slice(packed, 1, 1, 2)
    return s.network(b.mul(heads, gain), second, inside)


@network
def slice_over_two_summands() -> Network:
    """A slice that takes one summand whole and a piece of the next, which is cut in heads."""
    s = Sketch()
    b = s.build
    packed = s.linear(s.input("x", 1, 3), "w", 12, False)
    first = b.slice(packed, 1, 0, 6)
    heads = b.reshape(b.slice(packed, 1, 6, 12), (2, 3))
    gain = s.parameter("g", 2, 3)
    return s.network(first, b.mul(heads, gain), b.slice(packed, 1, 0, 7))


@network
def rows_of_one_matrix() -> Network:
    """h T_0 - h T_1: two rows of one parameter are not one term."""
    s = Sketch()
    b = s.build
    h = b.add(s.input("x", 1, 3), b.broadcast(s.parameter("b", 3), (1, 3)))
    t = s.parameter("t", 2, 3)
    one, two = (times(s, h, b.slice(t, 0, i, i + 1)) for i in (0, 1))
    return s.network(b.add(one, b.scale(two, -1)))


@network
def strided_rows() -> Network:
    """h T[0::2] - h T[1::2]."""
    s = Sketch()
    b = s.build
    h = b.add(s.input("x", 1, 3), b.broadcast(s.parameter("b", 3), (1, 3)))
    t = s.parameter("t", 4, 3)
    one, two = (times(s, h, b.slice(t, 0, i, 3 + i, 2)) for i in (0, 1))
    return s.network(b.add(one, b.scale(two, -1)))


@network
def strided_join() -> Network:
    """[y, z][0::2]: a stride through a direct sum takes a piece of each summand."""
    s = Sketch()
    b = s.build
    x = s.input("x", 1, 2)
    y, z = (s.linear(x, name, 2, False) for name in ("y", "z"))
    return s.network(b.slice(b.apply("concatenate", y, z, axis=1), 1, 0, 4, 2))


@network
def taken_rows() -> Network:
    s = Sketch()
    b = s.build
    h = b.add(s.input("x", 1, 3), b.broadcast(s.parameter("b", 3), (1, 3)))
    t = s.parameter("t", 4, 3)
    one, two = (times(s, h, b.apply("take", t, axis=0, index=i)) for i in ((0, 2), (1, 3)))
    return s.network(b.add(one, b.scale(two, -1)))


@network
def misaligned_join() -> Network:
    """[a, b] with the legs of a's end and of b the same, taken apart elsewhere."""
    s = Sketch()
    b = s.build
    x = s.input("x", 1, 4)
    y = s.linear(s.input("z", 1, 2), "w", 2, False)
    v = s.parameter("v", 3, 2)
    joined = b.apply("concatenate", x, y, axis=1)
    end = b.slice(joined, 1, 2, 4)
    return s.network(times(s, end, v), times(s, y, v), b.slice(joined, 1, 4, 6))


@network
def packed_and_mixed() -> Network:
    """Queries and keys packed; the scores also see queries with queries."""
    s = Sketch()
    b = s.build
    packed = s.linear(s.input("x", 3, 3), "w", 6, True)
    q, k = (b.slice(packed, 1, 3 * i, 3 * i + 3) for i in (0, 1))
    one = b.apply("softmax", times(s, q, k), axis=1)
    two = b.apply("softmax", times(s, q, q), axis=1)
    return s.network(one, two)


# -- copies --------------------------------------------------------------------------------------


def heads_then(op: str, axis: int, eps: Fraction = Fraction(0)) -> Network:
    """W x in heads (2, 4), an op along one of the two axes, gains for each entry."""
    s = Sketch()
    b = s.build
    y = b.reshape(s.linear(s.input("x", 1, 3), "w", 8, False), (2, 4))
    if op == "standardise":
        y = b.apply("standardise", y, axes=(axis,), eps=eps)
    elif op == "centre":
        mean = b.scale(b.sum(y, axis, True), Fraction(-1, y.shape[axis]))
        y = b.add(y, b.broadcast(mean, (2, 4)))
    elif op == "square":
        y = b.broadcast(b.sum(b.mul(y, y), axis, True), (2, 4))
    elif op == "amax":
        if axis == 0:
            y = b.permute(y, (1, 0))
        y = b.apply("amax", y)
    else:
        y = b.apply(op, y, axis=axis)
    flat = b.reshape(y, (1, y.shape[0] * y.shape[1] if len(y.shape) > 1 else y.shape[0]))
    return s.network(b.mul(flat, b.broadcast(s.parameter("g", flat.shape[1]), flat.shape)))


for _op in ("standardise", "centre", "square", "amax", "softmax", "log_softmax"):
    for _axis in (0, 1):
        NETWORKS[f"heads_{_op}_{_axis}"] = (
            lambda op=_op, axis=_axis: heads_then(op, axis))


@network
def centred_over_heads() -> Network:
    """(1 - mean over heads) of W x in heads, read head by head: one matrix for all heads."""
    s = Sketch()
    b = s.build
    y = b.reshape(s.linear(s.input("x", 1, 3), "w", 6, False), (2, 3))
    y = b.add(y, b.scale(b.broadcast(b.sum(y, 0, True), (2, 3)), Fraction(-1, 2)))
    v = b.reshape(s.parameter("v", 2, 6), (2, 2, 3))
    read = b.apply("matmul", b.permute(v, (1, 0, 2)), b.reshape(y, (2, 3, 1)))
    return s.network(read)


@network
def heads_in_another_order() -> Network:
    """Values of head 0 are read by the output map of head 1."""
    s = Sketch()
    b = s.build
    y = b.reshape(s.linear(s.input("x", 1, 3), "w", 6, False), (2, 3))
    turned = b.apply("take", y, axis=0, index=(1, 0))
    out = s.parameter("o", 2, 6)
    return s.network(times(s, b.reshape(turned, (1, 6)), out), times(s, b.reshape(y, (1, 6)), out))


@network
def summed_over_heads() -> Network:
    s = Sketch()
    b = s.build
    y = b.reshape(s.linear(s.input("x", 1, 3), "w", 6, False), (2, 3))
    return s.network(times(s, b.reshape(b.sum(y, 0), (1, 3)), s.parameter("o", 2, 3)))


@network
def heads_mixed_by_a_matrix() -> Network:
    s = Sketch()
    b = s.build
    y = b.reshape(s.linear(s.input("x", 1, 3), "w", 6, False), (2, 3))
    mixed = b.apply("matmul", s.parameter("m", 2, 2), y)
    return s.network(times(s, b.reshape(mixed, (1, 6)), s.parameter("o", 2, 6)))


@network
def heads_transposed() -> Network:
    """(2, 3) read as (3, 2): heads and entries swapped."""
    s = Sketch()
    b = s.build
    y = b.reshape(s.linear(s.input("x", 1, 3), "w", 6, False), (2, 3))
    out = s.parameter("o", 2, 6)
    return s.network(times(s, b.reshape(b.permute(y, (1, 0)), (1, 6)), out))


@network
def heads_transposed_square() -> Network:
    """The same with 2 heads of 2: nothing but the order tells the two axes apart."""
    s = Sketch()
    b = s.build
    flat = s.linear(s.input("x", 1, 3), "w", 4, False)
    y = b.reshape(flat, (2, 2))
    out = s.parameter("o", 2, 4)
    return s.network(times(s, b.reshape(b.permute(y, (1, 0)), (1, 4)), out), times(s, flat, out))


@network
def rotary_with_gains_for_heads() -> Network:
    """A gain for each head and entry, before a rotary table: no scaling of entries is left."""
    s = Sketch()
    b = s.build
    y = b.reshape(s.linear(s.input("x", 3, 3), "w", 8, False), (3, 2, 4))
    y = b.mul(y, b.broadcast(s.parameter("g", 2, 4), (3, 2, 4)))
    return s.network(rotated(s, b.permute(y, (1, 0, 2))))


# -- shifts --------------------------------------------------------------------------------------


@network
def cancelled_inside_a_mask() -> Network:
    """b1 + b2, and m b1 + b2: the two shifts cancel where m is 1 alone."""
    s = Sketch()
    b = s.build
    one, two = (b.broadcast(s.parameter(n, 3), (2, 3)) for n in ("b1", "b2"))
    x = s.input("x", 2, 3)
    mask = constant(s, [[1, 0, 1], [0, 1, 1]])
    first = b.add(x, b.add(one, two))
    return s.network(first, b.add(x, b.add(b.mul(one, mask), two)))


@network
def two_masks() -> Network:
    """Scores masked by one constant, softmax by another."""
    s = Sketch()
    b = s.build
    x = s.input("x", 3, 3)
    q, k = s.linear(x, "q", 2, True), s.linear(x, "k", 2, True)
    masked = b.mul(times(s, q, k), constant(s, np.tril(np.ones((3, 3)))))
    kept = constant(s, [[1, 1, 0], [1, 1, 0], [1, 1, 1]])
    return s.network(b.apply("softmax", masked, kept, axis=1))


@network
def softmax_along_queries() -> Network:
    s = Sketch()
    b = s.build
    x = s.input("x", 3, 3)
    q, k = s.linear(x, "q", 2, True), s.linear(x, "k", 2, True)
    weights = b.apply("softmax", times(s, q, k), axis=0)
    return s.network(b.apply("matmul", weights, s.linear(x, "v", 2, True)))


@network
def scores_times_a_constant() -> Network:
    """Scores times numbers that differ from key to key."""
    s = Sketch()
    b = s.build
    x = s.input("x", 3, 3)
    q, k = s.linear(x, "q", 2, True), s.linear(x, "k", 2, True)
    scores = b.mul(times(s, q, k), constant(s, [[1, 2, 3]] * 3))
    return s.network(b.apply("softmax", scores, axis=1))


@network
def scores_times_a_constant_of_the_query() -> Network:
    """Numbers that differ from query to query: a key shift is still free."""
    s = Sketch()
    b = s.build
    x = s.input("x", 3, 3)
    q, k = s.linear(x, "q", 2, True), s.linear(x, "k", 2, True)
    scores = b.mul(times(s, q, k), constant(s, [[1] * 3, [2] * 3, [3] * 3]))
    return s.network(b.apply("softmax", scores, axis=1))


@network
def linear_biases() -> Network:
    """ALiBi: scores with a constant slope added."""
    s = Sketch()
    b = s.build
    x = s.input("x", 3, 3)
    q, k = s.linear(x, "q", 2, True), s.linear(x, "k", 2, True)
    scores = b.add(times(s, q, k), constant(s, [[0, -1, -2], [-1, 0, -1], [-2, -1, 0]]))
    return s.network(b.apply("matmul", b.apply("softmax", scores, axis=1), s.linear(x, "v", 2)))


@network
def a_bias_used_twice() -> Network:
    """One bias of two sums, of which one is read alone."""
    s = Sketch()
    b = s.build
    shift = s.parameter("b", 3)
    y = b.add(s.linear(s.input("x", 1, 3), "w", 3, True), b.broadcast(shift, (1, 3)))
    return s.network(y, b.apply("tanh", b.broadcast(shift, (1, 3))))


@network
def bias_of_a_residual() -> Network:
    """x + b + f(x + b), read by a layer with a bias."""
    s = Sketch()
    b = s.build
    y = s.linear(s.input("x", 1, 3), "e", 3, True)
    y = b.add(y, s.linear(b.apply("tanh", s.linear(y, "w", 3, True)), "v", 3, True))
    return s.network(s.linear(y, "o", 2, True))


@network
def one_matrix_read_twice() -> Network:
    """(h + c) T and h' T with the two biases of one table."""
    s = Sketch()
    b = s.build
    t = s.parameter("t", 3, 3)
    y = times(s, s.input("x", 1, 3), t)
    y = b.add(y, b.broadcast(s.parameter("b", 3), (1, 3)))
    return s.network(b.add(times(s, y, t), b.broadcast(s.parameter("c", 3), (1, 3))))


@network
def tied_transposed() -> Network:
    """x W^T W: turned by rotations alone, with a gain between them by nothing."""
    s = Sketch()
    b = s.build
    w = s.parameter("w", 2, 3)
    return s.network(b.apply("matmul", times(s, s.input("x", 1, 3), w), w))


@network
def tied_transposed_with_gain() -> Network:
    s = Sketch()
    b = s.build
    w = s.parameter("w", 2, 3)
    y = b.mul(times(s, s.input("x", 1, 3), w), b.broadcast(s.parameter("g", 2), (1, 2)))
    return s.network(b.apply("matmul", y, w))


@network
def sums_to_one_elsewhere() -> Network:
    """The columns of a softmax do not sum to 1."""
    s = Sketch()
    b = s.build
    x = s.input("x", 3, 3)
    weights = b.apply("softmax", s.linear(x, "w", 3, False), axis=1)
    v = s.linear(x, "v", 2, True)
    mixed = b.apply("matmul", b.permute(weights, (1, 0)), v)
    return s.network(s.linear(mixed, "o", 2, True))


@network
def a_row_left_out() -> Network:
    """A softmax with a row that is left out entirely: its value is 0, it does not sum to 1."""
    s = Sketch()
    b = s.build
    x = s.input("x", 3, 3)
    kept = constant(s, [[0, 0, 0], [1, 1, 0], [1, 1, 1]])
    weights = b.apply("softmax", s.linear(x, "w", 3, False), kept, axis=1)
    mixed = b.apply("matmul", weights, s.linear(x, "v", 2, True))
    return s.network(s.linear(mixed, "o", 2, True))


# -- repetition and constants --------------------------------------------------------------------


@network
def expanded_parameter() -> Network:
    """One number for each row, repeated along a leg that turns."""
    s = Sketch()
    b = s.build
    y = s.linear(s.input("x", 2, 3), "w", 3, False)
    y = b.mul(y, b.broadcast(s.parameter("g", 2, 1), (2, 3)))
    return s.network(s.linear(y, "o", 2, False))


@network
def constants_along_a_leg() -> Network:
    """Numbers that differ along the hidden leg: scalings are left, matrices are not."""
    s = Sketch()
    b = s.build
    y = b.mul(s.linear(s.input("x", 1, 3), "w", 3, False), constant(s, [[1, 2, 3]]))
    return s.network(s.linear(y, "o", 2, False))


@network
def equal_constants_along_a_leg() -> Network:
    s = Sketch()
    b = s.build
    y = b.mul(s.linear(s.input("x", 1, 3), "w", 3, False), constant(s, [[2, 2, 2]]))
    return s.network(s.linear(y, "o", 2, False))


@network
def constants_added_along_a_leg() -> Network:
    s = Sketch()
    b = s.build
    y = b.add(s.linear(s.input("x", 1, 3), "w", 3, False), constant(s, [[1, 2, 3]]))
    return s.network(s.linear(y, "o", 2, False))


@network
def one_added_then_standardised() -> Network:
    """x + 1, standardised: rotations that fix 1 are left of the stream."""
    s = Sketch()
    b = s.build
    y = b.add(s.linear(s.input("x", 1, 4), "w", 4, False), 1)
    z = b.apply("standardise", y, axes=(1,), eps=Fraction(1, 100))
    return s.network(s.linear(b.add(y, z), "o", 2, False))


@network
def standardised_over_two_axes() -> Network:
    """A group norm: the mean is over entries and positions."""
    s = Sketch()
    b = s.build
    y = s.linear(s.input("x", 2, 3), "w", 4, True)
    y = b.reshape(b.permute(y, (1, 0)), (2, 2, 2))
    y = b.apply("standardise", y, axes=(1, 2), eps=Fraction(1, 100))
    return s.network(s.linear(b.permute(b.reshape(y, (4, 2)), (1, 0)), "o", 2, True))


@network
def squares_over_part_of_a_leg() -> Network:
    """|first half|^2 of a vector: the half turns, the whole does not."""
    s = Sketch()
    b = s.build
    y = s.linear(s.input("x", 1, 3), "w", 4, False)
    half = b.slice(y, 1, 0, 2)
    norm = b.sum(b.mul(half, half), 1, True)
    return s.network(norm, s.linear(b.slice(y, 1, 2, 4), "o", 2, False))


@network
def norms_of_two_axes() -> Network:
    """Squares of a matrix that turns on both sides, summed over one of them."""
    s = Sketch()
    b = s.build
    y = b.apply("matmul", s.parameter("l", 3, 2), b.apply(
        "matmul", s.input("x", 2, 2), s.parameter("r", 2, 3)))
    return s.network(b.sum(b.mul(y, y), 1))


@network
def a_mean_of_another_axis() -> Network:
    """x minus the mean over the other axis of a square matrix."""
    s = Sketch()
    b = s.build
    y = s.linear(s.input("x", 3, 3), "w", 3, True)
    mean = b.scale(b.broadcast(b.sum(y, 0, True), (3, 3)), Fraction(-1, 3))
    return s.network(s.linear(b.add(y, mean), "o", 2, True))


@network
def a_mean_put_back_on_another_axis() -> Network:
    """x_ij minus the mean of row j: no centring."""
    s = Sketch()
    b = s.build
    y = s.linear(s.input("x", 3, 3), "w", 3, True)
    mean = b.reshape(b.scale(b.sum(y, 1), Fraction(-1, 3)), (1, 3))
    return s.network(s.linear(b.add(y, b.broadcast(mean, (3, 3))), "o", 2, True))


# -- rotary tables -------------------------------------------------------------------------------


def rotated(
    s: Sketch, x: Value, cosines: object = None, sines: object = None, width: int | None = None,
) -> Value:
    """x cos + [-x_2, x_1] sin along the last axis, (heads, tokens, width); the rest passes."""
    b = s.build
    heads, tokens, size = x.shape
    n = width or size
    # points of the circle: 3, 4, 5 and 5, 12, 13
    table = np.array([[3 / 5, 5 / 13], [1, 0], [4 / 5, 12 / 13]])[:tokens, : n // 2]
    turned = np.array([[4 / 5, 12 / 13], [0, 1], [3 / 5, 5 / 13]])[:tokens, : n // 2]
    cos = np.concatenate([table, table], 1) if cosines is None else np.array(cosines)
    sin = np.concatenate([turned, turned], 1) if sines is None else np.array(sines)
    part = b.slice(x, 2, 0, n)
    first, second = b.slice(part, 2, 0, n // 2), b.slice(part, 2, n // 2, n)
    crossed = b.apply("concatenate", b.scale(second, -1), first, axis=2)
    shape = (heads, tokens, n)
    out = b.add(
        b.mul(part, b.broadcast(constant(s, cos), shape)),
        b.mul(crossed, b.broadcast(constant(s, sin), shape)),
    )
    return out if n == size else b.apply("concatenate", out, b.slice(x, 2, n, size), axis=2)


def rotary(
    *, cosines: object = None, sines: object = None, width: int | None = None, same: bool = True,
    bias: bool = False,
) -> Network:
    """Scores of one head of 4 with rotary tables; the keys' may differ from the queries'."""
    s = Sketch()
    b = s.build
    x = s.input("x", 3, 3)
    q, k = (s.heads(s.linear(x, n, 4, bias), 1) for n in "qk")
    q = rotated(s, q, cosines, sines, width)
    k = rotated(s, k, cosines, sines, width) if same else rotated(s, k)
    scores = b.apply("matmul", q, b.permute(k, (0, 2, 1)))
    return s.network(b.apply("softmax", scores, axis=2))


COSINES = [[0.5, 0.25, 0.5, 0.25], [1, 0.75, 1, 0.75], [0.125, 1, 0.125, 1]]
UNEVEN = [[0.5, 0.25, 0.75, 0.25], [1, 0.75, 1, 0.5], [0.125, 1, 0.25, 1]]
NETWORKS |= {
    "rotary_plain": rotary,
    "rotary_with_biases": lambda: rotary(bias=True),
    "rotary_of_a_part": lambda: rotary(width=2),
    "rotary_of_other_tables_for_keys": lambda: rotary(cosines=COSINES, same=False),
    "rotary_with_pairs_of_unequal_cosine": lambda: rotary(cosines=UNEVEN),
    "rotary_with_pairs_of_unequal_sine": lambda: rotary(sines=UNEVEN),
    "rotary_with_reflections": lambda: rotary(
        sines=[[0.5, 0.25, -0.5, -0.25]] * 3),
}


@network
def rotary_of_neighbours() -> Network:
    """Pairs (2k, 2k + 1) by strided slices."""
    s = Sketch()
    b = s.build
    x = s.input("x", 3, 3)

    def turn(y: Value) -> Value:
        even, odd = b.slice(y, 1, 0, 4, 2), b.slice(y, 1, 1, 4, 2)
        c, t = constant(s, [[0.6, 1], [1, 0.8], [0, 0.28]]), constant(
            s, [[0.8, 0], [0, 0.6], [1, 0.96]])
        first = b.add(b.mul(even, c), b.scale(b.mul(odd, t), -1))
        second = b.add(b.mul(even, t), b.mul(odd, c))
        parts = [b.reshape(z, (3, 2, 1)) for z in (first, second)]
        return b.reshape(b.apply("concatenate", *parts, axis=2), (3, 4))

    q, k = turn(s.linear(x, "q", 4, False)), turn(s.linear(x, "k", 4, False))
    return s.network(b.apply("softmax", times(s, q, k), axis=1))


@network
def halves_for_queries_neighbours_for_keys() -> Network:
    s = Sketch()
    b = s.build
    x = s.input("x", 3, 3)
    q = b.reshape(rotated(s, s.heads(s.linear(x, "q", 4, False), 1)), (3, 4))
    y = s.linear(x, "k", 4, False)
    even, odd = b.slice(y, 1, 0, 4, 2), b.slice(y, 1, 1, 4, 2)
    c, t = constant(s, [[0.6, 1], [1, 0.8], [0, 0.28]]), constant(
        s, [[0.8, 0], [0, 0.6], [1, 0.96]])
    first = b.add(b.mul(even, c), b.scale(b.mul(odd, t), -1))
    second = b.add(b.mul(even, t), b.mul(odd, c))
    parts = [b.reshape(z, (3, 2, 1)) for z in (first, second)]
    k = b.reshape(b.apply("concatenate", *parts, axis=2), (3, 4))
    return s.network(b.apply("softmax", times(s, q, k), axis=1))


# -- unequal factorings --------------------------------------------------------------------------


@network
def factored_two_ways() -> Network:
    """6 = 2 x 3 in one summand, 3 x 2 in the other."""
    s = Sketch()
    b = s.build
    x = s.input("x", 1, 2)
    one = b.reshape(s.linear(x, "w", 6, False), (2, 3))
    two = b.reshape(s.linear(x, "v", 6, False), (3, 2))
    g, h = s.parameter("g", 2, 3), s.parameter("h", 3, 2)
    total = b.add(b.reshape(b.mul(one, g), (1, 6)), b.reshape(b.mul(two, h), (1, 6)))
    return s.network(total)


@network
def flat_two_ways() -> Network:
    """A value constant along the outer 2 of 2 x 3 plus one constant along the outer 3 of 3 x 2."""
    s = Sketch()
    b = s.build
    x = s.input("x", 1, 2)
    one = b.broadcast(b.reshape(s.linear(x, "p", 3, False), (1, 3)), (2, 3))
    two = b.broadcast(b.reshape(s.linear(x, "r", 2, False), (1, 2)), (3, 2))
    total = b.add(b.reshape(one, (1, 6)), b.reshape(two, (1, 6)))
    y = b.mul(s.linear(x, "w", 6, False), total)
    return s.network(s.linear(y, "o", 2, False))


# -- behind a norm that centres ------------------------------------------------------------------


def normed(s: Sketch, x: Value, bias: str = "b", axis: int = 1) -> Value:
    """The standardised value of an axis plus a bias along it."""
    b = s.build
    z = b.apply("standardise", x, axes=(axis,), eps=Fraction(1, 100))
    shape = tuple(n if k == axis else 1 for k, n in enumerate(x.shape))
    return b.add(z, b.broadcast(b.reshape(s.parameter(bias, x.shape[axis]), shape), x.shape))


#: Networks in which 1 + u 1^T does act, and the dimension of that family.
CENTRED: dict[str, int] = {}


def centred(dimension: int) -> Callable[[Callable[[], Network]], Callable[[], Network]]:
    def note(make: Callable[[], Network]) -> Callable[[], Network]:
        CENTRED[make.__name__] = dimension
        return network(make)

    return note


@centred(3)
def centred_then_read() -> Network:
    s = Sketch()
    return s.network(s.linear(normed(s, s.input("x", 2, 3)), "w", 4, False))


@centred(3)
def centred_then_read_by_fewer() -> Network:
    """Two readers of three entries: u may be in the kernel of w."""
    s = Sketch()
    return s.network(s.linear(normed(s, s.input("x", 2, 3)), "w", 2, False))


@centred(3)
def centred_with_the_bias_used_again() -> Network:
    """w (z + b) + v b: v turns with w."""
    s = Sketch()
    b = s.build
    bias = s.parameter("b", 3)
    z = b.apply("standardise", s.input("x", 2, 3), axes=(1,), eps=Fraction(1, 100))
    y = s.linear(b.add(z, b.broadcast(bias, (2, 3))), "w", 3, False)
    again = times(s, b.reshape(bias, (1, 3)), s.parameter("v", 3, 3))
    return s.network(b.add(y, b.broadcast(again, (2, 3))))


@centred(3)
def centred_with_two_readers() -> Network:
    """One reader has a bias of its own, the other has none."""
    s = Sketch()
    y = normed(s, s.input("x", 2, 3))
    return s.network(s.linear(y, "w", 3, True), s.linear(y, "v", 3, False))


@network
def centred_where_all_readers_have_biases() -> Network:
    s = Sketch()
    y = normed(s, s.input("x", 2, 3))
    return s.network(s.linear(y, "w", 3, True), s.linear(y, "v", 2, True))


@centred(4)
def centred_with_two_biases() -> Network:
    """z + b on one side, z + c on the other: two families of dimension 2, and b + c is no third."""
    s = Sketch()
    b = s.build
    z = b.apply("standardise", s.input("x", 3, 2), axes=(1,), eps=Fraction(1, 100))
    one, two = (b.add(z, b.broadcast(s.parameter(n, 2), (3, 2))) for n in ("b", "c"))
    return s.network(s.linear(one, "w", 3, False), s.linear(two, "v", 3, False))


@centred(3)
def centred_sum_of_biases() -> Network:
    """(z + b) + c: one of them goes with the other's shift."""
    s = Sketch()
    b = s.build
    y = b.add(normed(s, s.input("x", 2, 3)), b.broadcast(s.parameter("c", 3), (2, 3)))
    return s.network(s.linear(y, "w", 3, False))


@centred(3)
def centred_plus_a_moved_bias() -> Network:
    """(z + b) + c where c is read elsewhere too: c turns with b, and its other reader with them."""
    s = Sketch()
    b = s.build
    c = s.parameter("c", 3)
    y = b.add(normed(s, s.input("x", 2, 3)), b.broadcast(c, (2, 3)))
    other = times(s, b.reshape(c, (1, 3)), s.parameter("v", 3, 3))
    return s.network(s.linear(y, "w", 3, False), other)


@centred(3)
def centred_then_scaled_by_rows() -> Network:
    """(r z + b) w^T with a number r for each row."""
    s = Sketch()
    b = s.build
    z = b.apply("standardise", s.input("x", 2, 3), axes=(1,), eps=Fraction(1, 100))
    z = b.mul(z, b.broadcast(s.input("r", 2, 1), (2, 3)))
    y = b.add(z, b.broadcast(s.parameter("b", 3), (2, 3)))
    return s.network(s.linear(y, "w", 3, False))


@centred(3)
def centred_sum_of_two() -> Network:
    """Two standardised values, one bias."""
    s = Sketch()
    b = s.build
    other = b.apply("standardise", s.input("y", 2, 3), axes=(1,), eps=Fraction(0))
    return s.network(s.linear(b.add(normed(s, s.input("x", 2, 3)), other), "w", 3, False))


@centred(3)
def centred_in_a_stream() -> Network:
    """The stream's rotations that fix 1 act on the same tensors."""
    s = Sketch()
    x = s.linear(s.input("x", 2, 4), "e", 3, False)
    return s.network(s.linear(normed(s, x), "w", 4, False))


@centred(4)
def centred_heads() -> Network:
    """A norm for each of two heads: w reads them together, u may differ from head to head."""
    s = Sketch()
    b = s.build
    x = b.reshape(s.input("x", 3, 4), (3, 2, 2))
    z = b.apply("standardise", x, axes=(2,), eps=Fraction(1, 100))
    bias = b.reshape(s.parameter("b", 4), (1, 2, 2))
    y = b.reshape(b.add(z, b.broadcast(bias, (3, 2, 2))), (3, 4))
    return s.network(s.linear(y, "w", 5, False))


@centred(2)
def centred_heads_that_share_a_bias() -> Network:
    s = Sketch()
    b = s.build
    x = b.reshape(s.input("x", 3, 4), (3, 2, 2))
    y = b.reshape(normed(s, x, axis=2), (3, 4))
    return s.network(s.linear(y, "w", 5, False))


@network
def centred_over_all_heads_at_once() -> Network:
    """The entries of both heads sum to 0 together, those of one do not."""
    s = Sketch()
    b = s.build
    z = b.apply("standardise", s.input("x", 3, 4), axes=(1,), eps=Fraction(1, 100))
    bias = b.broadcast(b.reshape(s.parameter("b", 2, 2), (1, 2, 2)), (3, 2, 2))
    y = b.permute(b.add(b.reshape(z, (3, 2, 2)), bias), (1, 0, 2))
    return s.network(b.apply("matmul", y, s.parameter("w", 2, 2, 3)))


@network
def centred_over_two_axes() -> Network:
    """Along one axis alone the value does not sum to 0."""
    s = Sketch()
    b = s.build
    z = b.apply("standardise", s.input("x", 3, 2, 3), axes=(1, 2), eps=Fraction(1, 100))
    y = b.add(z, b.broadcast(b.reshape(s.parameter("b", 3), (1, 1, 3)), (3, 2, 3)))
    return s.network(b.apply("matmul", y, b.broadcast(
        b.reshape(s.parameter("w", 3, 3), (1, 3, 3)), (3, 3, 3))))


@network
def centred_along_the_other_axis() -> Network:
    """Standardised over tokens; the bias and the reader are along the entries."""
    s = Sketch()
    b = s.build
    z = b.apply("standardise", s.input("x", 3, 3), axes=(0,), eps=Fraction(1, 100))
    y = b.add(z, b.broadcast(s.parameter("b", 3), (3, 3)))
    return s.network(s.linear(y, "w", 3, False))


@network
def not_centred_behind_rms() -> Network:
    s = Sketch()
    b = s.build
    x = s.input("x", 2, 3)
    square = b.add(b.scale(b.sum(b.mul(x, x), 1, True), Fraction(1, 3)), 1)
    z = b.mul(x, b.broadcast(b.apply("rsqrt", square), (2, 3)))
    y = b.add(z, b.broadcast(s.parameter("b", 3), (2, 3)))
    return s.network(s.linear(y, "w", 3, False))


@centred(3)
def centred_and_one_added() -> Network:
    """z + 1 sums to n; in b + 1 it is z."""
    s = Sketch()
    b = s.build
    z = b.add(b.apply("standardise", s.input("x", 2, 3), axes=(1,), eps=Fraction(1, 100)), 1)
    y = b.add(z, b.broadcast(s.parameter("b", 3), (2, 3)))
    return s.network(s.linear(y, "w", 3, False))


@network
def centred_and_constants_along_the_leg() -> Network:
    """z times 1, 2, 3 does not sum to 0."""
    s = Sketch()
    b = s.build
    z = b.apply("standardise", s.input("x", 2, 3), axes=(1,), eps=Fraction(1, 100))
    z = b.mul(z, constant(s, [[1, 2, 3]] * 2))
    y = b.add(z, b.broadcast(s.parameter("b", 3), (2, 3)))
    return s.network(s.linear(y, "w", 3, False))


@network
def rows_that_sum_to_1() -> Network:
    """A softmax along the leg in place of a norm."""
    s = Sketch()
    b = s.build
    z = b.apply("softmax", s.input("x", 2, 3), axis=1)
    y = b.add(z, b.broadcast(s.parameter("b", 3), (2, 3)))
    return s.network(s.linear(y, "w", 3, False))


@network
def centred_with_a_skip() -> Network:
    """w y + y."""
    s = Sketch()
    y = normed(s, s.input("x", 2, 3))
    return s.network(s.build.add(s.linear(y, "w", 3, False), y))


@network
def centred_with_the_bias_seen() -> Network:
    s = Sketch()
    b = s.build
    bias = s.parameter("b", 3)
    z = b.apply("standardise", s.input("x", 2, 3), axes=(1,), eps=Fraction(1, 100))
    y = b.add(z, b.broadcast(bias, (2, 3)))
    return s.network(s.linear(y, "w", 3, False), bias)


@network
def centred_then_a_nonlinear_reader() -> Network:
    s = Sketch()
    y = normed(s, s.input("x", 2, 3))
    return s.network(s.linear(y, "w", 3, False), s.build.apply("tanh", y))


@network
def centred_then_squared() -> Network:
    """y y^T beside w y: scores of the value itself."""
    s = Sketch()
    y = normed(s, s.input("x", 2, 3))
    return s.network(s.linear(y, "w", 3, False), times(s, y, y))


@network
def centred_then_summed() -> Network:
    s = Sketch()
    y = normed(s, s.input("x", 2, 3))
    return s.network(s.linear(y, "w", 3, False), s.build.sum(y, 1))


@network
def centred_again() -> Network:
    """A second norm reads z + b."""
    s = Sketch()
    y = normed(s, s.input("x", 2, 3))
    return s.network(s.linear(y, "w", 3, False), s.linear(normed(s, y, "c"), "v", 3, True))


@network
def centred_with_a_gain_that_stays() -> Network:
    """g z + b with g seen elsewhere: no slice holds it at 1, and g z does not sum to 0."""
    s = Sketch()
    b = s.build
    gain = s.parameter("g", 3)
    z = b.apply("standardise", s.input("x", 2, 3), axes=(1,), eps=Fraction(1, 100))
    y = b.add(b.mul(z, b.broadcast(gain, (2, 3))), b.broadcast(s.parameter("b", 3), (2, 3)))
    return s.network(s.linear(y, "w", 3, False), gain)


@network
def centred_and_tied_to_the_input() -> Network:
    """The reader writes the stream too."""
    s = Sketch()
    b = s.build
    table = s.parameter("e", 4, 3)
    y = normed(s, b.apply("matmul", s.input("x", 2, 4), table))
    return s.network(times(s, y, table))


@centred(3)
def centred_twice_with_one_reader() -> Network:
    """w reads z + b and z' + c: both biases turn."""
    s = Sketch()
    b = s.build
    w = s.parameter("w", 4, 3)
    one, two = (normed(s, s.input(x, 2, 3), bias) for x, bias in (("x", "b"), ("y", "c")))
    return s.network(b.add(times(s, one, w), b.scale(b.apply("tanh", times(s, two, w)), 2)))


@centred(3)
def centred_and_read_without_the_bias() -> Network:
    """w reads z + b, and z' alone, which it fixes."""
    s = Sketch()
    b = s.build
    w = s.parameter("w", 4, 3)
    z = b.apply("standardise", s.input("y", 2, 3), axes=(1,), eps=Fraction(1, 100))
    return s.network(b.add(
        times(s, normed(s, s.input("x", 2, 3)), w), b.apply("tanh", times(s, z, w))))


@network
def centred_and_read_in_two_halves() -> Network:
    s = Sketch()
    b = s.build
    y = normed(s, s.input("x", 2, 4))
    one, two = (b.slice(y, 1, 2 * k, 2 * k + 2) for k in (0, 1))
    return s.network(b.add(s.linear(one, "w", 3, False), s.linear(two, "v", 3, False)))


@network
def centred_in_halves_with_a_bias_for_one() -> Network:
    """One half of z, which does not sum to 0, plus a bias."""
    s = Sketch()
    b = s.build
    z = b.apply("standardise", s.input("x", 2, 4), axes=(1,), eps=Fraction(1, 100))
    one = b.add(b.slice(z, 1, 0, 2), b.broadcast(s.parameter("b", 2), (2, 2)))
    return s.network(s.linear(one, "w", 3, False), s.linear(b.slice(z, 1, 2, 4), "v", 3, False))


@centred(3)
def centred_then_two_linear_maps() -> Network:
    """The first reader turns; behind it is a family gl of its own."""
    s = Sketch()
    y = s.linear(normed(s, s.input("x", 2, 3)), "w", 3, False)
    return s.network(s.linear(y, "v", 4, False))


@centred(3)
def centred_then_joined() -> Network:
    """z + b beside another value on one axis."""
    s = Sketch()
    b = s.build
    y = b.apply("concatenate", normed(s, s.input("x", 2, 3)), s.input("y", 2, 2), axis=1)
    return s.network(s.linear(y, "w", 4, False))


def with_a_matrix_of_biases(rows: int) -> Network:
    """z + B with B no vector, all of it shifted too: w has a bias and two outputs."""
    s = Sketch()
    b = s.build
    z = b.apply("standardise", s.input("x", 2, 3), axes=(1,), eps=Fraction(1, 100))
    y = b.add(z, b.broadcast(s.parameter("b", rows, 3), (2, 3)))
    return s.network(s.linear(y, "w", 2, True))


@centred(3)
def centred_with_a_bias_for_each_row() -> Network:
    return with_a_matrix_of_biases(2)


@centred(3)
def centred_with_a_matrix_of_one_row() -> Network:
    """u in the kernel of w moves b as the shift does: of the count no rank is said."""
    return with_a_matrix_of_biases(1)
