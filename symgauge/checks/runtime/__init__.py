"""What every generated check carries: plain modules whose text the emitter copies, in this order.

`record` (bad input, seeds, JSON, exit status; the checks of claims carry it too), `subject` (the
statement that is checked, as types; `symgauge.plain` comes before it), `elements`, `pieces` and
`moves` (finite actions and generators on arrays, a piece at a time), `randomness`, `layout`
(tensors of one device), `model` (the module at generic parameters, its outputs), `whole` and
`shards` (tensors of several devices), `processes` (those that torchrun starts), `device` (kernels,
casts, memory), `rows` (what was measured), `point` (parameters, passes, floor), `derivative` (J X),
`bench` (families moved, residuals), `judge` (which rows could have failed) and `command` (table,
JSON, command line). Most import torch, so symgauge reads them as text and never imports them;
`subject`, `elements`, `pieces` and `moves` import neither numpy nor torch, and symgauge acts on
weights with them. They import nothing of symgauge but each other and `plain`. All imports of these
stand at the top of a file, and no two files define one name.
"""

ORDER = (
    "record", "subject", "elements", "pieces", "moves", "randomness", "layout", "model", "whole",
    "shards", "processes", "device", "rows", "point", "derivative", "bench", "judge", "command",
)
