"""The same weights, written by transformers, as Megatron-LM writes them and by DeepSpeed, are the same under one naming."""
import subprocess
import sys

import pytest
import torch

import folders
import names_writer

# of each model: the naming that says it all, and what else holds its weights
SAVES = {"llama": ["megatron", "megatron-classic", "deepspeed", "pipeline"], "gpt2": ["megatron", "megatron-classic", "megatron-version0", "megatron-version1", "deepspeed"],
         "mixtral": ["megatron-sequential", "megatron-te", "megatron-grouped", "megatron-dist"]}
EXPORTED = [("llama", "megatron-classic"), ("llama", "pipeline"), ("gpt2", "megatron"), ("gpt2", "deepspeed")]
PAIRS = [(model, save) for model, saves in SAVES.items() for save in saves]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("names")
    subprocess.run([sys.executable, names_writer.__file__, str(out)], check=True, capture_output=True, timeout=folders.TIMEOUT_SECONDS)
    return out


def naming(model, save):
    """Megatron pads the vocabulary and nothing that it stores says by how much."""
    known = {"mixtral": "llama"}.get(model, model)
    return f"{known},vocab={names_writer.VOCAB}" if save.startswith("megatron") else known


@pytest.mark.parametrize("model, save", PAIRS)
def test_weights_are_equal_under_one_naming(launcher, written, model, save):
    assert folders.run(launcher, "diff", written / model / "hf", written / model / save, "--names", naming(model, save)) == ""


@pytest.mark.parametrize("model, save", EXPORTED)
def test_export_under_the_naming_of_transformers_gives_its_logits(launcher, written, model, save):
    import transformers
    out = written / model / f"exported-{save}"
    folders.run(launcher, "export", written / model / save, out, "--format", "safetensors", "--names", naming(model, save))
    (out / "config.json").write_bytes((written / model / "hf" / "config.json").read_bytes())
    kind = {"llama": transformers.LlamaForCausalLM, "gpt2": transformers.GPT2LMHeadModel}[model]
    loaded, notes = kind.from_pretrained(out, output_loading_info=True)
    assert not notes["missing_keys"] and not notes["unexpected_keys"] and not notes["mismatched_keys"]
    tokens = torch.arange(24).reshape(2, 12) % names_writer.VOCAB
    with torch.no_grad():
        expected = names_writer.MODELS[model]().eval()(tokens).logits
        assert torch.equal(loaded.eval()(tokens).logits, expected)


def test_a_change_of_one_weight_is_found_across_frameworks(launcher, written, tmp_path):
    import safetensors.torch
    weights = safetensors.torch.load_file(written / "llama" / "hf" / "model.safetensors")
    weights["model.layers.2.self_attn.k_proj.weight"][5, 7] += 1
    safetensors.torch.save_file(weights, tmp_path / "model.safetensors")
    text = folders.run(launcher, "diff", tmp_path, written / "llama" / "deepspeed", "--names", "llama", codes=(1,))
    assert text.startswith("model.layers.2.self_attn.k_proj.weight\tmodel\tvalues\tfirst=[5,7]\t") and text.count("\n") == 1
