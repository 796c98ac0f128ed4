(** Polynomial networks: programs, their value over any domain, and their derivative.

    A program is read as symgauge writes it, one op a line. Its value is defined once, over any
    domain of numbers; dual numbers give the derivative, normal forms of polynomials give
    identities. What moves between domains is one lemma, [outputs_hom]. *)

From Coq Require Import ZArith BinList Ring_polynom InitialRing.
From mathcomp Require Import all_ssreflect all_algebra.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import GRing.Theory.
Local Open Scope ring_scope.

(** * Domains *)

Record domain := Domain {
  carrier :> Type;
  zero : carrier;
  add : carrier -> carrier -> carrier;
  mul : carrier -> carrier -> carrier;
  number : Z -> carrier
}.

Record morph (d e : domain) (h : d -> e) : Prop := Morph {
  morph_zero : h (zero d) = zero e;
  morph_add : forall a b, h (add a b) = add (h a) (h b);
  morph_mul : forall a b, h (mul a b) = mul (h a) (h b);
  morph_number : forall z, h (number d z) = number e z
}.

(** Binary integers, to compute with. *)
Definition integers := Domain Z0 Z.add Z.mul id.

(** A commutative ring, to state theorems of. *)
Definition int_of : Z -> int := gen_phiZ 0 1 +%R *%R -%R.
Arguments int_of : simpl never.

Definition ring_domain (R : comRingType) : domain :=
  Domain (0 : R) +%R *%R (fun z => (int_of z)%:~R).

(** Dual numbers a + a' e, e^2 = 0. *)
Definition dual (d : domain) : domain := @Domain (d * d)
  (zero d, zero d)
  (fun a b => (add a.1 b.1, add a.2 b.2))
  (fun a b => (mul a.1 b.1, add (mul a.1 b.2) (mul a.2 b.1)))
  (fun z => (number d z, zero d)).

(** Polynomials over Z in normal form, of Coq's standard library. *)
Definition polynomials : domain := @Domain (Pol Z)
  (P0 Z0) (Padd Z0 Z.add Zeq_bool) (Pmul Z0 (Zpos 1) Z.add Z.mul Zeq_bool) (@Pc Z).
Definition variable (i : nat) : polynomials := mk_X Z0 (Zpos 1) (Pos.of_succ_nat i).

(** * Programs *)

(** Tensors are lists of entries, row-major. The lines of a program are numbered from 0. *)
Inductive line :=
  | Theta (first size : nat)  (* coordinates of theta, from the first on *)
  | Input (first size : nat)
  | Reshape (a : nat)
  | Transpose (a m n : nat)  (* of an m x n matrix *)
  | Matmul (a b m k n : nat)  (* m x k times k x n *)
  | Add (a b : nat)
  | Mul (a b : nat)  (* entry by entry *)
  | Power (a exponent : nat).

(** A vector field on the parameters: terms c theta_i theta_j ... d/d theta_k. *)
Record term := Term { moved : nat; coefficient : Z; factors : seq nat }.

Section Values.

Variable d : domain.
Implicit Types v w : seq d.

Definition entry v (i : nat) : d := nth (zero d) v i.
Definition total v : d := foldr (@add d) (zero d) v.
Definition product v : d := foldr (@mul d) (number d (Zpos 1)) v.

Variables theta x : nat -> d.

Definition line_value (values : seq (seq d)) (l : line) : seq d :=
  let value a := nth [::] values a in
  match l with
  | Theta first size => [seq theta i | i <- iota first size]
  | Input first size => [seq x i | i <- iota first size]
  | Reshape a => value a
  | Transpose a m n => [seq entry (value a) (i * n + j) | j <- iota 0 n, i <- iota 0 m]
  | Matmul a b m k n =>
      [seq total [seq mul (entry (value a) (i * k + l)) (entry (value b) (l * n + j))
                 | l <- iota 0 k] | i <- iota 0 m, j <- iota 0 n]
  | Add a b => [seq add u.1 u.2 | u <- zip (value a) (value b)]
  | Mul a b => [seq mul u.1 u.2 | u <- zip (value a) (value b)]
  | Power a exponent => [seq product (nseq exponent u) | u <- value a]
  end.

Definition run (program : seq line) : seq (seq d) :=
  foldl (fun values l => rcons values (line_value values l)) [::] program.

(** The entry number o of the program's last line. *)
Definition output (program : seq line) (o : nat) : d := entry (last [::] (run program)) o.

(** The component k of a vector field at theta. *)
Definition component (field : seq term) (k : nat) : d :=
  total [seq mul (number d (coefficient t)) (product [seq theta j | j <- factors t])
        | t <- field & moved t == k].

End Values.

(** The derivative of the output o in the direction v of the parameters. *)
Definition tangent (d : domain) (program : seq line) (theta v x : nat -> d) (o : nat) : d :=
  (output (d := dual d) (fun i => (theta i, v i)) (fun i => (x i, zero d)) program o).2.

(** * A homomorphism of domains goes through programs *)

Section Homomorphism.

Variables (d e : domain) (h : d -> e).
Hypothesis hom : morph h.
Variables (theta x : nat -> d) (theta' x' : nat -> e).
Hypothesis same_theta : forall i, h (theta i) = theta' i.
Hypothesis same_x : forall i, h (x i) = x' i.

Lemma entry_hom v i : h (entry v i) = entry [seq h a | a <- v] i.
Proof. by elim: v i => [|a v IH] [|i] //=; rewrite ?morph_zero // IH. Qed.

Lemma total_hom v : h (total v) = total [seq h a | a <- v].
Proof. by elim: v => [|a v IH] /=; rewrite ?morph_zero // morph_add // IH. Qed.

Lemma product_hom v : h (product v) = product [seq h a | a <- v].
Proof. by elim: v => [|a v IH] /=; rewrite ?morph_number // morph_mul // IH. Qed.

Lemma line_value_hom values l :
  [seq h a | a <- line_value theta x values l]
  = line_value theta' x' [seq [seq h a | a <- v] | v <- values] l.
Proof.
have at_line a : nth [::] [seq [seq h b | b <- v] | v <- values] a
                 = [seq h b | b <- nth [::] values a].
  by elim: values a => [|v values IH] [|a] //=.
case: l => [first size|first size|a|a m n|a b m k n|a b|a b|a k] /=; rewrite ?at_line //.
- by rewrite -map_comp; apply: eq_map => i; apply: same_theta.
- by rewrite -map_comp; apply: eq_map => i; apply: same_x.
- rewrite map_flatten -map_comp; congr flatten; apply: eq_map => j /=.
  by rewrite -map_comp; apply: eq_map => i; apply: entry_hom.
- rewrite map_flatten -map_comp; congr flatten; apply: eq_map => i /=.
  rewrite -map_comp; apply: eq_map => j /=; rewrite total_hom -map_comp; congr total.
  by apply: eq_map => s /=; rewrite morph_mul // !entry_hom.
- elim: (nth _ values a) (nth _ values b) => [|u v IH] [|w z] //=.
  by rewrite morph_add // IH.
- elim: (nth _ values a) (nth _ values b) => [|u v IH] [|w z] //=.
  by rewrite morph_mul // IH.
- rewrite -!map_comp; apply: eq_map => u /=.
  by rewrite product_hom map_nseq.
Qed.

Theorem output_hom program o : h (output theta x program o) = output theta' x' program o.
Proof.
rewrite /output entry_hom; congr (entry _ o).
suff -> : run theta' x' program = [seq [seq h a | a <- v] | v <- run theta x program].
  by elim/last_ind: (run _ _ _) => //= values v _; rewrite map_rcons !last_rcons.
rewrite /run; elim/last_ind: program => //= program l IH.
by rewrite !foldl_rcons IH map_rcons line_value_hom.
Qed.

Lemma component_hom field k : h (component theta field k) = component theta' field k.
Proof.
rewrite /component total_hom -map_comp; congr total; apply: eq_map => t /=.
rewrite morph_mul // morph_number // product_hom -map_comp; congr (mul _ (product _)).
by apply: eq_map => i /=; rewrite same_theta.
Qed.

End Homomorphism.

Lemma tangent_hom (d e : domain) (h : d -> e) (hom : morph h) program
    (theta v x : nat -> d) (theta' v' x' : nat -> e) o :
  (forall i, h (theta i) = theta' i) -> (forall i, h (v i) = v' i) ->
  (forall i, h (x i) = x' i) ->
  h (tangent program theta v x o) = tangent program theta' v' x' o.
Proof.
move=> same_theta same_v same_x; rewrite /tangent.
pose H (a : dual d) : dual e := (h a.1, h a.2).
have homH : morph H.
  case: hom => h0 hD hM hN; split=> [|[a a'] [b b']|[a a'] [b b']|z];
  by rewrite /H /= ?h0 ?hD ?hM ?hN.
rewrite -[LHS]/(H (output _ _ _ _)).2; congr (_.2).
by apply: (output_hom homH) => i; rewrite /H /= ?same_theta ?same_v ?same_x ?(morph_zero hom).
Qed.

(** * Integers in a ring, polynomials at a point *)

Lemma ring_laws (R : comRingType) :
  ring_theory 0 1 +%R *%R (fun a b => a - b) -%R (@eq R).
Proof.
split.
- exact: add0r.
- exact: addrC.
- exact: addrA.
- exact: mul1r.
- exact: mulrC.
- exact: mulrA.
- exact: mulrDl.
- by [].
- exact: subrr.
Qed.

Section Integers.

Variable R : comRingType.
Let num : Z -> R := number (ring_domain R).

Lemma int_of_morph : ring_morph 0 1 +%R *%R (fun a b : int => a - b) -%R eq
  Z0 (Zpos 1) Z.add Z.mul Z.sub Z.opp Zeq_bool int_of.
Proof. exact: gen_phiZ_morph (Eqsth _) (Eq_ext _ _ _) (ring_laws _). Qed.

Lemma num_morph : ring_morph 0 1 +%R *%R (fun a b => a - b) -%R eq
  Z0 (Zpos 1) Z.add Z.mul Z.sub Z.opp Zeq_bool num.
Proof.
case: int_of_morph => m0 m1 mD mB mM mN meq.
split; rewrite /num /=.
- by rewrite m0.
- by rewrite m1.
- by move=> a b; rewrite mD rmorphD.
- by move=> a b; rewrite mB rmorphB.
- by move=> a b; rewrite mM rmorphM.
- by move=> a; rewrite mN rmorphN.
- by move=> a b /Zeq_bool_eq ->.
Qed.

Lemma integers_morph : morph (d := integers) (e := ring_domain R) num.
Proof. by case: num_morph => m0 m1 mD mB mM mN meq; split. Qed.

(** The value of a polynomial at the point l. *)
Definition at_point (l : seq R) : polynomials -> ring_domain R :=
  Pphi 0 +%R *%R num l.

Let almost := Rth_ARth (Eqsth R) (Eq_ext _ _ _) (ring_laws R).

Lemma at_point_morph l : morph (at_point l).
Proof.
split=> [|a b|a b|//]; rewrite /at_point.
- exact: (Pphi0 num_morph).
- exact: (Padd_ok (Eqsth R) (Eq_ext _ _ _) almost num_morph).
- exact: (Pmul_ok (Eqsth R) (Eq_ext _ _ _) almost num_morph).
Qed.

Lemma at_point_variable l i : at_point l (variable i) = nth 0 l i.
Proof.
rewrite /at_point /variable -(mkX_ok (Eqsth R) (Eq_ext _ _ _) almost num_morph).
have next j m : BinList.nth 0 (Pos.succ j) m = BinList.nth 0 j (tl m).
  by elim: j m => [j IH|j IH|] m //=; rewrite IH jump_succ /= !jump_tl.
elim: i l => [|i IH] [|a l] //=; last by rewrite next IH.
by rewrite next IH nth_nil.
Qed.

End Integers.

(** * The derivative *)

(** The entries of a row, 0 beyond its end. *)
Definition coordinates (R : ringType) n (v : 'rV[R]_n) (i : nat) : R :=
  if insub i is Some j then v 0 j else 0.

Section Derivative.

Variable R : comRingType.
Implicit Types theta v x : nat -> R.

(** Dual numbers give the derivative: the coefficients of e^0 and e^1 in f(theta + e v). *)
Theorem tangent_is_derivative program theta v x o :
  let f := output (d := ring_domain [comRingType of {poly R}])
             (fun i => (theta i)%:P + 'X * (v i)%:P) (fun i => (x i)%:P) program o in
  f`_0 = output (d := ring_domain R) theta x program o
  /\ f`_1 = tangent (d := ring_domain R) program theta v x o.
Proof.
set f := output _ _ _ _; rewrite /tangent /=.
pose h (q : ring_domain [comRingType of {poly R}]) : dual (ring_domain R) := (q`_0, q`_1).
have homh : morph h.
  split=> [|a b|a b|z]; rewrite /h /= ?coef0 ?coefD //.
  - by rewrite !coefM big_ord_recl big_ord0 addr0 !big_ord_recl big_ord0 /= addr0.
  - by rewrite -(rmorph_int (polyC_rmorphism R)) !coefC.
have first : morph (fst : dual (ring_domain R) -> ring_domain R) by [].
have := output_hom homh (theta' := fun i => (theta i, v i)) (x' := fun i => (x i, 0)) _ _ program o.
move=> dual_f; rewrite -/f in dual_f.
have {dual_f} : h f = output (d := dual (ring_domain R))
    (fun i => (theta i, v i)) (fun i => (x i, 0)) program o.
  apply: dual_f => i; rewrite /h /= ?coefC //.
  by rewrite !coefD !coefXM /= !coefC /= add0r addr0.
move=> dual_f; split; last by rewrite -dual_f.
by rewrite -[LHS]/((h f).1) dual_f (output_hom first (theta' := theta) (x' := x)).
Qed.

(** A tangent is linear in the direction. *)
Lemma tangent_sum program theta P (v : 'rV[R]_P) x o :
  tangent (d := ring_domain R) program theta (coordinates v) x o
  = \sum_(i < P) v 0 i
      * tangent (d := ring_domain R) program theta (coordinates (delta_mx 0 i : 'rV_P)) x o.
Proof.
(* values with their gradients *)
pose gradients := @Domain (R * ('I_P -> R)) (0, fun=> 0)
  (fun a b => (a.1 + b.1, fun i => a.2 i + b.2 i))
  (fun a b => (a.1 * b.1, fun i => a.1 * b.2 i + a.2 i * b.1))
  (fun z => (number (ring_domain R) z, fun=> 0)).
pose along (w : 'rV[R]_P) (a : gradients) : dual (ring_domain R) :=
  (a.1, \sum_(i < P) w 0 i * a.2 i).
have hom w : morph (along w).
  split=> [|a b|a b|z]; rewrite /along /=.
  - by rewrite big1 // => i _; rewrite mulr0.
  - by rewrite -big_split; congr (_, _); apply: eq_bigr => i _; rewrite mulrDr.
  - rewrite mulr_sumr mulr_suml -big_split; congr (_, _); apply: eq_bigr => i _ /=.
    by rewrite mulrDr mulrCA !mulrA.
  - by rewrite big1 // => i _; rewrite mulr0.
pose f := output (d := gradients)
  (fun k => (theta k, fun i : 'I_P => (k == i)%:R)) (fun k => (x k, fun=> 0)) program o.
have tangent_along w : tangent (d := ring_domain R) program theta (coordinates w) x o
                       = (along w f).2.
  rewrite /tangent; congr (_.2); apply/esym/(output_hom (hom w)) => k; rewrite /along /=.
    congr (_, _); rewrite /coordinates; case: insubP => [j _ <-|/negP big].
      rewrite (bigD1 j) //= eqxx mulr1 big1 ?addr0 // => i /negPf.
      by rewrite eq_sym -val_eqE => ->; rewrite mulr0.
    rewrite big1 // => i _; case: eqP => [k_is_i|]; last by rewrite mulr0.
    by case: big; rewrite k_is_i.
  by rewrite big1 // => i _; rewrite mulr0.
rewrite tangent_along /along /=; apply: eq_bigr => i _; rewrite tangent_along /along /=.
congr (_ * _); rewrite (bigD1 i) //= mxE !eqxx mul1r big1 ?addr0 // => j /negPf j_not_i.
by rewrite mxE j_not_i mul0r.
Qed.

End Derivative.
