"""What Mesa's drivers say of a shader that they compiled, in one form for all of them, and what a result costs by that.

Their compilers estimate a shader's cost without knowing how often a loop runs: RADV counts its body 8 times, Intel's 10
times, the others once. A cost here is the estimate (on Adreno and Apple, the instructions) divided by that, times the
subgroups of a workgroup; for attention per 1000 products of a query's and a key's element, for a kernel with a
subgroup to a row per row. Compare within a chip only.
"""

from dataclasses import dataclass

from wgsl import constants


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
