#!/usr/bin/env python3
"""Issue slots per multiply-add of a linear kernel's loop over k, from the assembly that a GPU's compiler made of it.

    issue_slots.py FILE.wgsl < ASSEMBLY

FILE.wgsl is a variant of linear_tile, linear_small, linear_column or linear_subgroup; ASSEMBLY is what one of Mesa's drivers prints
while it compiles that alone, with RADV_DEBUG=asm, INTEL_DEBUG=cs, NAK_DEBUG=print, IR3_SHADER_DEBUG=cs or
AGX_MESA_DEBUG=shaders.

Every instruction of the loop counts as often as its own loop runs: one slot, but on Intel its width over eight, on
Adreno one for each repetition, on AMD four for what runs at a quarter of the rate and none for the scalar unit's, which
other subgroups' instructions run beside; waits count nothing. 1 is ideal, and 0.5 where two go together (v_dual_*).

The share of multiply-adds is another figure, of AMD's alone: of the vector instructions of the inner loop, where both of a
pair count. And on matrix units the multiply-adds take half a slot, `matrix_slots` says why.
"""

import math
import os
import re
import sys
from dataclasses import dataclass

from wgsl import constants


@dataclass
class Instruction:
    slots: float
    multiply_adds: float
    target: str | None = None  # the label that it jumps to
    falls_through: bool = True
    vectors: int = 0  # AMD's vector instructions, of which a pair is two
    products: int = 0  # of a whole subgroup, on its matrix unit


def matrix(form, line):
    """The products of an instruction that multiplies matrices."""
    sizes = re.search(form, line)
    return math.prod(map(int, sizes.groups())) if sizes else 0


def amd(line):
    op = line.split()[0]
    slots = 0 if op.startswith("s_") else 4 if re.match(r"v_(mul_lo|mul_hi|exp|rcp|rsq|log|sqrt)", op) else 1
    branch = re.search(r"branch\w* (BB\d+)", line)
    converts = re.search(r"v_fma_mix\w* .*, 1\.0, ", line)  # multiplies by 1, to make a f32 of a f16 or the reverse
    multiply_adds = 0 if converts else len(re.findall(r"v_\w*(?:fma|mac_f32|mad\w*_f32)", line))
    return Instruction(slots, multiply_adds, branch and branch[1], op != "s_branch", len(re.findall(r"\bv_[a-z]", line)),
                       matrix(r"v_wmma\w*?_(\d+)x(\d+)x(\d+)", line))


def intel(line):
    op, width, operands = re.match(r"(\S+)\s+\((\d+)[^)]*\)(.*)", re.sub(r"^\([^)]*\)\s*", "", line)).groups()
    slots = 0 if op.startswith("sync") else max(int(width) / 8, 1)
    loop = re.search(r"L\d+", operands) if op == "while" else None
    return Instruction(slots, slots if op == "mad" and ":f" in operands else 0, loop and loop[0])


def nvidia(line):
    branch = re.search(r"\bbra .*(L\d+)", line)
    return Instruction(1, int(bool(re.search(r"\bffma\b", line))), branch and branch[1],
                       not re.match(r"\s+(bra pT|exit)", line), products=matrix(r"\bhmma\.m(\d+)n(\d+)k(\d+)", line))


def adreno(line):
    repeat = re.search(r"\(rpt(\d)\)", line)
    slots = 1 + int(repeat[1]) if repeat else 1
    op = re.sub(r"^(\(\w+\))+", "", line).split()[0]
    branch = re.search(r"#(l\d+)", line)
    return Instruction(0 if op == "nop" else slots, slots if op == "mad.f32" else 0, branch and branch[1], op != "jump")


def apple(line):
    address, _, op, *operands = line.split()
    jumps_back = op.startswith("jmp") and operands[0].startswith("-")
    target = f"{int(address.rstrip(':'), 16) + int(operands[0]):x}" if jumps_back else None
    return Instruction(int(op != "wait"), int(op == "ffma"), target)


# By the text that only this driver prints: what an instruction's line looks like, what a label's (on Apple each
# instruction's address is one), where the last program begins, where it ends, and how its lines are read.
DRIVERS = {
    "; CL: outputs": (r"MESA: info: ((?!;|l\d+:)\S.*)", r"MESA: info: (l\d+):", "MESA: info: }", "; CL: outputs", adreno),
    "Stage: compute": (r"((?:@\S+)?\s+\S.*)", r"block\S* \d+ (L\d+)", r"block\S* 0 ", "Stage: compute", nvidia),
    "disasm:": (r"\t(.*?)(?:;.*)?$", r"(BB\d+):", "disasm:", None, amd),
    "SIMD": (r"(?=.*\()\s*((?:\([^)]*\)\s*)?[a-z]\S*\s+\(\d.*)", r"(L\d+):", "Native code for", None, intel),
    "": (r"\s*([0-9a-f]+: [0-9a-f]+ +\S.*)", r"\s*([0-9a-f]+): ", None, None, apple),
}


def last_program(text, start, end):
    """The assembly of the kernel itself: what is printed last, and on Apple what multiplies most."""
    if start is None:
        return max(re.split(r"\n(?=\s*0: )", text)[1:], key=lambda program: program.count("ffma"))
    text = text[:text.index(end) if end else None]
    return text[[match.start() for match in re.finditer(start, text)][-1]:]


def parse(text):
    """The instructions, and the place of each label among them."""
    form, label, start, end, read = next(form for name, form in DRIVERS.items() if name in text)
    instructions, labels = [], {}
    for line in last_program(text, start, end).split("\n"):
        if match := re.match(label, line):
            labels[match[1]] = len(instructions)
        if match := re.match(form, line):
            instructions.append(read(match[1]))
    return instructions, labels


def loops(instructions, labels):
    """Each loop as the set of its instructions' places: all from which a jump back to its head is reached."""
    before = [set() for _ in instructions]
    ends = {}
    for place, instruction in enumerate(instructions):
        target = labels.get(instruction.target)
        if target is not None:
            before[target].add(place)
            if target <= place:
                ends.setdefault(target, []).append(place)
        if instruction.falls_through and place + 1 < len(instructions):
            before[place + 1].add(place)
    for head, waiting in ends.items():
        body = {head}
        while waiting:
            place = waiting.pop()
            if place not in body:
                body.add(place)
                waiting.extend(before[place])
        yield frozenset(body)


def shape(wgsl):
    """A lane's outputs, and the k of a pass of the loop over k."""
    of = constants(wgsl)
    if "TILE_ROWS" in of:
        return 16 * of["ROW_VECTORS"] * of["COLUMN_VECTORS"], of["TILE_K"]
    if "DEPTH" in of:
        return 4 * of["ROWS"] * of["VECTORS"], 4 * of["DEPTH"]
    if "COLUMNS" in of:
        return of["ROWS"], 4 * of["UNROLL"]
    return 4 * of["ROWS"], of["TILE_K"]


class Loops:
    """Those of a kernel that multiply, and of these the one over k."""

    def __init__(self, wgsl, assembly):
        self.outputs, self.k_of_pass = shape(wgsl)
        self.instructions, labels = parse(assembly)
        self.multiply = [loop for loop in loops(self.instructions, labels) if self.k(loop) >= 1]
        # The epilogue's loop multiplies too, and comes last; what is within this one begins after it or is shorter.
        self.over_k = min(self.multiply, key=lambda loop: (min(loop), -len(loop)))

    def k(self, loop):
        """Of one pass."""
        return sum(self.instructions[place].multiply_adds for place in loop) / self.outputs

    def innermost(self, place=None):
        """Within the loop over k, around a place if there is one; the loop over k itself is none around a place."""
        within = [loop for loop in self.multiply if loop < self.over_k and (place is None or place in loop)]
        return min(within, key=len, default=self.over_k if place is None else None)


def issue_slots(wgsl, assembly):
    of = Loops(wgsl, assembly)

    def passes(place):
        inner = of.innermost(place)
        return of.k_of_pass / of.k(inner) if inner else 1

    counted = [(of.instructions[place], passes(place)) for place in of.over_k]
    slots = sum(instruction.slots * times for instruction, times in counted)
    return slots / sum(instruction.multiply_adds * times for instruction, times in counted)


def share(wgsl, assembly):
    """The multiply-adds and all vector instructions of the inner loop on AMD's chips."""
    of = Loops(wgsl, assembly)
    inner = [of.instructions[place] for place in of.innermost()]
    return sum(it.multiply_adds for it in inner), sum(it.vectors for it in inner)


def matrix_slots(wgsl, assembly, width):
    """A subgroup's matrix instructions in linear_cooperative_16's loop over k, its other slots, and all slots per
    multiply-add of a lane, in subgroups of so many lanes.

    A matrix unit's products count half a slot per lane: by AMD's and NVIDIA's documents it multiplies at least twice as
    fast as all lanes together do by their fastest instruction (docs/performance.md).
    """
    of = constants(wgsl)
    instructions, labels = parse(assembly)
    multiplies = {place for place, it in enumerate(instructions) if it.products}
    over_k = min((loop for loop in loops(instructions, labels) if multiplies <= loop), key=len)
    products = sum(instructions[place].products for place in multiplies)
    assert products == of["BLOCK_ROWS"] * of["BLOCK_COLUMNS"] * of["TILE_K"], f"{products} products: the loop over k is not one pass"
    others = sum(instructions[place].slots for place in over_k - multiplies)
    multiply_adds = products / width
    return len(multiplies), others, 0.5 + others / multiply_adds


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    name = os.path.basename(sys.argv[1]).removesuffix(".wgsl")
    print(f"{name} {issue_slots(open(sys.argv[1]).read(), sys.stdin.read()):.3f}")
