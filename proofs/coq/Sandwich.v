(** The sandwich: what the ranks of a Jacobian J and of generators G prove.

    Proved here: a minor that is not 0 modulo p, or at a point, bounds the rank over the rationals,
    or over the rational functions, from below; generators bound it from above; where the bounds
    meet, the generators span the whole kernel of J. *)

From mathcomp Require Import all_ssreflect all_algebra.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import GRing.Theory.
Local Open Scope ring_scope.

(** A minor of r rows and r columns that is not 0 bounds the rank from below. *)
Lemma minor_bounds_rank (F : fieldType) m n r (A : 'M[F]_(m, n))
    (rows : 'I_r -> 'I_m) (columns : 'I_r -> 'I_n) :
  \det (mxsub rows columns A) != 0 -> (r <= \rank A)%N.
Proof.
rewrite -unitfE -unitmxE => /mxrank_unit {1}<-.
have -> : mxsub rows columns A = rowsub rows 1%:M *m A *m colsub columns 1%:M.
  by rewrite mul_rowsub_mx mul1mx mulmx_colsub mulmx1 mxsubcr.
exact: leq_trans (mxrankM_maxl _ _) (mxrankM_maxr _ _).
Qed.

(** Specialisation lowers the rank: a minor that is not 0 where the entries are seen through a
    homomorphism h (modulo p, at a point, at the start of a curve) bounds the rank in each field K
    that contains the ring D of the entries. *)
Theorem specialised_minor_bounds_rank (D : comRingType) (R : comRingType) (K : fieldType)
    (h : {rmorphism D -> R}) (i : {rmorphism D -> K}) m n r (A : 'M[D]_(m, n))
    (rows : 'I_r -> 'I_m) (columns : 'I_r -> 'I_n) :
  injective i -> \det (mxsub rows columns (map_mx h A)) != 0 -> (r <= \rank (map_mx i A))%N.
Proof.
move=> i_inj minor; apply: (minor_bounds_rank (rows := rows) (columns := columns)).
rewrite -map_mxsub det_map_mx -(rmorph0 i) (inj_eq i_inj).
by apply: contraNneq minor => zero; rewrite -map_mxsub det_map_mx zero rmorph0.
Qed.

(** (a) A minor of an integer matrix that is not 0 modulo p bounds its rank over the rationals. *)
Theorem minor_mod_p_bounds_rank p m n r (A : 'M[int]_(m, n))
    (rows : 'I_r -> 'I_m) (columns : 'I_r -> 'I_n) :
  \det (mxsub rows columns (map_mx intr A) : 'M['F_p]_r) != 0 ->
  (r <= \rank (map_mx intr A : 'M[rat]_(m, n)))%N.
Proof. exact: specialised_minor_bounds_rank intr_inj. Qed.

(** (b) Where J G^T = 0, rank J >= r and rank G >= P - r, both are equalities, and the rows of G
    span the kernel of J. *)
Theorem sandwich (F : fieldType) m k P r (J : 'M[F]_(m, P)) (G : 'M[F]_(k, P)) :
  J *m G^T = 0 -> (r <= \rank J)%N -> (P - r <= \rank G)%N ->
  [/\ \rank J = r, \rank G = (P - r)%N
    & forall v : 'rV[F]_P, (J *m v^T == 0) = (v <= G)%MS].
Proof.
move=> JG rank_J rank_G.
have r_le_P : (r <= P)%N := leq_trans rank_J (rank_leq_col J).
have upper : (\rank J + \rank G <= P)%N by rewrite -(mxrank_tr G) mulmx0_rank_max.
have J_is_r : \rank J = r.
  apply/eqP; rewrite eqn_leq rank_J andbT -(leq_add2r (P - r)) subnKC //.
  exact: leq_trans (leq_add (leqnn _) rank_G) upper.
have G_is_rest : \rank G = (P - r)%N.
  by apply/eqP; rewrite eqn_leq rank_G andbT leq_subRL // -{1}J_is_r.
have G_in_kernel : (G <= kermx J^T)%MS.
  by rewrite sub_kermx -trmx_eq0 trmx_mul trmxK JG.
have same : (G == kermx J^T)%MS.
  by rewrite -(geq_leqif (mxrank_leqif_eq G_in_kernel)) mxrank_ker mxrank_tr G_is_rest J_is_r.
split=> // v.
by rewrite (eqmxP same) sub_kermx -trmx_eq0 trmx_mul trmxK.
Qed.
