"""The diffeomorphisms that keep the family of a parametrised vector field."""
