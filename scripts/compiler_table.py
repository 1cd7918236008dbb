#!/usr/bin/env python3
"""Tables of what GPU compilers say of shaders, and the form of a shader that their cost estimates can be compared in.

    compiler_table.py write-out DIRECTORY FILE.wgsl…   copies of attention.wgsl and attention_cooperative_16.wgsl whose
                                                       only loops are those over keys
    compiler_table.py table < STATISTICS               a Markdown table

STATISTICS are lines of a driver's VK_KHR_pipeline_executable_properties, as it names them:
FILE.wgsl:ENTRY, then a tab and NAME=VALUE for each; before those of a device a line "# " and the device's name.

Compilers estimate a shader's cost without knowing how often a loop runs: RADV counts its body 8 times, Intel's 10 times,
the others once. A cost here is the estimate (on Adreno and Apple, the instructions) divided by that, times the
subgroups of a workgroup; for attention per 1000 products of a query's and a key's element, for a kernel with a
subgroup to a row per row. Compare within a chip only.
"""

import os
import re
import sys


def constants(wgsl):
    """The values of a module's u32 constants, in order of declaration."""
    values = {"min": min, "max": max}
    for name, text in re.findall(r"^const (\w+): u32 = ([^;]+);", wgsl, re.M):
        values[name] = eval(re.sub(r"(\d)u\b", r"\1", text).replace("/", "//"), values)
    return values


def write_out(wgsl, head, last, step):
    """Replaces the loop over `first` that begins with `head` by copies of its body."""
    start = wgsl.index(head)
    end = body = wgsl.index("{", start)
    depth = 0
    while True:
        depth += {"{": 1, "}": -1}.get(wgsl[end], 0)
        end += 1
        if depth == 0:
            break
    copies = (f"{{ let first = {first}u; {wgsl[body + 1:end]}" for first in range(0, last, step))
    return wgsl[:start] + "\n".join(copies) + wgsl[end:]


def write_out_file(wgsl):
    of = constants(wgsl)
    if "MATRIX" in of:
        blocks = "for (var first_block = 0u; first_block < BLOCKS; first_block += subgroups) {"
        return wgsl.replace(blocks, "{ let first_block = 0u;")
    wgsl = write_out(wgsl, "for (var first = 0u; first < VECTORS", of["VECTORS"], of["DEPTH"])
    wgsl = write_out(wgsl, "for (var first = 0u; first < keys", of["KEY_TILE"], of["VALUES"])
    return wgsl.replace("min(VALUES, keys - first)", "VALUES")


def write_out_files(directory, files):
    os.makedirs(directory, exist_ok=True)
    for file in files:
        open(os.path.join(directory, os.path.basename(file)), "w").write(write_out_file(open(file).read()))


def row(device, file, statistics):
    """Registers, spills, occupancy and cost, by the names that each driver has for them."""
    of = constants(open(file).read())
    number = lambda name: float(statistics.get(name, 0))
    if "VGPRs" in statistics:
        registers, spills = "VGPRs", number("Spilled VGPRs") + number("Scratch size")
        fits, cost = f"{number('Subgroups per SIMD'):.0f} subgroups", number("Inverse Throughput") / 8
    elif "GRF registers" in statistics:
        registers, spills = "Max live registers", number("Spills")
        fits, cost = "", number("Cycles") / 10
    elif "Number of GPRs" in statistics:
        registers, spills = "Number of GPRs", number("Spills to memory") + number("SLM size")
        fits, cost = f"{number('Max warps/SM'):.0f} warps", number("Static cycle count")
    elif "Registers used" in statistics:
        registers, spills = "Registers used", number("STP Count")
        fits, cost = f"{number('Max Waves Per Core'):.0f} waves", number("Instruction Count")
    else:
        registers, spills = "GPRs", number("Spills") + number("Scratch")
        fits, cost = f"{number('Threads'):.0f} threads", number("ALU")
    lanes = of.get("WORKGROUP_SIZE", 64)
    if "HEAD_DIM" not in of:
        cost *= 8 if "VGPRs" in statistics else 10 if "GRF registers" in statistics else 1  # no loop
    cost *= lanes / number("Subgroup size")
    if "SHUFFLES" in of:
        cost /= of["ROWS"]
    if "HEAD_DIM" in of:
        cost *= 1000 / (of["QUERY_TILE"] * of.get("KEY_TILE", of.get("BLOCK")) * of["HEAD_DIM"])
    name = os.path.basename(file).removesuffix(".wgsl")
    cells = [name, device, statistics["Subgroup size"], statistics[registers], f"{spills:.0f}", fits, f"{cost:.4g}"]
    return f"| {' | '.join(cells)} |"


def table(lines):
    rows, device = [], ""
    for line in lines:
        if line.startswith("# "):
            device = line[2:].strip()
            continue
        shader, *statistics = line.rstrip("\n").split("\t")
        pairs = dict(pair.split("=", 1) for pair in statistics if "=" in pair)
        if pairs:
            rows.append(row(device, shader.rsplit(":", 1)[0], pairs))
    print("| shader | chip | width | registers | spills | fits | cost |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    print("\n".join(sorted(rows)))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["write-out", directory, *files]:
            write_out_files(directory, files)
        case ["table"]:
            table(sys.stdin)
        case _:
            sys.exit(__doc__)
