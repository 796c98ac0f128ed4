(** The certificate square_mlp.json, written by export.py. *)

From Coq Require Import ZArith.
From mathcomp Require Import all_ssreflect all_algebra.
From symgauge Require Import Network Certificate.
Delimit Scope Z_scope with z.
Local Open Scope nat_scope.

Definition square_mlp : certificate := {|
  program := [::
    (* 0 *) Theta 0 6;
    (* 1 *) Theta 6 2;
    (* 2 *) Theta 8 4;
    (* 3 *) Theta 12 2;
    (* 4 *) Input 0 3;
    (* 5 *) Transpose 0 2 3;
    (* 6 *) Matmul 4 5 1 3 2;
    (* 7 *) Reshape 1;
    (* 8 *) Add 6 7;
    (* 9 *) Power 8 2;
    (* 10 *) Transpose 2 2 2;
    (* 11 *) Matmul 9 10 1 2 2;
    (* 12 *) Reshape 3;
    (* 13 *) Add 11 12
  ];
  num_parameters := 14;
  num_inputs := 3;
  generators := [::
    [:: Term 0 1%z [:: 0]; Term 1 1%z [:: 1]; Term 2 1%z [:: 2]; Term 6 1%z [:: 6]; Term 8 (-2)%z [:: 8]; Term 10 (-2)%z [:: 10]];
    [:: Term 3 1%z [:: 3]; Term 4 1%z [:: 4]; Term 5 1%z [:: 5]; Term 7 1%z [:: 7]; Term 9 (-2)%z [:: 9]; Term 11 (-2)%z [:: 11]]
  ];
  theta0 := [:: 1; 1; (-5); (-1); 3; 2; 1; (-1); 2; 0; 4; (-2); 3; (-3)]%z;
  prime_modulus := 1009;
  jacobian_rows := [::
    ([:: (-1); (-3); (-4)]%z, 0);
    ([:: (-1); (-3); (-4)]%z, 1);
    ([:: 4; (-1); 3]%z, 0);
    ([:: 4; (-1); 3]%z, 1);
    ([:: 4; (-3); (-1)]%z, 0);
    ([:: 4; (-3); (-1)]%z, 1);
    ([:: (-4); (-4); 5]%z, 0);
    ([:: (-4); (-4); 5]%z, 1);
    ([:: 0; 2; 3]%z, 0);
    ([:: 0; 2; 3]%z, 1);
    ([:: (-4); 0; 1]%z, 0);
    ([:: (-4); 0; 1]%z, 1)
  ];
  jacobian_columns := [:: 0; 3; 1; 4; 2; 5; 6; 7; 9; 8; 12; 13];
  jacobian_inverse := [::
    [:: 843; 572; 778; 937; 14; 519; 165; 571; 382; 679; 845; 758]%z;
    [:: 220; 302; 99; 286; 570; 67; 302; 74; 44; 884; 783; 405]%z;
    [:: 321; 572; 45; 937; 95; 519; 535; 571; 798; 679; 224; 758]%z;
    [:: 979; 797; 985; 519; 349; 283; 550; 59; 920; 858; 253; 511]%z;
    [:: 859; 167; 871; 360; 373; 432; 691; 172; 635; 641; 607; 246]%z;
    [:: 834; 777; 361; 662; 590; 10; 68; 525; 135; 643; 30; 410]%z;
    [:: 932; 572; 653; 937; 690; 519; 711; 571; 354; 679; 696; 758]%z;
    [:: 226; 299; 931; 879; 528; 88; 375; 542; 518; 647; 449; 572]%z;
    [:: 639; 0; 333; 0; 399; 0; 900; 0; 597; 0; 159; 0]%z;
    [:: 540; 739; 433; 288; 116; 951; 532; 743; 387; 311; 10; 1004]%z;
    [:: 782; 0; 930; 0; 699; 0; 493; 0; 572; 0; 561; 0]%z;
    [:: 289; 133; 35; 408; 848; 275; 909; 543; 269; 942; 677; 727]%z
  ];
  generator_rows := [:: 0; 1];
  generator_columns := [:: 0; 3];
  generator_inverse := [::
    [:: 1; 0]%z;
    [:: 0; 1008]%z
  ]
|}.

(** 14 parameters, redundancy 2. *)
Theorem square_mlp_complete : complete square_mlp 2.
Proof. by apply: check_correct; vm_compute. Qed.
