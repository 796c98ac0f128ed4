(** The lemmas of the calculus of intertwiners that are identities of matrices, at every size.

    As in proofs/l2_intertwiners.py and proofs/c9_attention.py: rows of X are tokens, columns the
    leg that turns. Nothing is said of the entries but that they lie in a commutative ring (a field,
    where one divides); functions that are not algebra (softmax, an activation, a root) are any
    functions at all, with the property that is used as a hypothesis. *)

From mathcomp Require Import all_ssreflect all_algebra.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import GRing.Theory.
Local Open Scope ring_scope.

(** The column of ones. *)
Notation ones n := (const_mx 1 : 'cV_n).

(** * Contractions *)

Section Contraction.

Variable R : comUnitRingType.

(** g against its contragredient. *)
Theorem contraction T n m (X : 'M[R]_(T, n)) (Y : 'M_(n, m)) (g : 'M_n) :
  g \in unitmx -> (X *m g^T) *m ((invmx g)^T *m Y) = X *m Y.
Proof. by move=> g_unit; rewrite mulmxA -(mulmxA X) -trmx_mul mulVmx // trmx1 mulmx1. Qed.

(** The same on the other side: W_V m against m^-1 W_O, the layers of a linear network. *)
Theorem contraction_inverse T n m (X : 'M[R]_(T, n)) (Y : 'M_(n, m)) (g : 'M_n) :
  g \in unitmx -> (X *m g) *m (invmx g *m Y) = X *m Y.
Proof. by move=> g_unit; rewrite mulmxA -(mulmxA X) mulmxV // mulmx1. Qed.

(** O against O, where O is orthogonal. *)
Theorem contraction_orthogonal T n m (X : 'M[R]_(T, n)) (Y : 'M_(n, m)) (O : 'M_n) :
  O^T *m O = 1%:M -> (X *m O^T) *m (O *m Y) = X *m Y.
Proof. by move=> orthogonal; rewrite mulmxA -(mulmxA X) orthogonal mulmx1. Qed.

(** Infinitesimally: sums of squares do not change along a skew matrix. *)
Theorem squares_along_skew T n (X : 'M[R]_(T, n)) (Omega : 'M_n) :
  Omega^T = - Omega -> (X *m Omega) *m X^T + X *m (X *m Omega)^T = 0.
Proof. by move=> skew; rewrite trmx_mul skew mulNmx mulmxN mulmxA subrr. Qed.

End Contraction.

(** * Attention: query/key and value/output *)

Section Attention.

Variable R : comUnitRingType.
Variables (T d heads : nat) (k v : 'I_heads -> nat).

(** Each head has sizes and weights of its own, and a pattern that is any function of its scores:
    softmax with any mask and scale, sigmoid, linear attention. *)
Record weights := Weights {
  W_Q : forall h, 'M[R]_(d, k h);
  b_Q : forall h, 'rV[R]_(k h);
  W_K : forall h, 'M[R]_(d, k h);
  b_K : forall h, 'rV[R]_(k h);
  W_V : forall h, 'M[R]_(d, v h);
  b_V : forall h, 'rV[R]_(v h);
  W_O : forall h, 'M[R]_(v h, d);
  b_O : 'rV[R]_d
}.

Variable pattern : 'I_heads -> 'M[R]_T -> 'M[R]_T.

Definition attention (w : weights) (X : 'M[R]_(T, d)) : 'M[R]_(T, d) :=
  \sum_h pattern h ((X *m W_Q w h + ones T *m b_Q w h) *m (X *m W_K w h + ones T *m b_K w h)^T)
         *m (X *m W_V w h + ones T *m b_V w h) *m W_O w h
  + ones T *m b_O w.

(** W_Q -> W_Q g, W_K -> W_K g^-T, W_V -> W_V m, W_O -> m^-1 W_O for each head, biases alike. *)
Definition moved (g : forall h, 'M[R]_(k h)) (m : forall h, 'M[R]_(v h)) (w : weights) := {|
  W_Q h := W_Q w h *m g h;
  b_Q h := b_Q w h *m g h;
  W_K h := W_K w h *m (invmx (g h))^T;
  b_K h := b_K w h *m (invmx (g h))^T;
  W_V h := W_V w h *m m h;
  b_V h := b_V w h *m m h;
  W_O h := invmx (m h) *m W_O w h;
  b_O := b_O w
|}.

Theorem attention_internal g m w X :
  (forall h, g h \in unitmx) -> (forall h, m h \in unitmx) ->
  attention (moved g m w) X = attention w X.
Proof.
move=> g_unit m_unit; rewrite /attention /=; congr (_ + _); apply: eq_bigr => h _.
rewrite !(mulmxA _ _ (g h)) !(mulmxA _ _ (m h)) !(mulmxA _ _ (invmx (g h))^T) -!mulmxDl.
rewrite trmx_mul trmxK contraction_inverse // !mulmxA.
by rewrite -(mulmxA _ (m h)) mulmxV // mulmx1.
Qed.

(** A shift of the keys adds to the scores what is constant along the keys. *)
Theorem key_shift S n (Q : 'M[R]_(T, n)) (K : 'M_(S, n)) (c : 'rV_n) :
  Q *m (K + ones S *m c)^T = Q *m K^T + (Q *m c^T) *m (ones S)^T.
Proof. by rewrite linearD /= trmx_mul mulmxDr mulmxA. Qed.

(** Rows that sum to 1 carry a shift of the values, and the output bias absorbs it. *)
Theorem value_shift S n (P : 'M[R]_(T, S)) (V : 'M_(S, n)) (c : 'rV_n) (W : 'M_(n, d)) b :
  P *m ones S = ones T ->
  P *m (V + ones S *m c) *m W + ones T *m (b - c *m W) = P *m V *m W + ones T *m b.
Proof.
move=> stochastic; rewrite mulmxDr (mulmxA P) stochastic mulmxDl mulmxBr !mulmxA.
by rewrite addrA addrAC addrK.
Qed.

(** Rows that sum to 0 forget it. *)
Theorem shift_forgotten S n (P : 'M[R]_(T, S)) (V : 'M_(S, n)) (c : 'rV_n) :
  P *m ones S = 0 -> P *m (V + ones S *m c) = P *m V.
Proof. by move=> sum_0; rewrite mulmxDr (mulmxA P) sum_0 mul0mx addr0. Qed.

End Attention.

(** Softmax divides the exponentials of the scores, E, by their row sums. A shift of the scores
    that is constant along the keys multiplies the rows of E by factors, and these cancel. *)
Definition normalised (F : fieldType) T S (E : 'M[F]_(T, S)) : 'M[F]_(T, S) :=
  \matrix_(i, j) (E i j / \sum_l E i l).

Theorem softmax_forgets_factors (F : fieldType) T S (E : 'M[F]_(T, S)) (a : 'rV_T) :
  (forall i, a 0 i != 0) -> normalised (diag_mx a *m E) = normalised E.
Proof.
move=> factors; apply/matrixP => i j; rewrite !mul_diag_mx !mxE.
under eq_bigr do rewrite mxE.
by rewrite -mulr_sumr -mulf_div divff ?mul1r.
Qed.

(** * Scalings: gates, activations, gains *)

Section Scalings.

Variable R : comUnitRingType.

Definition entrywise T n (X Y : 'M[R]_(T, n)) : 'M[R]_(T, n) := \matrix_(i, j) (X i j * Y i j).

Lemma diagonal_unit n (s : 'rV[R]_n) :
  (forall j, s 0 j \is a GRing.unit) -> diag_mx s \in unitmx.
Proof. by move=> units; rewrite unitmxE det_diag; apply: rpred_prod => j _; apply: units. Qed.

(** A product with what is constant along the leg turns with g. *)
Theorem product_constant_along_leg T n (a : 'rV[R]_T) (X : 'M_(T, n)) (g : 'M_n) :
  diag_mx a *m (X *m g^T) = (diag_mx a *m X) *m g^T.
Proof. exact: mulmxA. Qed.

(** Gating: a scaling of one factor, unit by unit, is one of the product. *)
Theorem gate_scales T n (X Y : 'M[R]_(T, n)) (s : 'rV_n) :
  entrywise (X *m diag_mx s) Y = entrywise X Y *m diag_mx s.
Proof. by apply/matrixP => i j; rewrite !mul_mx_diag !mxE mulrAC. Qed.

(** SwiGLU, GEGLU, bilinear units: up -> up s, down -> s^-1 down, whatever the gate is. *)
Theorem gated_unit T d n e (X : 'M[R]_(T, d)) (gate : 'M_(T, n)) (up : 'M_(d, n))
    (down : 'M_(n, e)) (s : 'rV_n) :
  (forall j, s 0 j \is a GRing.unit) ->
  entrywise (X *m (up *m diag_mx s)) gate *m (invmx (diag_mx s) *m down)
  = entrywise (X *m up) gate *m down.
Proof.
by move=> units; rewrite (mulmxA X) gate_scales contraction_inverse // diagonal_unit.
Qed.

(** ReLU and its kin: f(x s_j) = f(x) s_j for the scalings used; biases scale with the rows. *)
Theorem homogeneous_unit (f : R -> R) T d n e (X : 'M[R]_(T, d)) (W : 'M_(d, n)) (b : 'rV_n)
    (out : 'M_(n, e)) (s : 'rV_n) :
  (forall j, s 0 j \is a GRing.unit) -> (forall x j, f (x * s 0 j) = f x * s 0 j) ->
  map_mx f (X *m (W *m diag_mx s) + ones T *m (b *m diag_mx s)) *m (invmx (diag_mx s) *m out)
  = map_mx f (X *m W + ones T *m b) *m out.
Proof.
move=> units homogeneous; rewrite !mulmxA -mulmxDl.
have -> (Y : 'M[R]_(T, n)) : map_mx f (Y *m diag_mx s) = map_mx f Y *m diag_mx s.
  by rewrite !mul_mx_diag; apply/matrixP => i j; rewrite !mxE homogeneous.
by rewrite -(mulmxA _ (diag_mx s)) mulmxV ?diagonal_unit // mulmx1.
Qed.

(** A norm's gain and bias against the matrix that reads them. *)
Theorem gain T n m (Z : 'M[R]_(T, n)) (w b : 'rV_n) (W : 'M_(n, m)) (s : 'rV_n) :
  (forall j, s 0 j \is a GRing.unit) ->
  (Z *m diag_mx (\row_j (w 0 j * s 0 j)) + ones T *m (b *m diag_mx s))
    *m (invmx (diag_mx s) *m W)
  = (Z *m diag_mx w + ones T *m b) *m W.
Proof.
move=> units; rewrite -mulmx_diag.
by rewrite !mulmxA -mulmxDl -(mulmxA _ (diag_mx s)) mulmxV ?diagonal_unit // mulmx1.
Qed.

End Scalings.

(** * Centring *)

Section Centring.

Variables (R : comUnitRingType) (n : nat).
Hypothesis n_unit : n%:R \is a @GRing.unit R.

(** x minus its mean, row by row: X (1 - 1 1^T / n). *)
Definition centred T (X : 'M[R]_(T, n)) : 'M[R]_(T, n) :=
  X - n%:R^-1 *: (X *m ones n *m (ones n)^T).

Lemma ones_ones : (ones n)^T *m ones n = n%:R%:M :> 'M[R]_1.
Proof.
apply/matrixP => i j; rewrite !ord1 !mxE eqxx mulr1n.
by under eq_bigr do rewrite !mxE mulr1; rewrite sumr_const card_ord.
Qed.

(** It turns with O where O fixes the ones, from both sides. *)
Theorem centring_turns T (X : 'M[R]_(T, n)) (O : 'M_n) :
  O *m ones n = ones n -> O^T *m ones n = ones n -> centred (X *m O^T) = centred X *m O^T.
Proof.
move=> O_ones OT_ones; rewrite /centred mulmxBl -scalemxAl -(mulmxA X) OT_ones.
by rewrite -[in RHS]mulmxA -trmx_mul O_ones.
Qed.

(** It forgets what is constant along the leg. *)
Theorem centring_forgets T (X : 'M[R]_(T, n)) (a : 'cV_T) :
  centred (X + a *m (ones n)^T) = centred X.
Proof.
rewrite /centred !mulmxDl -(mulmxA a) ones_ones mul_mx_scalar -scalemxAl scalerDr scalerA.
by rewrite mulVr // scale1r opprD addrACA subrr addr0.
Qed.

(** Its rows sum to 0. *)
Theorem centred_sum T (X : 'M[R]_(T, n)) : centred X *m ones n = 0.
Proof.
rewrite /centred mulmxBl -scalemxAl -(mulmxA (X *m ones n)) ones_ones mul_mx_scalar scalerA.
by rewrite mulVr // scale1r subrr.
Qed.

End Centring.

(** * Behind a norm that centres *)

Section BehindANorm.

Variable R : comUnitRingType.

(** 1 + u 1^T fixes what sums to 0, so the bias behind a norm turns alone. *)
Theorem shear_fixes_sum_0 T n (Z : 'M[R]_(T, n)) (u : 'cV_n) (b : 'rV_n) :
  Z *m ones n = 0 ->
  Z + ones T *m (b *m (1%:M + u *m (ones n)^T)^T)
  = (Z + ones T *m b) *m (1%:M + u *m (ones n)^T)^T.
Proof.
move=> sum_0; rewrite linearD /= trmx1 trmx_mul trmxK mulmxDl !mulmxDr !mulmx1 !(mulmxA Z) sum_0.
by rewrite mul0mx addr0 !mulmxA.
Qed.

(** Its inverse is 1 - u 1^T / (1 + s), where s is the sum of u. *)
Theorem shear_inverse n (u : 'cV[R]_n) (s : R) :
  (ones n)^T *m u = s%:M -> 1 + s \is a GRing.unit ->
  (1%:M + u *m (ones n)^T) *m (1%:M - (1 + s)^-1 *: (u *m (ones n)^T)) = 1%:M.
Proof.
move=> sum_u s_unit; set U := u *m _.
have square : U *m U = s *: U by rewrite mulmxA -(mulmxA u) sum_u mul_mx_scalar -scalemxAl.
rewrite mulmxBr mulmx1 -scalemxAr mulmxDl mul1mx square -{2}(scale1r U) -scalerDl scalerA.
by rewrite mulVr // scale1r addrK.
Qed.

End BehindANorm.

(** * Stream rotation *)

Section Stream.

Variables (R : comUnitRingType) (T n : nat).
Implicit Types (X : 'M[R]_(T, n)) (O : 'M[R]_n).

(** RMSNorm without its gain: each row by a function of the sum of its squares. *)
Definition rms (f : R -> R) X : 'M[R]_(T, n) := diag_mx (\row_i f ((X *m X^T) i i)) *m X.

Theorem rms_turns f X O : O^T *m O = 1%:M -> rms f (X *m O^T) = rms f X *m O^T.
Proof.
move=> orthogonal; rewrite /rms trmx_mul trmxK contraction_orthogonal //.
exact: mulmxA.
Qed.

Variables (norm : 'M[R]_(T, n) -> 'M[R]_(T, n)) (w : 'rV[R]_n).

(** What reads the norm behind its gain w takes diag(w)^-1 O diag(w): the head behind the last norm,
    so logits do not change. *)
Theorem reader_forgets_rotation m (W : 'M[R]_(n, m)) X O :
  O^T *m O = 1%:M -> (forall j, w 0 j \is a GRing.unit) ->
  norm (X *m O^T) = norm X *m O^T ->
  norm (X *m O^T) *m diag_mx w *m (invmx (diag_mx w) *m O *m diag_mx w *m W)
  = norm X *m diag_mx w *m W.
Proof.
move=> orthogonal units turns; rewrite turns !mulmxA.
rewrite -(mulmxA (norm X *m O^T)) mulmxV ?diagonal_unit // mulmx1.
by rewrite -(mulmxA (norm X)) orthogonal mulmx1.
Qed.

(** A block with a skip: X + part(norm(X) diag(w) W_in) W_out, where part is any function (of
    queries, keys, values, of a gate and its product). *)
Definition block m k (part : 'M[R]_(T, m) -> 'M[R]_(T, k)) W_in W_out X :=
  X + part (norm X *m diag_mx w *m W_in) *m W_out.

(** Where what writes to the stream takes O^T, the block's output turns with the stream. *)
Theorem block_turns m k (part : 'M[R]_(T, m) -> 'M[R]_(T, k)) W_in W_out X O :
  O^T *m O = 1%:M -> (forall j, w 0 j \is a GRing.unit) ->
  norm (X *m O^T) = norm X *m O^T ->
  block part (invmx (diag_mx w) *m O *m diag_mx w *m W_in) (W_out *m O^T) (X *m O^T)
  = block part W_in W_out X *m O^T.
Proof.
by move=> orthogonal units turns; rewrite /block reader_forgets_rotation // mulmxDl mulmxA.
Qed.

End Stream.

(** LayerNorm without gain and bias: centred, then as RMSNorm. It turns with O that fixes 1. *)
Theorem layer_norm_turns (R : comUnitRingType) T n (f : R -> R) (X : 'M[R]_(T, n)) (O : 'M_n) :
  O^T *m O = 1%:M -> O *m ones n = ones n -> O^T *m ones n = ones n ->
  rms f (centred (X *m O^T)) = rms f (centred X) *m O^T.
Proof. by move=> orthogonal O_ones OT_ones; rewrite centring_turns // rms_turns. Qed.

(** * Rotary embeddings *)

Section Rotary.

Variables (R : comRingType) (n : nat) (J : 'M[R]_n).

(** What is constant on pairs commutes with the quarter turn J of all pairs and with its like. *)
Definition commute (A B : 'M[R]_n) := A *m B = B *m A.

(** a + b J, on each pair a complex number, commutes with the table p + q J. *)
Theorem rotary_commutes (a b p q : 'M[R]_n) :
  commute a p -> commute a q -> commute b p -> commute b q ->
  commute a J -> commute b J -> commute p J -> commute q J ->
  commute (a + b *m J) (p + q *m J).
Proof.
rewrite /commute => ap aq bp bq aJ bJ pJ qJ; rewrite !mulmxDl !mulmxDr -!addrA; congr (_ + _) => //.
rewrite addrCA; congr (_ + (_ + _)); first by rewrite -mulmxA -pJ mulmxA bp mulmxA.
  by rewrite mulmxA aq -mulmxA aJ mulmxA.
by rewrite -mulmxA (mulmxA J) -qJ !mulmxA bq -[in RHS](mulmxA q) -bJ mulmxA.
Qed.

(** And so does its contragredient, infinitesimally: a and b diagonal, J skew. *)
Theorem rotary_contragredient (a b p q : 'M[R]_n) :
  a^T = a -> b^T = b -> J^T = - J ->
  commute a p -> commute a q -> commute b p -> commute b q ->
  commute a J -> commute b J -> commute p J -> commute q J ->
  commute (- (a + b *m J)^T) (p + q *m J).
Proof.
move=> aT bT JT ap aq bp bq aJ bJ pJ qJ.
have -> : - (a + b *m J)^T = - a + b *m J.
  by rewrite linearD /= trmx_mul aT bT JT mulNmx opprD opprK -bJ.
have opposite A : commute a A -> commute (- a) A by rewrite /commute mulNmx mulmxN => ->.
by apply: rotary_commutes => //; apply: opposite.
Qed.

End Rotary.

(** * Slices *)

(** A generator on a slice, carried back by Dh, is one on the whole space. *)
Theorem carried_back (R : comUnitRingType) P k (df : 'rV[R]_P) (Dh : 'M_P) (V : 'M_(P, k)) :
  Dh \in unitmx -> df *m V = 0 -> (df *m invmx Dh) *m (Dh *m V) = 0.
Proof. by move=> unit_Dh null; rewrite mulmxA -(mulmxA df) mulVmx // mulmx1. Qed.

(** * False relatives *)

(** In a contraction g on both sides does not cancel. *)
Theorem contraction_needs_contragredient :
  exists X Y g : 'M[rat]_1, g \in unitmx /\ (X *m g^T) *m (g *m Y) <> X *m Y.
Proof.
exists 1%:M, 1%:M, 2%:M; split; first by rewrite unitmxE det_scalar1.
rewrite tr_scalar_mx mul1mx mulmx1 mul1mx -scalar_mxM => /matrixP/(_ 0 0).
by rewrite !mxE.
Qed.

(** RMSNorm does not turn with every g. *)
Theorem rms_needs_rotation :
  exists X g : 'M[rat]_1, g \in unitmx /\ rms id (X *m g^T) <> rms id X *m g^T.
Proof.
exists 1%:M, 2%:M; split; first by rewrite unitmxE det_scalar1.
rewrite /rms => /matrixP/(_ 0 0).
by rewrite !(mxE, big_ord1).
Qed.
