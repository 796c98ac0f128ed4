"""What is stated of residual streams; `converse.stream` applies it."""

from __future__ import annotations

from symgauge.facts.fact import AX, Fact

HEAD = Fact(
    "head", "d(z U) = 0: dz = z A, dU = - A U", "o >= d", "proofs/k7_residual.py")
HEAD_NORM = Fact(
    "head behind a norm", "d(N(z) G U) = 0: dN = N A, so dz = z A + z (z A z^T) / (d epsilon) or "
    "z A + phi z; units below exclude the second: A in so(d) (epsilon 0: + R)",
    "o >= d; smooth units write last below", "proofs/k10_heads.py")
NORM_OUT = Fact(
    "a norm that is read out", "d(N(z) G + b) = 0: dN = N A + c, A = - dG / G, as of a head with "
    "as many outputs; units below leave A in so(d), so A = 0, dG = 0, c = 0, db = 0",
    "smooth units write last below, or walls", "proofs/k10_heads.py")
KINKED_BELOW = Fact(
    "walls below a last norm", "y = z + sum_i relu(u_i) v_i + b, dy = y A + y (y A y^T) / (d "
    "epsilon): the jump at u_i = 0 across v_i leaves A in so(d)",
    "d >= 3, u reads z through a norm, a wall is reached", "proofs/k10_heads.py")
NORM_OF_BLOCK = Fact(
    "a norm of what is added", "y = z + N(u) G, dy = y A + c with A in so(d): the part odd in the "
    "root, d(N(u) G) = N(u) G A, leaves dG = 0, du = 0, A = 0 (with a multiple of 1: of G too)",
    "the rows of the last matrix of u span, epsilon > 0, the g_i^2 are distinct",
    "proofs/k13_norm_of_block.py", (AX,))
POST_NORM = Fact(
    "a norm behind a skip", "y = z + block(z), z = n G + b, dN(y) = N(y) A, A skew: dz = z A + c "
    "(centred: + phi 1), du = 0, dv_i = v_i A, dn = n A1 with A1 skew: A = A1, dG = 0 where two "
    "gains are passed (one, where no mean is taken off) or A = 0 above",
    "epsilon > 0, smooth units or values of heads narrower than the stream; tokens through a norm "
    "with positions", "proofs/k12_post_norm.py, k14_post_layer_norm.py", (AX,))
NORMED_UNITS = Fact(
    "a norm of units below a head", "d(N(a) G U + b) = 0, a_i = act(u_i): dN = N A leaves A = 0, "
    "du = 0 (tied, centred: dE_v = phi / G besides)",
    "o >= d, epsilon > 0, smooth units with parameters of their own",
    "proofs/k15_normed_units.py", (AX,))
SKIP = Fact(
    "block behind a skip", "y = z + sum_i act(u_i) v_i + b, dy = y A + c: dv_i = v_i A, "
    "du_i = 0, dz = z A + c'", "the stream z spans", "proofs/k7_residual.py", (AX,))
ROWS = Fact(
    "rows that are cut", "dy_r = y_r A + c of the last row r alone, y = z + sum_s p_rs n_s N: the "
    "p_s leave d(n_s N) - n_s N A = d(n_r N) - n_r N A, which no x_r moves: dz_r = z_r A, and "
    "(dn_s - n_s A) W_V = 0: dz_s = z_s A (centred: + phi_s 1) for all rows s",
    "no other row sees the last, which sees all; d <= g d_v, d_v <= d, epsilon > 0",
    "proofs/k17_cut_rows.py", (AX,))
PARAMETERS = Fact(
    "a row of parameters", "y_0 = z_0 + block(z)_0 of a row that begins with parameters: the rows "
    "beside it settle the block, so (1 + D) (dz_0 - z_0 A - c) = 0: dz_0 = z_0 A + c (centred: + "
    "phi_0 1)", "one of the free rows sees two of them, the row sees one; d <= g d_v, epsilon > 0",
    "proofs/k18_row_of_parameters.py", (AX,))
PLAIN = Fact(
    "readers of the stream", "u = z W + b, du = 0, dz = z A + c: dW = - A W, db = - c W",
    "the stream z spans", "proofs/k7_residual.py")
START = Fact(
    "start of the stream", "z = x W_in + b, dz = z A + c: dW_in = W_in A, db = b A + c",
    "inputs are free", "proofs/k7_residual.py")
