"""Which types of transformers build small and are captured, from their configuration alone.

    python docs/benchmarks/hf_capture.py [TYPE...]

Without types: all that have a causal, masked, sequence-to-sequence, CTC, image or audio head. For
each the parameters, the lines of the program, and the processor seconds to find small sizes and to
capture; else the sentence that the command ends with. Nothing is derived or downloaded. Importing
torch and transformers is outside.
"""

from __future__ import annotations

import sys
import time
from collections import Counter

from transformers.models.auto import modeling_auto

from symgauge.capture import capture
from symgauge.errors import SymgaugeError
from symgauge.hf.target import load_hf

MAPPINGS = (
    "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES", "MODEL_FOR_MASKED_LM_MAPPING_NAMES",
    "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES", "MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES",
    "MODEL_FOR_CTC_MAPPING_NAMES", "MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES",
)


def main() -> None:
    kinds = sys.argv[1:] or sorted({k for n in MAPPINGS for k in getattr(modeling_auto, n)})
    ends: Counter[str] = Counter()
    for kind in kinds:
        start, end = time.process_time(), "not built"
        try:
            module, args, kwargs = load_hf(f"hf:{kind}", {}).build()
            built, end = time.process_time(), "not captured"
            lines = len(capture(module, args, kwargs).network.nodes)
            end = "captured"
            said = (f"{sum(p.numel() for p in module.parameters())} parameters, {lines} lines, "
                    f"{built - start:.1f} + {time.process_time() - built:.1f} s")
        except SymgaugeError as error:
            said = " ".join(str(error).split())[:200]
        ends[end] += 1
        print(f"{kind:32} {end:13} {said}", flush=True)
    print(", ".join(f"{n} {end}" for end, n in ends.items()))


if __name__ == "__main__":
    main()
