"""Torch modules that symgauge reads as one op. Needs torch; a solver is imported when it runs."""

from symgauge.nn.ode_flow import OdeFlow

__all__ = ["OdeFlow"]
