"""Tiny quantised checkpoints and what their matrices are, for QuantizedCheckpointTest.

    python generate.py    (writes beside itself; needs torch, safetensors, bitsandbytes, compressed-tensors)

A folder per method: config.json with its quantization_config, model.safetensors, expected.safetensors in
float32. compressed-tensors and bitsandbytes are packed and widened by the libraries of those names; of the
others the numbers are drawn, packed as the format's definition says, and widened before they are packed.
"""
import json
import pathlib

import bitsandbytes.functional as bnb
import torch
from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
torch.manual_seed(11)
ROWS, COLS = 48, 64


def save(name, quantization, tensors, expected):
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"quantization_config": quantization}, indent=1) + "\n")
    save_file({k: v.contiguous() for k, v in tensors.items()}, folder / "model.safetensors")
    save_file({k: v.float().contiguous() for k, v in expected.items()}, folder / "expected.safetensors")


def float8(rows, cols, dtype=torch.float8_e4m3fn):
    bits = torch.randint(0, 256, (rows, cols), dtype=torch.uint8)
    numbers = bits.view(dtype)
    return torch.where(numbers.float().isfinite(), numbers.float(), torch.zeros(())).to(dtype)


def scale(*shape, dtype=torch.float32):
    return (torch.rand(shape) * 0.02 + 0.001).to(dtype)


# FP8: per tensor, per row, in blocks that do not divide the matrix, and E5M2.
tensors, expected = {}, {}
for name, dtype, scales in (
    ("tensor", torch.float8_e4m3fn, scale(1)),
    ("scalar", torch.float8_e5m2, scale().reshape(())),
    ("row", torch.float8_e4m3fn, scale(ROWS, 1, dtype=torch.bfloat16)),
):
    weight = float8(ROWS, COLS, dtype)
    tensors |= {f"{name}.weight": weight, f"{name}.weight_scale": scales, f"{name}.input_scale": scale(1)}
    expected[f"{name}.weight"] = weight.float() * (scales.float() if scales.dim() else scales)
tensors["plain.weight"] = torch.randn(ROWS, COLS).to(torch.bfloat16)
expected["plain.weight"] = tensors["plain.weight"]
save("fp8", {"quant_method": "fp8", "activation_scheme": "static"}, tensors, expected)

rows, cols, block = 136, 150, 128
weight, scales = float8(rows, cols), scale(2, 2)
grown = scales.repeat_interleave(block, 0).repeat_interleave(block, 1)[:rows, :cols]
save("fp8-blocks", {"quant_method": "fp8", "weight_block_size": [block, block]},
     {"block.weight": weight, "block.weight_scale_inv": scales}, {"block.weight": weight.float() * grown})

# compressed-tensors: packed integers, with and without zero points and an order of columns; int8; float8.
tensors, expected = {}, {}
for name, bits, group in (("four", 4, 16), ("eight", 8, 64), ("asymmetric", 4, 32), ("ordered", 4, 16)):
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    numbers = torch.randint(low, high + 1, (ROWS, COLS), dtype=torch.int8)
    scales = scale(ROWS, COLS // group, dtype=torch.bfloat16)
    of_column = torch.arange(COLS) // group
    tensors[f"{name}.weight_packed"] = pack_to_int32(numbers, bits)
    tensors[f"{name}.weight_scale"] = scales
    tensors[f"{name}.weight_shape"] = torch.tensor([ROWS, COLS])
    zeros = torch.zeros(ROWS, COLS // group, dtype=torch.int8)
    if name == "asymmetric":
        zeros = torch.randint(low, high + 1, zeros.shape, dtype=torch.int8)
        tensors[f"{name}.weight_zero_point"] = pack_to_int32(zeros, bits, packed_dim=0)
    if name == "ordered":
        of_column = of_column[torch.randperm(COLS)]
        tensors[f"{name}.weight_g_idx"] = of_column.to(torch.int32)
    expected[f"{name}.weight"] = (numbers.float() - zeros.float()[:, of_column]) * scales.float()[:, of_column]
numbers = torch.randint(-127, 128, (ROWS, COLS), dtype=torch.int8)
scales, zeros = scale(ROWS, 1), torch.randint(-9, 9, (ROWS, 1), dtype=torch.int8)
tensors |= {"int8.weight": numbers, "int8.weight_scale": scales, "int8.weight_zero_point": zeros}
expected["int8.weight"] = (numbers.float() - zeros.float()) * scales
weight, scales = float8(ROWS, COLS), scale(ROWS // 16, COLS // 16)
tensors |= {"float8.weight": weight, "float8.weight_scale": scales}
expected["float8.weight"] = weight.float() * scales.repeat_interleave(16, 0).repeat_interleave(16, 1)
save("compressed-tensors", {"quant_method": "compressed-tensors", "format": "mixed-precision", "config_groups": {
    "group_0": {"weights": {"num_bits": 8, "strategy": "block", "block_structure": [16, 16]}}}}, tensors, expected)


def words(numbers, bits, dim, order=None):
    """Unsigned numbers in words of 32 bits along a dimension; number i of a word in place order[i]."""
    per = 32 // bits
    numbers = numbers.to(torch.int64).movedim(dim, -1)
    numbers = numbers.reshape(*numbers.shape[:-1], -1, per)
    word = sum(numbers[..., i] << bits * (order[i] if order else i) for i in range(per))
    return torch.where(word >= 1 << 31, word - (1 << 32), word).to(torch.int32).movedim(-1, dim)


# AWQ, AutoAWQ's gemm layout: place of a column among its eight, AWQ_REVERSE_ORDER of the library.
AWQ = [0, 4, 1, 5, 2, 6, 3, 7]
numbers, zeros = torch.randint(0, 16, (COLS, ROWS)), torch.randint(0, 16, (COLS // 16, ROWS))
scales = scale(COLS // 16, ROWS, dtype=torch.float16)
save("awq", {"quant_method": "awq", "bits": 4, "group_size": 16, "version": "gemm", "zero_point": True},
     {"a.qweight": words(numbers, 4, 1, AWQ), "a.qzeros": words(zeros, 4, 1, AWQ), "a.scales": scales},
     {"a.weight": ((numbers - zeros.repeat_interleave(16, 0)) * scales.float().repeat_interleave(16, 0)).T})

# GPTQ, AutoGPTQ's layout: zeros are stored one less, but in gptq_v2; columns may be in any group.
for name, bits, version in (("gptq", 4, "gptq"), ("gptq-v2", 8, "gptq_v2")):
    numbers = torch.randint(0, 1 << bits, (COLS, ROWS))
    zeros = torch.randint(1, 1 << bits, (COLS // 16, ROWS))
    scales = scale(COLS // 16, ROWS, dtype=torch.float16)
    of_column = (torch.arange(COLS) // 16)[torch.randperm(COLS)]
    stored = zeros - 1 if version == "gptq" else zeros
    save(name, {"quant_method": "gptq", "bits": bits, "group_size": 16, "checkpoint_format": version, "desc_act": True},
         {"g.qweight": words(numbers, bits, 0), "g.qzeros": words(stored, bits, 1), "g.scales": scales,
          "g.g_idx": of_column.to(torch.int32)},
         {"g.weight": ((numbers - zeros[of_column]) * scales.float()[of_column]).T})

# bitsandbytes, by the library: nf4 and fp4, magnitudes quantised once more or not, and int8.
tensors, expected = {}, {}
for name, kind, nested in (("nested", "nf4", True), ("flat", "nf4", False), ("fp4", "fp4", False)):
    packed, state = bnb.quantize_4bit(torch.randn(ROWS, COLS), blocksize=64, compress_statistics=nested, quant_type=kind)
    tensors[f"{name}.weight"] = packed
    tensors |= {f"{name}.weight.{key}": value for key, value in state.as_dict(packed=True).items()}
    expected[f"{name}.weight"] = bnb.dequantize_4bit(packed, state)
tensors["int8.weight"] = torch.randint(-127, 128, (ROWS, COLS), dtype=torch.int8)
tensors["int8.SCB"] = torch.rand(ROWS) * 3
expected["int8.weight"] = tensors["int8.weight"].float() * tensors["int8.SCB"][:, None] * (1 / 127)
save("bitsandbytes", {"quant_method": "bitsandbytes", "load_in_4bit": True}, tensors, expected)

# MXFP4 as gpt-oss has it: two experts, numbers of OCP's E2M1 in the definition's order.
values = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])
numbers = torch.randint(0, 16, (2, ROWS, COLS // 32, 32))
exponents = torch.randint(110, 135, (2, ROWS, COLS // 32), dtype=torch.uint8)
blocks = (numbers[..., 0::2] | numbers[..., 1::2] << 4).to(torch.uint8)
widened = values[numbers] * torch.exp2(exponents.float() - 127)[..., None]
save("mxfp4", {"quant_method": "mxfp4"}, {"experts.up_blocks": blocks, "experts.up_scales": exponents},
     {"experts.up": widened.reshape(2 * ROWS, COLS)})
