"""The program: lines that apply ops to parameters, inputs and exact constants, as immutable data.

The interfaces that ops are written in stand here too: `domain` (a number system), `legs` (index
spaces), `writer` (what appends lines). Knows no op by name beyond the contract, no architecture,
and no torch; evaluates nothing.
"""
