#!/usr/bin/env bash
# What needs an accelerator, in one run of at most 10 minutes; one dated record for each.
#
#   docs/benchmarks/gpu.sh OUT              on a CUDA device
#   docs/benchmarks/gpu.sh OUT --rehearse   the same commands at small sizes on the processor
#
# From a checkout in whose environment symgauge and its extra [torch,hf] are installed; PYTHON names
# the interpreter. Every step has its own limit, and goes on where another failed; OUT/summary.txt
# says how each ended and after how many seconds. Status 1 where one did not end with 0.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

out=${1:?usage: gpu.sh OUT [--rehearse]}
device=cuda size=full claims=gpu ranks="4000 16000 30000"
gpt2=() llama=(--set hidden_size=4096 --set intermediate_size=14336 --set num_layers=32)
moe=(--set num_hidden_layers=4)
if [ "${2:-}" = --rehearse ]; then
    device=cpu size=small claims=small ranks="300 1000"
    gpt2=(--set n_embd=12 --set n_head=3 --set n_layer=2 --set n_inner=20 --set vocab_size=40)
    llama=(--set hidden_size=32 --set num_heads=4 --set num_groups=2 --set intermediate_size=24
           --set num_layers=2 --set vocab_size=40)
    moe=(--set num_hidden_layers=1 --set hidden_size=32 --set num_attention_heads=4
         --set num_key_value_heads=2 --set head_dim=8 --set intermediate_size=24
         --set num_local_experts=4 --set vocab_size=40)
fi
python=${PYTHON:-python3.11}
mkdir -p "$out"
: >"$out/summary.txt"
failed=0

# step NAME SECONDS COMMAND...: the output stands in OUT/NAME.txt, made afresh
step() {
    local name=$1 limit=$2 start=$SECONDS status=0
    shift 2
    timeout "$limit" "$@" >"$out/$name.txt" 2>"$out/$name.err" || status=$?
    [ "$status" -eq 0 ] || failed=1
    printf '%-28s status %3d  %4d s\n' "$name" "$status" $((SECONDS - start)) \
        | tee -a "$out/summary.txt"
}

derive() {  # derive NAME TARGET OPTION...: OUT/NAME/full.json
    local name=$1 target=$2
    shift 2
    step "$name-derive" 90 "$python" -m symgauge derive "$target" --full "$@" \
        --out "$out/$name" --force
}
check() {  # check NAME DTYPE SECONDS
    step "$1-$2" "$3" "$python" -m symgauge check "$out/$1/full.json" --size full \
        --device "$device" --dtype "$2" --json
}

"$python" -c "import torch; print(torch.__version__, torch.cuda.get_device_name()
      if torch.cuda.is_available() else 'no CUDA device')" | tee "$out/device.txt"
derive gpt2 tests/targets/gpt2_lm.py:factory ${gpt2[@]+"${gpt2[@]}"}
check gpt2 float64 60
check gpt2 float32 60
derive llama tests/targets/llama_lm.py:grouped "${llama[@]}"
check llama float32 120
check llama bfloat16 120
# sharded over all devices there are (two processes in a rehearsal); left out where there is one
processes=$("$python" -c "import torch; print(torch.cuda.device_count())")
[ "$device" = cpu ] && processes=2
if [ "$processes" -gt 1 ]; then
    step llama-sharded 180 "$python" -m torch.distributed.run --nproc-per-node "$processes" \
        -m symgauge check "$out/llama/full.json" --size full --device "$device" \
        --dtype float32 --json
else
    echo "llama-sharded: left out, one device" | tee -a "$out/summary.txt"
fi
derive mixtral hf:mixtral "${moe[@]}"
check mixtral float32 90
for target in attention tests/targets/transformer_encoder_layer.py:factory; do
    name=$(basename "${target%.py*}")
    step "$name" 60 "$python" -m symgauge check "$target" --size "$size" \
        --device "$device" --dtype float32 --json
done
step claims 120 "$python" -m symgauge check-claim --size "$claims" --device "$device" \
    --out "$out/claims" --json
# shellcheck disable=SC2086  # one word for each size
step rank 120 "$python" docs/benchmarks/device_rank.py --device "$device" --sizes $ranks
exit "$failed"
