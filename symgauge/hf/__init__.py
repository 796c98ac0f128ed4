"""Models of transformers as targets: `hf:llama`, a folder with config.json, a loaded model."""
