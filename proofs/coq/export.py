"""Write a certificate of a polynomial network as a Coq file that checks it: NAME.json -> NAME.v.

    python proofs/coq/export.py proofs/coq/square_mlp.json

Program and generators are the certificate's, line by line. Beside them the file has hints (a point,
two minors, their inverses modulo a prime) that are found here and that Coq only multiplies; nothing
in this script has to be right for the theorem to be. It needs the standard library alone.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import lcm, prod
from pathlib import Path
from typing import Any

#: The modulus of the minors. Coq's kernel shows that it is prime by counting.
PRIME = 1009
#: Points and inputs have entries from -LARGEST to LARGEST.
LARGEST = 5
#: Points tried before giving up: a minor vanishes at one of them about once in PRIME times.
TRIES = 20

Matrix = list[list[int]]
#: An entry and its gradient by the parameters, integers both.
Dual = tuple[int, tuple[int, ...]]


class NotExported(Exception):
    """What proofs/coq does not read, in one sentence."""


def translate(network: Mapping[str, Any]) -> tuple[list[tuple[Any, ...]], int, int]:
    """The program in the ops of Network.v, the number of parameters and of inputs.

    Raises NotExported, naming the first line that is none of them.
    """
    nodes = network["nodes"]
    lines: list[tuple[Any, ...]] = []
    parameters = inputs = 0
    for number, node in enumerate(nodes):
        size = prod(node["shape"])
        of = node.get("inputs", [])
        shapes = [nodes[a]["shape"] for a in of]
        op = node.get("op")
        if "parameter" in node:
            lines.append(("Theta", parameters, size))
            parameters += size
        elif "input" in node and not node["classes"]:
            lines.append(("Input", inputs, size))
            inputs += size
        elif op == "reshape":
            lines.append(("Reshape", *of))
        elif op == "permute" and node["attrs"] == {"dims": [1, 0]}:
            lines.append(("Transpose", *of, *shapes[0]))
        elif op == "matmul" and len(shapes[0]) == 2:
            lines.append(("Matmul", *of, *shapes[0], shapes[1][1]))
        elif op in ("add", "mul") and shapes[0] == shapes[1]:
            lines.append((op.capitalize(), *of))
        elif op == "power":
            lines.append(("Power", *of, node["attrs"]["exponent"]))
        else:
            what = op or "a constant, or an input of tokens"
            raise NotExported(f"line {number} of the program, {what}, is not among Network.v's ops")
    if network["outputs"] != [len(nodes) - 1]:
        raise NotExported("the output of the network is not the last line of its program")
    return lines, parameters, inputs


def vector_field(generator: Mapping[str, Any]) -> list[tuple[int, int, list[int]]]:
    """Terms (k, coefficient, [i, j, ...]), scaled to integer coefficients.

    Raises NotExported where a power is negative.
    """
    terms = [(k, Fraction(c), []) for k, c in generator["shift"]]
    terms += [(k, Fraction(c), [j]) for k, j, c in generator["linear"]]
    for k, monomial, c in generator["higher"]:
        if any(e < 0 for _, e in monomial):
            raise NotExported("a generator has negative powers of parameters")
        terms.append((k, Fraction(c), [j for j, e in monomial for _ in range(e)]))
    scale = lcm(*(c.denominator for _, c, _ in terms))
    return [(k, int(c * scale), factors) for k, c, factors in terms]


def plus(a: Dual, b: Dual) -> Dual:
    """a + b."""
    return a[0] + b[0], tuple(x + y for x, y in zip(a[1], b[1], strict=True))


def times(a: Dual, b: Dual) -> Dual:
    """a b."""
    return a[0] * b[0], tuple(a[0] * y + b[0] * x for x, y in zip(a[1], b[1], strict=True))


def jacobian(lines: Sequence[tuple[Any, ...]], theta: Sequence[int], x: Sequence[int]) -> Matrix:
    """The gradients of the last line's entries, at theta and the input x."""
    P = len(theta)
    zero: Dual = (0, (0,) * P)
    one: Dual = (1, (0,) * P)
    values: list[list[Dual]] = []
    for op, *of in lines:
        if op == "Theta":
            value: list[Dual] = [
                (theta[i], tuple(int(i == k) for k in range(P))) for i in range(of[0], sum(of))
            ]
        elif op == "Input":
            value = [(x[i], (0,) * P) for i in range(of[0], sum(of))]
        elif op == "Reshape":
            value = values[of[0]]
        elif op == "Transpose":
            a, m, n = values[of[0]], *of[1:]
            value = [a[i * n + j] for j in range(n) for i in range(m)]
        elif op == "Matmul":
            a, b, (m, k, n) = values[of[0]], values[of[1]], of[2:]
            value = []
            for i in range(m):
                for j in range(n):
                    total = zero
                    for s in range(k):
                        total = plus(total, times(a[i * k + s], b[s * n + j]))
                    value.append(total)
        elif op == "Power":
            value = []
            for u in values[of[0]]:
                power = one
                for _ in range(of[1]):
                    power = times(power, u)
                value.append(power)
        else:
            combine = plus if op == "Add" else times
            value = [combine(u, v) for u, v in zip(values[of[0]], values[of[1]], strict=True)]
        values.append(value)
    return [list(gradient) for _, gradient in values[-1]]


def minor(matrix: Matrix) -> tuple[list[int], list[int]]:
    """Rows and columns of a minor that is not 0 modulo PRIME, as large as there is one."""
    reduced: list[tuple[int, list[int]]] = []  # pivot column, row with 1 there
    rows, columns = [], []
    for number, row in enumerate(matrix):
        rest = [v % PRIME for v in row]
        for column, known in reduced:
            factor = rest[column]
            rest = [(v - factor * w) % PRIME for v, w in zip(rest, known, strict=True)]
        pivot = next((c for c, v in enumerate(rest) if v), None)
        if pivot is not None:
            inverse = pow(rest[pivot], -1, PRIME)
            reduced.append((pivot, [v * inverse % PRIME for v in rest]))
            rows.append(number)
            columns.append(pivot)
    return rows, columns


def inverse_modulo(matrix: Matrix) -> Matrix:
    """The inverse modulo PRIME of a matrix that has one."""
    n = len(matrix)
    work = [[v % PRIME for v in row] + [int(i == j) for j in range(n)]
            for i, row in enumerate(matrix)]
    for c in range(n):
        pivot = next(i for i in range(c, n) if work[i][c])
        work[c], work[pivot] = work[pivot], work[c]
        inverse = pow(work[c][c], -1, PRIME)
        work[c] = [v * inverse % PRIME for v in work[c]]
        for i in range(n):
            if i != c:
                factor = work[i][c]
                work[i] = [(v - factor * w) % PRIME for v, w in zip(work[i], work[c], strict=True)]
    return [row[n:] for row in work]


def chosen(matrix: Matrix, rows: Iterable[int], columns: Sequence[int]) -> Matrix:
    """The submatrix."""
    return [[matrix[i][j] for j in columns] for i in rows]


def coq(value: Any) -> str:
    """Numbers, lists and pairs in Coq."""
    if isinstance(value, list):
        return "[:: " + "; ".join(map(coq, value)) + "]" if value else "[::]"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(coq, value)) + ")"
    return f"({value})" if value < 0 else str(value)


def listed(items: Sequence[str]) -> str:
    """A Coq list with an item a line."""
    return "[::\n    " + ";\n    ".join(items) + "\n  ]"


def integers(value: Any) -> str:
    """A list of integers of Z, where plain numerals are natural numbers."""
    return coq(value) + "%z"


def export(certificate: Mapping[str, Any], name: str) -> str:
    """The Coq file for a certificate.

    Raises NotExported where the certificate is not of a polynomial network in the ops of Network.v,
    is not closed, or no point was found at which its ranks are seen modulo PRIME.
    """
    lines, P, num_inputs = translate(certificate["network"])
    if not certificate["closed"] or certificate["unread"] or certificate["parameters"] != P:
        raise NotExported("the certificate does not close, or has parameters that are not read")
    fields = [vector_field(g) for g in certificate["generators"]]
    redundancy, rank = certificate["redundancy"], certificate["rank"]
    rng = random.Random(0)  # hints alone: any point at which the minors are not 0 will do
    for _ in range(TRIES):
        theta = [rng.randint(-LARGEST, LARGEST) for _ in range(P)]
        asked: list[tuple[list[int], int]] = []
        J: Matrix = []
        for _ in range(rank):
            x = [rng.randint(-LARGEST, LARGEST) for _ in range(num_inputs)]
            for o, row in enumerate(jacobian(lines, theta, x)):
                asked.append((x, o))
                J.append(row)
        G = []
        for field in fields:
            G.append([0] * P)
            for k, c, factors in field:
                G[-1][k] += c * prod(theta[j] for j in factors)
        J_minor, G_minor = minor(J), minor(G)
        if len(J_minor[0]) == rank and len(G_minor[0]) == redundancy:
            break
    else:
        raise NotExported(f"at {TRIES} points the ranks {rank} and {redundancy} were not seen")
    terms = [
        "[:: " + "; ".join(f"Term {k} {integers(c)} {coq(of)}" for k, c, of in field) + "]"
        for field in fields
    ]
    program = [f"(* {i} *) {op} {' '.join(map(str, of))}" for i, (op, *of) in enumerate(lines)]
    rows = [f"({integers(asked[i][0])}, {asked[i][1]})" for i in J_minor[0]]

    def inverse(matrix: Matrix, at: tuple[list[int], list[int]]) -> str:
        return listed([integers(row) for row in inverse_modulo(chosen(matrix, *at))])

    return f"""\
(** The certificate {name}.json, written by export.py. *)

From Coq Require Import ZArith.
From mathcomp Require Import all_ssreflect all_algebra.
From symgauge Require Import Network Certificate.
Delimit Scope Z_scope with z.
Local Open Scope nat_scope.

Definition {name} : certificate := {{|
  program := {listed(program)};
  num_parameters := {P};
  num_inputs := {num_inputs};
  generators := {listed(terms)};
  theta0 := {integers(theta)};
  prime_modulus := {PRIME};
  jacobian_rows := {listed(rows)};
  jacobian_columns := {coq(J_minor[1])};
  jacobian_inverse := {inverse(J, J_minor)};
  generator_rows := {coq(G_minor[0])};
  generator_columns := {coq(G_minor[1])};
  generator_inverse := {inverse(G, G_minor)}
|}}.

(** {P} parameters, redundancy {redundancy}. *)
Theorem {name}_complete : complete {name} {redundancy}.
Proof. by apply: check_correct; vm_compute. Qed.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write NAME.v beside each NAME.json; status 3 where one is not exported."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("certificates", nargs="+", type=Path, metavar="NAME.json")
    for path in parser.parse_args(arguments).certificates:
        if not path.stem.isidentifier() or not path.stem.isascii():
            print(f"{path}: the file's name is no name of a Coq theorem", file=sys.stderr)
            return 3
        try:
            text = export(json.loads(path.read_text()), path.stem)
        except (NotExported, OSError, ValueError, KeyError, TypeError) as error:
            print(f"{path}: {error or type(error).__name__}", file=sys.stderr)
            return 3
        path.with_suffix(".v").write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
