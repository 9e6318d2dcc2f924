#!/usr/bin/env python3
"""What the compiler made of the kernels: loops, and how many loads are under way whenever one is waited for.

  kernels/disassemble.py [--arch 90a] [--code] KERNEL ...

Needs nvcc and cuobjdump of a CUDA toolkit (on the PATH or under $CUDA_HOME/bin), no GPU. For each kernel:

  loop   from-to (bytes of code), instructions in it, and the most frequent of them
  waits  for each instruction that is the first to use what a load brings, how many loads from global memory had been
         started by then and not yet been waited for. Loads that one thread needs one after the other show as ones:
         a decode step is made of such waits, some 500 cycles each. Branches are not followed: the code is read from
         top to bottom, rare paths included.
"""
import argparse
import collections
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
INSTRUCTION = re.compile(r"\s*/\*([0-9a-f]{4,})\*/\s+(?:@(!?U?P\w+)\s+)?([A-Z][\w.]*)\s*(.*?);")
SHOWN = {"LDG", "LDGSTS", "STG", "LDS", "LDSM", "STS", "HMMA", "HGMMA", "MUFU", "SHFL", "BAR", "BRA", "FFMA", "IMAD", "I2F"}


def tool(name):
    found = shutil.which(name) or shutil.which(name, path=os.path.join(os.environ.get("CUDA_HOME", ""), "bin"))
    if not found:
        sys.exit(f"disassemble.py: no {name}; put a CUDA toolkit's bin folder on the PATH or set CUDA_HOME")
    return found


def source_of(kernel):
    """The .cu file whose name the kernel's starts with: score_pages_bf16_i8 is one of score_pages.cu's."""
    fitting = [p for p in (HERE / "src").glob("*.cu") if kernel.startswith(p.stem.removesuffix("_wgmma"))]
    if kernel.split("_")[-1] not in ("wg",) and "_wg_" not in kernel:
        fitting = [p for p in fitting if not p.stem.endswith("_wgmma")]
    if not fitting:
        sys.exit(f"disassemble.py: no source in kernels/src begins like '{kernel}'")
    return max(fitting, key=lambda p: len(p.stem))


def code_of(kernel, arch, folder):
    source = source_of(kernel)
    cubin = folder / f"{source.stem}.cubin"
    if not cubin.exists():
        subprocess.run([tool("nvcc"), "-std=c++17", "-O3", f"-I{HERE / 'include'}", f"-arch=sm_{arch}", "-cubin",
                        "-o", str(cubin), str(source)], check=True)
    text = subprocess.run([tool("cuobjdump"), "-sass", "-fun", kernel, str(cubin)], check=True, capture_output=True,
                          text=True).stdout
    code = [(int(m[1], 16), m[2], m[3], m[4]) for m in map(INSTRUCTION.match, text.splitlines()) if m]
    if not code:
        sys.exit(f"disassemble.py: {source.name} has no kernel '{kernel}'")
    return code


def loops(code):
    at = {address: i for i, (address, _, _, _) in enumerate(code)}
    for i, (address, _, op, operands) in enumerate(code):
        target = re.search(r"0x([0-9a-f]+)\s*$", operands)
        # A jump back from a divergent warp's slow path, far below, is no loop.
        if op == "BRA" and target and at.get(int(target[1], 16), i) < i and not rejoins(code, i):
            yield at[int(target[1], 16)], i


def rejoins(code, i):
    """Whether the jump at i lies behind the kernel's last EXIT, where the compiler puts divergent shuffles."""
    return all(op != "EXIT" for _, _, op, _ in code[i:])


def registers(operand, wide):
    first = re.match(r"R(\d+)", operand)
    return set(range(int(first[1]), int(first[1]) + wide)) if first else set()


def waits(code):
    """Loads under way at each first use of a loaded register."""
    pending = []  # one set of registers per load
    for _, _, op, operands in code:
        parts = [part.strip() for part in operands.split(",")]
        used = {int(r) for r in re.findall(r"\bR(\d+)", ",".join(parts[1:] if not op.startswith(("ST", "RED")) else parts))}
        waited = [i for i, target in enumerate(pending) if target & used]
        if waited:
            yield len(pending)
            del pending[: waited[-1] + 1]
        if op.split(".")[0] == "LDG":
            wide = 4 if ".128" in op else 2 if ".64" in op else 1
            pending.append(registers(parts[0], wide))


def describe(kernel, code):
    print(f"{kernel}: {len(code)} instructions")
    for start, end in sorted(loops(code)):
        mix = collections.Counter(op.split(".")[0] for _, _, op, _ in code[start : end + 1])
        told = " ".join(f"{op} {n}" for op, n in mix.most_common() if op in SHOWN)
        print(f"  loop   {code[start][0]:05x}-{code[end][0]:05x} {end - start + 1:5d}   {told}")
    print("  waits ", " ".join(map(str, waits(code))) or "none")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", default="90a", help="compute capability (default: 90a)")
    parser.add_argument("--code", action="store_true", help="print the code too")
    parser.add_argument("kernel", nargs="+")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for kernel in arguments.kernel:
            code = code_of(kernel, arguments.arch, pathlib.Path(folder))
            describe(kernel, code)
            if arguments.code:
                for address, guard, op, operands in code:
                    print(f"    {address:05x}  {'@' + guard if guard else '':5s} {op} {operands}")


if __name__ == "__main__":
    main()
