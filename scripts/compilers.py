#!/usr/bin/env python3
"""What GPU compilers make of the kernels that selection takes, with no GPU.

    compilers.py check STATISTICS    every kernel that selection takes on a vendor's chips keeps the bar there
    compilers.py tables STATISTICS   the same, and the tables of docs/performance.md anew, in their places there
    compilers.py unchecked STATISTICS   those of its tables for which STATISTICS compiles without `robustBufferAccess`

`cargo test --release --test shaders` has to run first: it writes the kernels, and which of them each vendor's chips take.
STATISTICS is a command that compiles WGSL files and prints their statistics, as docs/performance.md says.
"""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from compiler_tables import TABLES, UNCHECKED, Tables
from cost_estimate import Made
from issue_slots import share
from wgsl import constants, workgroup_memory

VARIANTS = Path("target/variants")
DOCUMENT = Path("docs/performance.md")
# What makes each driver print its assembly.
ASSEMBLY = {"RADV_DEBUG": "asm", "INTEL_DEBUG": "cs", "NAK_DEBUG": "print", "IR3_SHADER_DEBUG": "cs",
            "AGX_MESA_DEBUG": "shaders"}


@dataclass(frozen=True)
class Vendor:
    driver: str
    adapters: tuple  # kinds of them in tests/shaders/adapters.rs
    unit: str  # of how many fit
    bar: int  # how many have to fit
    of_matrices: int  # the same for kernels on cooperative matrices


AMD = Vendor("radv", ("AMD", "AMD before RDNA"), "subgroups", 8, 4)
INTEL = Vendor("intel", ("Intel",), "lanes", 16, 16)
NVIDIA = Vendor("nvk", ("NVIDIA",), "warps", 16, 12)
QUALCOMM = Vendor("adreno", ("Qualcomm",), "waves", 4, 4)
APPLE = Vendor("apple", ("Apple", "Apple, by Metal"), "threads", 512, 512)
ANY_VENDOR = "no features"  # an adapter of no vendor that is known, which may be any of these
SHARE = 0.75  # of AMD's vector instructions in the inner loop of a linear layer, that have to be multiply-adds


@dataclass(frozen=True)
class Chip:
    name: str
    vendor: Vendor
    variables: tuple  # of the environment, that choose it
    matrices: bool = False  # whether its driver has cooperative ones of 16 x 16
    memory: int = 0  # of a multiprocessor for workgroups, in KiB, where the driver's occupancy is without

    def __str__(self):
        return self.name


CHIPS = [
    Chip("navi31", AMD, (("RADV_FORCE_FAMILY", "navi31"),), matrices=True),
    Chip("navi31, 32 lanes", AMD, (("RADV_FORCE_FAMILY", "navi31"), ("RADV_PERFTEST", "cswave32")), matrices=True),
    Chip("navi21", AMD, (("RADV_FORCE_FAMILY", "navi21"),)),
    Chip("dg2", INTEL, (("INTEL_STUB_GPU_PLATFORM", "dg2"),)),
    Chip("Ada", NVIDIA, (("NOUVEAU_CHIPSET", "192"),), matrices=True, memory=100),
    Chip("Turing", NVIDIA, (("NOUVEAU_CHIPSET", "162"),), matrices=True, memory=64),
    Chip("Adreno 740", QUALCOMM, (("FD_GPU_ID", "740"),)),
    Chip("M1", APPLE, (("ASAHI_CHIP", "g13g"),)),
]


class Compilers:
    """Runs STATISTICS, once for each file and chip."""

    def __init__(self, command):
        self.command = command
        self.made = {}
        self.pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)))

    def run(self, chip, files, **variables):
        environment = dict(chip.variables) | {"SHADER_STATS_DRIVER": chip.vendor.driver} | variables
        run = subprocess.run([self.command, *map(str, files)], env=os.environ | environment, capture_output=True, text=True)
        if run.returncode != 0:
            sys.exit(f"{chip}: {run.stderr[-2000:]}")
        return run

    def compile(self, chip, files, **variables):
        """What the driver makes of each file."""
        of_file = {}
        for line in self.run(chip, files, **variables).stdout.splitlines():
            shader, *statistics = line.split("\t")
            pairs = dict(pair.split("=", 1) for pair in statistics if "=" in pair)
            if pairs:
                file = Path(shader.rsplit(":", 1)[0])
                wgsl = file.read_text()
                of_file[file] = limited(chip, wgsl, Made.of(wgsl, pairs))
        missing = set(files) - set(of_file)
        assert not missing, f"no statistics for {chip} of {missing}"
        return of_file

    def statistics(self, requests):
        """From pairs of a chip and a file; every chip's files are compiled together."""
        wanted = {}
        for chip, file in requests:
            if (chip, file) not in self.made:
                wanted.setdefault(chip, {})[file] = None
        for chip, made in zip(wanted, self.pool.map(lambda it: self.compile(it[0], list(it[1])), wanted.items())):
            self.made.update({(chip, file): it for file, it in made.items()})
        return {(chip, file): self.made[chip, file] for chip, file in requests}

    def each(self, what, arguments):
        return self.pool.map(what, arguments)

    def assembly(self, chip, file):
        run = self.run(chip, [file], **ASSEMBLY)
        return run.stderr + run.stdout  # AGX_MESA_DEBUG's is there


def limited(chip, wgsl, made):
    """How many subgroups fit by workgroup memory too, where the driver counts registers alone."""
    used = workgroup_memory(wgsl)
    if chip.memory and used:
        workgroups = chip.memory * 1024 // used
        lanes = constants(wgsl).get("WORKGROUP_SIZE", 64)
        made.fits = min(made.fits, workgroups * lanes // made.width)
    return made


def taken_by():
    """From each kind of adapter to the names of what selection takes there."""
    of_kind = {}
    for line in (VARIANTS / "taken.tsv").read_text().splitlines():
        kind, name = line.split("\t")
        of_kind.setdefault(kind, set()).add(name)
    known = {ANY_VENDOR, *(kind for chip in CHIPS for kind in chip.vendor.adapters)}
    assert of_kind.keys() == known, f"kinds of adapters here {sorted(known)}, in tests/shaders/adapters.rs {sorted(of_kind)}"
    return of_kind


def taken(chip, adapters):
    """What selection takes on these kinds of adapters, as far as the chip's driver compiles it."""
    of_kind = taken_by()
    names = sorted(set().union(*(of_kind[kind] for kind in adapters)))
    return [VARIANTS / f"{name}.wgsl" for name in names if compiles(chip, name)]


def compiles(chip, name):
    return "cooperative" not in name or ("cooperative_16" in name and chip.matrices)


def misses(chip, file, made, wide):
    """What keeps a kernel below the bar, if anything does; `wide`: what Intel's compiler makes of 16 lanes."""
    bar = chip.vendor.of_matrices if "cooperative" in file.name else chip.vendor.bar
    if made.spilled or made.scratch:
        return f"{made.spilled} registers spilled, {made.scratch} bytes of scratch memory"
    if made.fits >= bar or (wide and (wide.spilled or wide.cost > made.cost)):
        return None
    return f"{made.fits} {chip.vendor.unit}, {bar} are the bar"


def check_shares(compilers, chip):
    """On RDNA3, of the kernels of linear layers that write their multiply-adds out for it."""
    files = [file for file in taken(chip, AMD.adapters) if re.match("linear_(?!cooperative)", file.name)]
    assert files, f"{chip}: no linear kernels"
    shares = compilers.each(lambda file: share(file.read_text(), compilers.assembly(chip, file)), files)
    of_file = {file: multiply_adds / vectors for file, (multiply_adds, vectors) in zip(files, shares)}
    print(f"{chip}: {len(files)} linear kernels, {100 * min(of_file.values()):.1f} % multiply-adds or more", flush=True)
    return [f"{chip}: {file.stem}: {100 * it:.1f} % of the inner loop's vector instructions are multiply-adds, "
            f"{100 * SHARE:.0f} are the bar" for file, it in of_file.items() if it < SHARE]


def check(compilers):
    of_chip = {chip: taken(chip, (*chip.vendor.adapters, ANY_VENDOR)) for chip in CHIPS}
    made = compilers.statistics([(chip, file) for chip, files in of_chip.items() for file in files])
    below = []
    for chip, files in of_chip.items():
        narrow = [file for file in files if chip.vendor == INTEL and made[chip, file].width < INTEL.bar]
        wide = compilers.compile(chip, narrow, INTEL_SIMD_DEBUG="cs16") if narrow else {}
        missed = ((file, misses(chip, file, made[chip, file], wide.get(file))) for file in files)
        below += [f"{chip}: {file.stem}: {why}" for file, why in missed if why]
        print(f"{chip}: {len(files)} kernels", flush=True)
        if chip.name.startswith("navi31"):
            below += check_shares(compilers, chip)
    if below:
        sys.exit("\n".join(["below the bar:", *below]))


def write_tables(compilers, wanted):
    """Each table of the document stands below a line that names it."""
    tables = Tables(compilers, CHIPS, lambda chip: taken(chip, chip.vendor.adapters))
    made = {table.__name__: table(tables) for table in wanted}
    text = DOCUMENT.read_text()  # only now, for that takes minutes
    for name, table in made.items():
        place = rf"(<!-- compilers\.py: {name} -->\n)(?:\|.*\n)*"
        text, count = re.subn(place, lambda found: found[1] + table, text)
        assert count == 1, f"{count} places for {name}"
    DOCUMENT.write_text(text)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["check", command]:
            check(Compilers(command))
        case ["tables", command]:
            compilers = Compilers(command)
            write_tables(compilers, TABLES)
            check(compilers)
        case ["unchecked", command]:
            write_tables(Compilers(command), UNCHECKED)
        case _:
            sys.exit(__doc__)
