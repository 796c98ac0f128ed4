"""What every generated check carries: plain modules whose text the emitter copies, in this order.

`record` (bad input, seeds, JSON, exit status; the checks of claims carry it too), `group` (finite
actions and generators on tensors), `model` (the module at generic parameters, its outputs),
`device` (kernels, casts, memory), `bench` (passes, floor, residuals), `judge` (which rows could
have failed) and `command` (table, JSON, command line). They import torch, so symgauge reads them as
text and never imports them; they import nothing of symgauge but each other.
All imports stand at the top of a file, and no two files define one name.
"""

ORDER = ("record", "group", "model", "device", "bench", "judge", "command")
