"""What every claim's check carries: plain modules whose text `emit_claim` copies, in this order.

`solver` (solutions with their own error, or a refusal that says where), `fields` (random vector
fields and diffeomorphisms, pushforwards, linearised flows) and `report` (rows, table, record,
plot, command line), after `record` of the other checks. They import torch and torchdiffeq, so
symgauge reads them as text and never imports them; they import nothing of symgauge but each other.
No two files define one name.
"""

ORDER = ("solver", "fields", "report")
