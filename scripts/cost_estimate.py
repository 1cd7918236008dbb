"""What Mesa's drivers say of a shader that they compiled, in one form for all of them, and what a result costs by that.

Their compilers estimate a shader's cost without knowing how often a loop runs: RADV counts its body 8 times, Intel's 10
times, the others once. A cost here is the estimate (on Adreno and Apple, the instructions) divided by that, times the
subgroups of a workgroup; for attention per 1000 products of a query's and a key's element, for a kernel with a
subgroup to a row per row. Compare within a chip only.
"""

import re
from dataclasses import dataclass


def constants(wgsl):
    """The values of a module's u32 constants, in order of declaration."""
    values = {"min": min, "max": max}
    for name, text in re.findall(r"^const (\w+): u32 = ([^;]+);", wgsl, re.M):
        values[name] = value(text, values)
    return values


def value(text, names):
    """Of an expression of u32s."""
    return eval(re.sub(r"(\d)u\b", r"\1", text).replace("/", "//"), names)


def specialised(wgsl, values):
    """A module with other values for some of its constants."""
    for name, value in values.items():
        wgsl, count = re.subn(rf"^const {name}: u32 = [^;]+;", f"const {name}: u32 = {value}u;", wgsl, flags=re.M)
        assert count == 1, f"{count} constants are called {name}"
    return wgsl


def workgroup_memory(wgsl):
    """In bytes."""
    sizes = {"f16": 2, "f32": 4, "u32": 4, "atomic<u32>": 4, "vec2<u32>": 8, "vec4<f32>": 16}
    arrays = re.findall(r"^var<workgroup> \w+: array<([\w<>]+), ([^;]+)>;", wgsl, re.M)
    of = constants(wgsl)
    return sum(sizes[kind] * value(length, of) for kind, length in arrays)


def written_out(wgsl):
    """A copy of attention or attention_cooperative_16 whose only loops are those over keys, so that costs can be compared."""
    of = constants(wgsl)
    if "MATRIX" in of:
        blocks = "for (var first_block = 0u; first_block < BLOCKS; first_block += subgroups) {"
        return wgsl.replace(blocks, "{ let first_block = 0u;")
    wgsl = loop_written_out(wgsl, "for (var first = 0u; first < VECTORS", of["VECTORS"], of["DEPTH"])
    wgsl = loop_written_out(wgsl, "for (var first = 0u; first < keys", of["KEY_TILE"], of["VALUES"])
    return wgsl.replace("min(VALUES, keys - first)", "VALUES")


def loop_written_out(wgsl, head, last, step):
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


@dataclass(frozen=True)
class Names:
    """What a driver calls its statistics, in VK_KHR_pipeline_executable_properties."""

    registers: str
    spilled: tuple
    scratch: tuple
    fits: str
    estimate: str
    loop: int = 1  # how often its body counts
    instructions: str = ""  # of all kinds, where the estimate leaves some out


# By a name that no other driver has.
DRIVERS = {
    "VGPRs": Names("VGPRs", ("Spilled VGPRs", "Spilled SGPRs"), ("Scratch size",), "Subgroups per SIMD",
                   "Inverse Throughput", 8),
    "GRF registers": Names("Max live registers", ("Spills",), ("Scratch Memory Size",), "Subgroup size", "Cycles", 10),
    "Number of GPRs": Names("Number of GPRs", ("Spills to memory",), ("SLM size",), "Max warps/SM", "Static cycle count"),
    "STP Count": Names("Registers used", ("STP Count",), (), "Max Waves Per Core", "Instruction Count"),
    "FSCIB": Names("GPRs", ("Spills",), ("Scratch",), "Threads", "ALU",
                   instructions="Instructions"),
}


@dataclass
class Made:
    """What a driver made of a shader."""

    width: int  # lanes of a subgroup
    registers: int
    spilled: int  # registers, to memory
    scratch: int  # bytes of memory
    fits: int  # subgroups of a SIMD, warps of a multiprocessor, waves or threads of a core; on Intel the lanes
    estimate: float  # the compiler's, of one subgroup
    cost: float
    instructions: int  # of all kinds

    @classmethod
    def of(cls, wgsl, statistics):
        """A driver that no longer says one of these, or calls it something else, is an error and no zero."""
        def number(name):
            return float(statistics[name])

        names = next((names for name, names in DRIVERS.items() if name in statistics), None)
        assert names, f"statistics of no driver that is known: {', '.join(statistics)}"
        of, width, estimate = constants(wgsl), number("Subgroup size"), number(names.estimate)
        cost = estimate * of.get("WORKGROUP_SIZE", 64) / width
        if "HEAD_DIM" in of:
            products = of["QUERY_TILE"] * of.get("KEY_TILE", of.get("BLOCK")) * of["HEAD_DIM"]
            cost *= 1000 / products / names.loop
        if "SHUFFLES" in of:
            cost /= of["ROWS"]
        spilled, scratch = (int(sum(map(number, of))) for of in (names.spilled, names.scratch))
        return cls(int(width), int(number(names.registers)), spilled, scratch, int(number(names.fits)), estimate, cost,
                   int(number(names.instructions or names.estimate)))
