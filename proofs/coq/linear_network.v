(** The certificate linear_network.json, written by export.py. *)

From Coq Require Import ZArith.
From mathcomp Require Import all_ssreflect all_algebra.
From symgauge Require Import Network Certificate.
Delimit Scope Z_scope with z.
Local Open Scope nat_scope.

Definition linear_network : certificate := {|
  program := [::
    (* 0 *) Theta 0 12;
    (* 1 *) Theta 12 8;
    (* 2 *) Input 0 3;
    (* 3 *) Transpose 0 4 3;
    (* 4 *) Matmul 2 3 1 3 4;
    (* 5 *) Transpose 1 2 4;
    (* 6 *) Matmul 4 5 1 4 2
  ];
  num_parameters := 20;
  num_inputs := 3;
  generators := [::
    [:: Term 0 1%z [:: 0]; Term 1 1%z [:: 1]; Term 2 1%z [:: 2]; Term 12 (-1)%z [:: 12]; Term 16 (-1)%z [:: 16]];
    [:: Term 0 1%z [:: 3]; Term 1 1%z [:: 4]; Term 2 1%z [:: 5]; Term 13 (-1)%z [:: 12]; Term 17 (-1)%z [:: 16]];
    [:: Term 0 1%z [:: 6]; Term 1 1%z [:: 7]; Term 2 1%z [:: 8]; Term 14 (-1)%z [:: 12]; Term 18 (-1)%z [:: 16]];
    [:: Term 0 1%z [:: 9]; Term 1 1%z [:: 10]; Term 2 1%z [:: 11]; Term 15 (-1)%z [:: 12]; Term 19 (-1)%z [:: 16]];
    [:: Term 3 1%z [:: 0]; Term 4 1%z [:: 1]; Term 5 1%z [:: 2]; Term 12 (-1)%z [:: 13]; Term 16 (-1)%z [:: 17]];
    [:: Term 3 1%z [:: 3]; Term 4 1%z [:: 4]; Term 5 1%z [:: 5]; Term 13 (-1)%z [:: 13]; Term 17 (-1)%z [:: 17]];
    [:: Term 3 1%z [:: 6]; Term 4 1%z [:: 7]; Term 5 1%z [:: 8]; Term 14 (-1)%z [:: 13]; Term 18 (-1)%z [:: 17]];
    [:: Term 3 1%z [:: 9]; Term 4 1%z [:: 10]; Term 5 1%z [:: 11]; Term 15 (-1)%z [:: 13]; Term 19 (-1)%z [:: 17]];
    [:: Term 6 1%z [:: 0]; Term 7 1%z [:: 1]; Term 8 1%z [:: 2]; Term 12 (-1)%z [:: 14]; Term 16 (-1)%z [:: 18]];
    [:: Term 6 1%z [:: 3]; Term 7 1%z [:: 4]; Term 8 1%z [:: 5]; Term 13 (-1)%z [:: 14]; Term 17 (-1)%z [:: 18]];
    [:: Term 6 1%z [:: 6]; Term 7 1%z [:: 7]; Term 8 1%z [:: 8]; Term 14 (-1)%z [:: 14]; Term 18 (-1)%z [:: 18]];
    [:: Term 6 1%z [:: 9]; Term 7 1%z [:: 10]; Term 8 1%z [:: 11]; Term 15 (-1)%z [:: 14]; Term 19 (-1)%z [:: 18]];
    [:: Term 9 1%z [:: 0]; Term 10 1%z [:: 1]; Term 11 1%z [:: 2]; Term 12 (-1)%z [:: 15]; Term 16 (-1)%z [:: 19]];
    [:: Term 9 1%z [:: 3]; Term 10 1%z [:: 4]; Term 11 1%z [:: 5]; Term 13 (-1)%z [:: 15]; Term 17 (-1)%z [:: 19]];
    [:: Term 9 1%z [:: 6]; Term 10 1%z [:: 7]; Term 11 1%z [:: 8]; Term 14 (-1)%z [:: 15]; Term 18 (-1)%z [:: 19]];
    [:: Term 9 1%z [:: 9]; Term 10 1%z [:: 10]; Term 11 1%z [:: 11]; Term 15 (-1)%z [:: 15]; Term 19 (-1)%z [:: 19]]
  ];
  theta0 := [:: 1; 1; (-5); (-1); 3; 2; 1; (-1); 2; 0; 4; (-2); 3; (-3); (-1); (-3); (-4); 4; (-1); 3]%z;
  prime_modulus := 1009;
  jacobian_rows := [::
    ([:: 4; (-3); (-1)]%z, 0);
    ([:: 4; (-3); (-1)]%z, 1);
    ([:: (-4); (-4); 5]%z, 0);
    ([:: (-4); (-4); 5]%z, 1);
    ([:: 0; 2; 3]%z, 0);
    ([:: 0; 2; 3]%z, 1)
  ];
  jacobian_columns := [:: 0; 6; 1; 7; 2; 8];
  jacobian_inverse := [::
    [:: 425; 584; 461; 548; 46; 963]%z;
    [:: 318; 743; 174; 635; 825; 871]%z;
    [:: 502; 507; 502; 507; 676; 333]%z;
    [:: 10; 512; 10; 512; 323; 999]%z;
    [:: 338; 671; 338; 671; 174; 835]%z;
    [:: 666; 1004; 666; 1004; 313; 487]%z
  ];
  generator_rows := [:: 0; 1; 2; 3; 4; 5; 6; 8; 9; 10; 11; 12; 13; 14];
  generator_columns := [:: 0; 1; 2; 12; 3; 4; 5; 6; 7; 8; 16; 9; 10; 11];
  generator_inverse := [::
    [:: 0; 706; 707; 404; 0; 0; 0; 0; 0; 0; 0; 0; 0; 0]%z;
    [:: 0; 101; 101; 202; 0; 0; 0; 0; 0; 0; 0; 0; 0; 0]%z;
    [:: 0; 202; 202; 908; 0; 0; 0; 0; 0; 0; 0; 0; 0; 0]%z;
    [:: 144; 980; 836; 447; 0; 0; 0; 433; 116; 692; 230; 0; 0; 0]%z;
    [:: 459; 349; 899; 605; 459; 46; 597; 0; 0; 0; 0; 0; 0; 0]%z;
    [:: 734; 679; 954; 807; 734; 780; 46; 0; 0; 0; 0; 0; 0; 0]%z;
    [:: 642; 165; 532; 101; 642; 367; 734; 0; 0; 0; 0; 0; 0; 0]%z;
    [:: 0; 0; 0; 0; 0; 0; 0; 0; 706; 707; 404; 0; 0; 0]%z;
    [:: 0; 0; 0; 0; 0; 0; 0; 0; 101; 101; 202; 0; 0; 0]%z;
    [:: 0; 0; 0; 0; 0; 0; 0; 0; 202; 202; 908; 0; 0; 0]%z;
    [:: 865; 29; 173; 562; 0; 0; 0; 577; 87; 519; 677; 0; 0; 0]%z;
    [:: 970; 155; 194; 951; 0; 0; 0; 524; 427; 912; 29; 459; 46; 597]%z;
    [:: 485; 582; 97; 980; 0; 0; 0; 262; 718; 456; 519; 734; 780; 46]%z;
    [:: 262; 718; 456; 519; 0; 0; 0; 878; 650; 781; 245; 642; 367; 734]%z
  ]
|}.

(** 20 parameters, redundancy 14. *)
Theorem linear_network_complete : complete linear_network 14.
Proof. by apply: check_correct; vm_compute. Qed.
