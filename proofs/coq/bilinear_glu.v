(** The certificate bilinear_glu.json, written by export.py. *)

From Coq Require Import ZArith.
From mathcomp Require Import all_ssreflect all_algebra.
From symgauge Require Import Network Certificate.
Delimit Scope Z_scope with z.
Local Open Scope nat_scope.

Definition bilinear_glu : certificate := {|
  program := [::
    (* 0 *) Theta 0 6;
    (* 1 *) Theta 6 6;
    (* 2 *) Theta 12 4;
    (* 3 *) Input 0 3;
    (* 4 *) Transpose 0 2 3;
    (* 5 *) Matmul 3 4 1 3 2;
    (* 6 *) Transpose 1 2 3;
    (* 7 *) Matmul 3 6 1 3 2;
    (* 8 *) Mul 5 7;
    (* 9 *) Transpose 2 2 2;
    (* 10 *) Matmul 8 9 1 2 2
  ];
  num_parameters := 16;
  num_inputs := 3;
  generators := [::
    [:: Term 0 (-1)%z [:: 0]; Term 1 (-1)%z [:: 1]; Term 2 (-1)%z [:: 2]; Term 6 1%z [:: 6]; Term 7 1%z [:: 7]; Term 8 1%z [:: 8]];
    [:: Term 3 (-1)%z [:: 3]; Term 4 (-1)%z [:: 4]; Term 5 (-1)%z [:: 5]; Term 9 1%z [:: 9]; Term 10 1%z [:: 10]; Term 11 1%z [:: 11]];
    [:: Term 0 (-1)%z [:: 0]; Term 1 (-1)%z [:: 1]; Term 2 (-1)%z [:: 2]; Term 12 1%z [:: 12]; Term 14 1%z [:: 14]];
    [:: Term 3 (-1)%z [:: 3]; Term 4 (-1)%z [:: 4]; Term 5 (-1)%z [:: 5]; Term 13 1%z [:: 13]; Term 15 1%z [:: 15]]
  ];
  theta0 := [:: 1; 1; (-5); (-1); 3; 2; 1; (-1); 2; 0; 4; (-2); 3; (-3); (-1); (-3)]%z;
  prime_modulus := 1009;
  jacobian_rows := [::
    ([:: (-4); 4; (-1)]%z, 0);
    ([:: (-4); 4; (-1)]%z, 1);
    ([:: 3; 4; (-3)]%z, 0);
    ([:: 3; 4; (-3)]%z, 1);
    ([:: (-1); (-4); (-4)]%z, 0);
    ([:: (-1); (-4); (-4)]%z, 1);
    ([:: 5; 0; 2]%z, 0);
    ([:: 5; 0; 2]%z, 1);
    ([:: 3; (-4); 0]%z, 0);
    ([:: 3; (-4); 0]%z, 1);
    ([:: 1; 0; 4]%z, 0);
    ([:: 1; 0; 4]%z, 1)
  ];
  jacobian_columns := [:: 0; 3; 1; 4; 2; 5; 6; 9; 7; 10; 12; 13];
  jacobian_inverse := [::
    [:: 899; 6; 924; 531; 921; 592; 579; 319; 400; 113; 309; 1001]%z;
    [:: 447; 826; 77; 185; 902; 421; 495; 355; 973; 483; 792; 8]%z;
    [:: 91; 814; 521; 934; 551; 962; 341; 557; 693; 829; 0; 301]%z;
    [:: 651; 471; 853; 679; 170; 302; 532; 950; 174; 767; 171; 554]%z;
    [:: 885; 644; 887; 919; 991; 525; 39; 516; 480; 991; 12; 501]%z;
    [:: 295; 906; 632; 979; 1003; 516; 13; 281; 160; 307; 4; 712]%z;
    [:: 936; 73; 701; 308; 427; 582; 804; 205; 429; 580; 850; 159]%z;
    [:: 948; 826; 878; 616; 113; 339; 461; 374; 949; 829; 50; 150]%z;
    [:: 921; 88; 566; 443; 542; 467; 588; 421; 91; 918; 949; 60]%z;
    [:: 273; 819; 203; 609; 447; 332; 48; 144; 956; 850; 115; 345]%z;
    [:: 104; 312; 563; 680; 505; 506; 111; 333; 496; 479; 708; 106]%z;
    [:: 473; 536; 871; 138; 208; 801; 646; 363; 764; 245; 968; 41]%z
  ];
  generator_rows := [:: 0; 1; 2; 3];
  generator_columns := [:: 0; 3; 6; 10];
  generator_inverse := [::
    [:: 0; 0; 1008; 0]%z;
    [:: 0; 0; 0; 1]%z;
    [:: 1; 0; 1008; 0]%z;
    [:: 0; 757; 0; 252]%z
  ]
|}.

(** 16 parameters, redundancy 4. *)
Theorem bilinear_glu_complete : complete bilinear_glu 4.
Proof. by apply: check_correct; vm_compute. Qed.
