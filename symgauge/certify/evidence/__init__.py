"""What shows that the Jacobian has the claimed rank: residues, real balls, power series."""
