(** Certificates of polynomial networks, checked by computation.

    [check] runs in Coq's kernel; [check_correct] says what its answer means, for every certificate:
    the generators are symmetries, and off the zeros of two minors nothing else is. *)

From Coq Require Import ZArith Ring_polynom.
From mathcomp Require Import all_ssreflect all_algebra.
From symgauge Require Import Sandwich Network.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import GRing.Theory.
Local Open Scope ring_scope.

(** A program and its generators, as symgauge's certificate has them; and hints that whoever
    checks need not find: where the minors are, and their inverses modulo p. A row of the Jacobian
    is an input and the number of an output. *)
Record certificate := Certificate {
  program : seq line;
  num_parameters : nat;
  num_inputs : nat;
  generators : seq (seq term);
  theta0 : seq Z;
  prime_modulus : nat;
  jacobian_rows : seq (seq Z * nat);
  jacobian_columns : seq nat;
  jacobian_inverse : seq (seq Z);
  generator_rows : seq nat;
  generator_columns : seq nat;
  generator_inverse : seq (seq Z)
}.

(** * Over any domain *)

Section Entries.

Variables (c : certificate) (d : domain).
Let P := num_parameters c.

(** The first n values of f, and 0 behind them. *)
Definition firsts (n : nat) (f : nat -> d) (i : nat) : d := if (i < n)%N then f i else zero d.

Definition numbers (n : nat) (s : seq Z) : nat -> d := firsts n (fun i => number d (nth Z0 s i)).

Definition unit_direction (k : nat) : nat -> d :=
  firsts P (fun i => number d (if i == k then Zpos 1 else Z0)).

Definition direction (theta : nat -> d) (a : nat) : nat -> d :=
  firsts P (component theta (nth [::] (generators c) a)).

(** The entries of the two minors. *)
Definition jacobian_entry (theta : nat -> d) (a b : nat) : d :=
  let row := nth ([::], 0%N) (jacobian_rows c) a in
  tangent (program c) theta (unit_direction (nth 0%N (jacobian_columns c) b))
    (numbers (num_inputs c) row.1) row.2.

Definition generator_entry (theta : nat -> d) (a b : nat) : d :=
  direction theta (nth 0%N (generator_rows c) a) (nth 0%N (generator_columns c) b).

End Entries.

(** * What is checked *)

Definition is_zero (a : polynomials) : bool := if a is Pc Z0 then true else false.

(** The derivative of every output along the generator number a is the zero polynomial in
    parameters (the variables 0 to P - 1) and inputs (those from P on). *)
Definition annihilates (c : certificate) (a : nat) : bool :=
  let theta := firsts (num_parameters c) (fun i => variable i) in
  let x := firsts (num_inputs c) (fun i => variable (num_parameters c + i)) in
  let along := direction c theta a in
  all (fun value : dual polynomials => is_zero value.2)
    (last [::] (run (d := dual polynomials) (fun i => (theta i, along i))
                  (fun i => (x i, zero polynomials)) (program c))).

(** A B = 1 modulo p. *)
Definition inverse_modulo (p r : nat) (A : nat -> nat -> Z) (B : seq (seq Z)) : bool :=
  let rows := [seq [seq A a b | b <- iota 0 r] | a <- iota 0 r] in
  let columns := [seq [seq nth Z0 (nth [::] B l) b | l <- iota 0 r] | b <- iota 0 r] in
  all (fun a => all (fun b =>
    let sum := foldr Z.add Z0 [seq Z.mul u.1 u.2
                              | u <- zip (nth [::] rows a) (nth [::] columns b)] in
    Z.eqb (Z.modulo (Z.sub sum (if a == b then Zpos 1 else Z0)) (Z.of_nat p)) Z0)
    (iota 0 r)) (iota 0 r).

Definition check (c : certificate) (redundancy : nat) : bool :=
  let r := size (jacobian_rows c) in
  let theta := numbers integers (num_parameters c) (theta0 c) in
  [&& prime (prime_modulus c),
      (r + redundancy == num_parameters c)%N,
      size (generator_rows c) == redundancy,
      all (annihilates c) (iota 0 (size (generators c))),
      inverse_modulo (prime_modulus c) r (jacobian_entry c theta) (jacobian_inverse c)
    & inverse_modulo (prime_modulus c) redundancy (generator_entry c theta)
        (generator_inverse c)].

(** * What it means *)

Section Meaning.

Variables (c : certificate) (redundancy : nat).
Let P := num_parameters c.
Let r := size (jacobian_rows c).

(** The derivative by the parameters in the direction v, at theta, of the output o at x. *)
Definition derivative (R : comRingType) (theta v : 'rV[R]_P) (x : 'rV[R]_(num_inputs c)) o : R :=
  tangent (d := ring_domain R) (program c) (coordinates theta) (coordinates v) (coordinates x) o.

(** The generators at theta, as the rows of a matrix. *)
Definition generator_matrix (R : comRingType) (theta : 'rV[R]_P) :
    'M[R]_(size (generators c), P) :=
  \matrix_(a, k) component (d := ring_domain R) (coordinates theta) (nth [::] (generators c) a) k.

Definition jacobian_minor (R : comRingType) (theta : 'rV[R]_P) : R :=
  \det (\matrix_(a < r, b < r) jacobian_entry (d := ring_domain R) c (coordinates theta) a b).

Definition generator_minor (R : comRingType) (theta : 'rV[R]_P) : R :=
  \det (\matrix_(a < redundancy, b < redundancy)
          generator_entry (d := ring_domain R) c (coordinates theta) a b).

Definition integer_point (R : comRingType) (s : seq Z) n : 'rV[R]_n :=
  \row_i number (ring_domain R) (nth Z0 s i).

(** The generators are symmetries, over every ring and at every input. Over every field, wherever
    the two minors are not 0, the parameter directions along which no output changes at any input
    are their span, of dimension [redundancy]. Neither minor is 0 at theta0, so this holds off a
    proper algebraic subset. *)
Record complete : Prop := Complete {
  sound : forall (R : comRingType) (theta : 'rV[R]_P) a x o,
    derivative theta (row a (generator_matrix theta)) x o = 0;
  nothing_missing : forall (K : fieldType) (theta : 'rV[K]_P),
    jacobian_minor theta != 0 -> generator_minor theta != 0 ->
    \rank (generator_matrix theta) = redundancy
    /\ forall v : 'rV[K]_P,
         (forall x o, derivative theta v x o = 0) <-> (v <= generator_matrix theta)%MS;
  jacobian_minor_not_0 : jacobian_minor (integer_point [comRingType of rat] (theta0 c) P) != 0;
  generator_minor_not_0 : generator_minor (integer_point [comRingType of rat] (theta0 c) P) != 0
}.

Hypothesis checked : check c redundancy.

Lemma coordinates_row (R : comRingType) n (f : nat -> R) i :
  coordinates (\row_(j < n) f j) i = firsts (d := ring_domain R) n f i.
Proof.
by rewrite /coordinates /firsts; case: insubP => [j -> <-|/negPf ->] //; rewrite mxE.
Qed.

Lemma sound_of_check (R : comRingType) (theta : 'rV[R]_P) a x o :
  derivative theta (row a (generator_matrix theta)) x o = 0.
Proof.
have annihilated : annihilates c a.
  by case/and4P: checked => _ _ _ /and3P[/allP all_a _ _]; apply: all_a; rewrite mem_iota add0n ltn_ord.
pose l := [seq coordinates theta i | i <- iota 0 P]
          ++ [seq coordinates x i | i <- iota 0 (num_inputs c)].
pose h := at_point l.
have hom := at_point_morph l : morph h.
pose theta_s : nat -> polynomials := firsts P (fun i => variable i).
pose x_s : nat -> polynomials := firsts (num_inputs c) (fun i => variable (P + i)).
have same_theta i : h (theta_s i) = coordinates theta i.
  rewrite /theta_s /firsts; case: ltnP => [i_lt_P|P_le_i].
    rewrite /h at_point_variable nth_cat size_map size_iota i_lt_P.
    by rewrite (nth_map 0%N) ?size_iota // nth_iota.
  by rewrite (morph_zero hom) /coordinates insubN // -leqNgt.
have same_x i : h (x_s i) = coordinates x i.
  rewrite /x_s /firsts; case: ltnP => [i_lt_n|n_le_i].
    rewrite /h at_point_variable nth_cat size_map size_iota ltnNge leq_addr addKn /=.
    by rewrite (nth_map 0%N) ?size_iota // nth_iota.
  by rewrite (morph_zero hom) /coordinates insubN // -leqNgt.
have same_v i : h (direction c theta_s a i) = coordinates (row a (generator_matrix theta)) i.
  have -> : row a (generator_matrix theta) = \row_k component (d := ring_domain R)
      (coordinates theta) (nth [::] (generators c) a) k.
    by apply/rowP => k; rewrite !mxE.
  rewrite coordinates_row /direction /firsts; case: ifP => _; last exact: morph_zero.
  exact: (component_hom hom same_theta).
rewrite /derivative -(tangent_hom hom _ _ same_theta same_v same_x) /tangent.
have : is_zero (output (d := dual polynomials) (fun i => (theta_s i, direction c theta_s a i))
    (fun i => (x_s i, zero polynomials)) (program c) o).2.
  rewrite /output /entry; case: (ltnP o (size (last [::] (run (d := dual polynomials)
    (fun i => (theta_s i, direction c theta_s a i)) (fun i => (x_s i, zero polynomials))
    (program c))))) => [o_lt|le_o]; last by rewrite nth_default.
  by move/(all_nthP (zero (dual polynomials))): annihilated; apply.
by case: (_.2) => // [[]].
Qed.

(** * The minors *)

Lemma foldr_sum (R : comRingType) n (A B : nat -> Z) :
  number (ring_domain R) (foldr Z.add Z0 [seq Z.mul (A l) (B l) | l <- iota 0 n])
  = \sum_(l < n) number (ring_domain R) (A l) * number (ring_domain R) (B l).
Proof.
have hom := integers_morph R.
rewrite -(big_mkord xpredT (fun l => number (ring_domain R) (A l) * number (ring_domain R) (B l))).
rewrite /index_iota subn0; elim: (iota 0 n) => [|l s IH]; first by rewrite big_nil.
rewrite big_cons -IH /=; move: (foldr _ _ _) => rest.
by move: (morph_add hom (Z.mul (A l) (B l)) rest) (morph_mul hom (A l) (B l)) => /= -> ->.
Qed.

Lemma number_nat (R : comRingType) n : number (ring_domain R) (Z.of_nat n) = n%:R.
Proof.
case: (num_morph R) => m0 m1 mD _ _ _ _; elim: n => [|n IH]; first exact: m0.
by rewrite Nat2Z.inj_succ -Z.add_1_r mD IH m1 -addn1 natrD.
Qed.

Lemma inverse_modulo_minor p n (A : nat -> nat -> Z) (B : seq (seq Z)) :
  prime p -> inverse_modulo p n A B ->
  \det (\matrix_(a < n, b < n) number (ring_domain [comRingType of rat]) (A a b)) != 0.
Proof.
move=> p_prime inverse.
pose num := number (ring_domain [comRingType of 'F_p]).
case: (num_morph [comRingType of 'F_p]) => num0 num1 numD numB numM _ _.
have product : (\matrix_(a < n, b < n) num (A a b))
    *m (\matrix_(a < n, b < n) num (nth Z0 (nth [::] B a) b)) = 1%:M.
  apply/matrixP => a b; rewrite !mxE.
  transitivity (num (foldr Z.add Z0 [seq Z.mul (A a l) (nth Z0 (nth [::] B l) b) | l <- iota 0 n])).
    by rewrite /num foldr_sum; apply: eq_bigr => l _; rewrite !mxE.
  have /allP/(_ (a : nat)) : inverse_modulo p n A B by [].
  rewrite mem_iota add0n ltn_ord => /(_ isT)/allP/(_ (b : nat)).
  rewrite mem_iota add0n ltn_ord => /(_ isT)/Z.eqb_eq.
  rewrite (nth_map 0%N) ?size_iota // nth_iota // add0n (nth_map 0%N) ?size_iota // nth_iota //.
  rewrite add0n zip_map -map_comp /= => /Z.mod_divide [|q].
    by case: (p) p_prime.
  move/(congr1 num); rewrite /num numB numM number_nat char_Fp_0 // mulr0 => /subr0_eq ->.
  by rewrite -val_eqE /=; case: eqP.
pose A_int : 'M[int]_n := \matrix_(a, b) int_of (A a b).
have : (n <= \rank (map_mx intr A_int : 'M[rat]_n))%N.
  apply: (@minor_mod_p_bounds_rank p n n n A_int id id); rewrite mxsub_id.
  apply/eqP => zero_minor; have := congr1 determinant product; rewrite det_mulmx det1.
  rewrite (_ : \matrix_(a, b) _ = map_mx intr A_int); last by apply/matrixP => a b; rewrite !mxE.
  by rewrite zero_minor mul0r => /esym/eqP; rewrite oner_eq0.
rewrite -unitfE -unitmxE -row_free_unit /row_free eqn_leq rank_leq_row /=.
by rewrite (_ : \matrix_(a, b) _ = map_mx intr A_int) //; apply/matrixP => a b; rewrite !mxE.
Qed.

Lemma coordinates_integer_point (R : comRingType) (s : seq Z) n i :
  coordinates (integer_point R s n) i = numbers (ring_domain R) n s i.
Proof. exact: coordinates_row. Qed.

Lemma numbers_hom (R : comRingType) (s : seq Z) n i :
  number (ring_domain R) (numbers integers n s i) = coordinates (integer_point R s n) i.
Proof.
by rewrite coordinates_integer_point /numbers /firsts; case: ifP.
Qed.

Lemma unit_direction_hom (R : comRingType) k i :
  number (ring_domain R) (unit_direction c integers k i) = unit_direction c (ring_domain R) k i.
Proof. by rewrite /unit_direction /firsts; case: ifP => // _; case: ifP. Qed.

Lemma minors_not_0 : jacobian_minor (integer_point [comRingType of rat] (theta0 c) P) != 0
  /\ generator_minor (integer_point [comRingType of rat] (theta0 c) P) != 0.
Proof.
case/and4P: checked => p_prime _ _ /and3P[_ inverse_J inverse_G].
have hom := integers_morph [comRingType of rat].
split; rewrite /jacobian_minor /generator_minor.
- rewrite (_ : \matrix_(a, b) _ = \matrix_(a < r, b < r) number (ring_domain [comRingType of rat])
      (jacobian_entry c (numbers integers P (theta0 c)) a b)).
    exact: inverse_modulo_minor p_prime inverse_J.
  apply/matrixP => a b; rewrite !mxE; apply/esym/(tangent_hom hom) => i.
  + exact: numbers_hom.
  + exact: unit_direction_hom.
  + by rewrite numbers_hom coordinates_integer_point.
- rewrite (_ : \matrix_(a, b) _ = \matrix_(a < redundancy, b < redundancy)
      number (ring_domain [comRingType of rat])
        (generator_entry c (numbers integers P (theta0 c)) a b)).
    exact: inverse_modulo_minor p_prime inverse_G.
  apply/matrixP => a b; rewrite !mxE /generator_entry /direction /firsts.
  case: ifP => _; last by apply/esym/(morph_zero hom).
  by apply/esym/(component_hom hom) => i; apply: numbers_hom.
Qed.

(** * The sandwich closes *)

Section AtTheta.

Variables (K : fieldType) (theta : 'rV[K]_P).
Let G := generator_matrix theta.

Definition gradient x o : 'cV[K]_P := \col_i derivative theta (delta_mx 0 i) x o.

Lemma derivative_gradient v x o : derivative theta v x o = (v *m gradient x o) 0 0.
Proof.
by rewrite mxE {1}/derivative tangent_sum; apply: eq_bigr => i _; rewrite !mxE.
Qed.

(** Generators are null directions, and so is all of their span. *)
Lemma span_is_null v x o : (v <= G)%MS -> derivative theta v x o = 0.
Proof.
case/submxP => u ->; rewrite derivative_gradient -mulmxA (_ : G *m _ = 0) ?mulmx0 ?mxE //.
apply/colP => a; rewrite [RHS]mxE -[RHS](sound_of_check theta a x o) derivative_gradient -row_mul.
by rewrite [RHS]mxE.
Qed.

Let input_row (a : nat) := nth ([::], 0%N) (jacobian_rows c) a.

(** The Jacobian at the inputs of the certificate: r rows. *)
Definition jacobian : 'M[K]_(r, P) :=
  \matrix_(a, i) (gradient (integer_point K (input_row a).1 _) (input_row a).2) i 0.

Lemma jacobian_times (v : 'rV[K]_P) (a : 'I_r) :
  (jacobian *m v^T) a 0 = derivative theta v (integer_point K (input_row a).1 _) (input_row a).2.
Proof.
by rewrite derivative_gradient !mxE; apply: eq_bigr => i _; rewrite !mxE mulrC.
Qed.

Lemma rank_jacobian : jacobian_minor theta != 0 -> (r <= \rank jacobian)%N.
Proof.
pose C : 'M[K]_(P, r) :=
  \matrix_(i, b) unit_direction c (ring_domain K) (nth 0%N (jacobian_columns c) b) i.
have -> : jacobian_minor theta = \det (jacobian *m C).
  rewrite /jacobian_minor; congr (\det _); apply/matrixP => a b.
  have := jacobian_times (\row_i C i b) a; rewrite [LHS]mxE => entry_ab.
  rewrite [RHS]mxE (eq_bigr (fun i => jacobian a i * (\row_i C i b)^T i 0)); last first.
    by move=> i _; rewrite !mxE.
  rewrite entry_ab mxE /derivative /jacobian_entry.
  have id_morph : morph (id : ring_domain K -> ring_domain K) by [].
  apply: (tangent_hom id_morph) => i //=; last by rewrite coordinates_integer_point.
  rewrite /coordinates /unit_direction /firsts.
  case: insubP => [j -> <-|/negPf -> //]; by rewrite !mxE /unit_direction /firsts ltn_ord.
rewrite -unitfE -unitmxE => /mxrank_unit {1}<-; exact: mxrankM_maxl.
Qed.

Lemma sum_pick n (f : nat -> K) k :
  \sum_(i < n) f i * (i == k :> nat)%:R = if (k < n)%N then f k else 0.
Proof.
case: ltnP => [k_lt|n_le]; last first.
  by apply: big1 => i _; rewrite ltn_eqF ?mulr0 // (leq_trans (ltn_ord i)).
rewrite (bigD1 (Ordinal k_lt)) //= eqxx mulr1 big1 ?addr0 // => i i_not_k.
by rewrite -[k]/(val (Ordinal k_lt)) val_eqE (negPf i_not_k) mulr0.
Qed.

Lemma rank_generators : generator_minor theta != 0 -> (redundancy <= \rank G)%N.
Proof.
pose chosen : 'M[K]_(redundancy, size (generators c)) :=
  \matrix_(a, s) (s == nth 0%N (generator_rows c) a :> nat)%:R.
pose C : 'M[K]_(P, redundancy) :=
  \matrix_(i, b) (i == nth 0%N (generator_columns c) b :> nat)%:R.
have -> : generator_minor theta = \det (chosen *m (G *m C)).
  rewrite /generator_minor; congr (\det _); apply/matrixP => a b; rewrite !mxE.
  pose k := nth 0%N (generator_columns c) b.
  pose f s := direction c (d := ring_domain K) (coordinates theta) s k.
  have -> : \sum_s chosen a s * (G *m C) s b
            = \sum_(s < size (generators c)) f s * (s == nth 0%N (generator_rows c) a :> nat)%:R.
    apply: eq_bigr => s _; rewrite !mxE mulrC; congr (_ * _).
    pose g := component (d := ring_domain K) (coordinates theta) (nth [::] (generators c) s).
    rewrite -[RHS]/(if (k < P)%N then g k else 0) -sum_pick; apply: eq_bigr => i _.
    by rewrite !mxE.
  rewrite sum_pick /generator_entry /f; case: ltnP => // beyond.
  by rewrite /direction nth_default // /firsts; case: ifP.
rewrite -unitfE -unitmxE => /mxrank_unit {1}<-.
exact: leq_trans (mxrankM_maxr _ _) (mxrankM_maxl _ _).
Qed.

Theorem sandwich_at : jacobian_minor theta != 0 -> generator_minor theta != 0 ->
  \rank G = redundancy
  /\ forall v : 'rV[K]_P, (forall x o, derivative theta v x o = 0) <-> (v <= G)%MS.
Proof.
move=> minor_J minor_G; have /and4P[_ /eqP sizes _ _] := checked.
have rest : (P - r)%N = redundancy by rewrite /P -sizes addKn.
have annihilated : jacobian *m G^T = 0.
  apply/matrixP => a b; rewrite [RHS]mxE -(span_is_null (integer_point K (input_row a).1 _) (input_row a).2 (row_sub b G)).
  by rewrite -jacobian_times !mxE; apply: eq_bigr => i _; rewrite !mxE.
case: (sandwich annihilated (rank_jacobian minor_J)) => [|_ rank_G kernel].
  by rewrite rest rank_generators.
split=> [|v]; first by rewrite rank_G.
split=> [null|v_in_G x o]; last exact: span_is_null.
rewrite -kernel; apply/eqP/colP => a; rewrite jacobian_times null mxE //.
Qed.

End AtTheta.


Theorem check_correct : complete.
Proof.
case: minors_not_0 => minor_J minor_G.
split=> // [R theta a x o|K theta]; [exact: sound_of_check|exact: sandwich_at].
Qed.

End Meaning.
