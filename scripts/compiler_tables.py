"""The tables of docs/performance.md of what GPU compilers make of the kernels: each a function, by its name there.

What no variant has, such as tiles that lost, is a copy of a shader with other constants, in target/compilers/.
"""

from itertools import product
from pathlib import Path

from issue_slots import issue_slots, matrix_slots, share
from wgsl import constants, specialised, workgroup_memory, written_out

COPIES = Path("target/compilers")
TYPES = {"f32": 32, "f16": 16, "int8": 8}
TILES = {"64 x 64": (8, 8), "64 x 128": (8, 16), "128 x 64": (16, 8), "128 x 128": (16, 16)}  # lanes down and across
ROWS = {"1 to 4": range(1, 5), "5 to 8": range(5, 9), "9 to 16": range(9, 17), "17 to 32": range(17, 33)}
HEADS = (3, 32, 64, 80, 96, 128, 256)
PLAIN = dict(WINDOW=0, BIAS=0, EXPANDED=0, CAUSAL=0)  # attention to all keys
COLUMNS = {384: (2, 3), 768: (3, 6), 1024: (4, 8)}  # of a row: a lane's vectors, of 64 lanes and of a subgroup's 32
ROW_LANES = 64  # of a workgroup


def markdown(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def written(name, wgsl):
    COPIES.mkdir(exist_ok=True)
    file = COPIES / f"{name}.wgsl"
    file.write_text(wgsl)
    return file


def copy(kernel, **values):
    """A shader with these constants."""
    name = "-".join([kernel, *(f"{constant.lower()}{value}" for constant, value in values.items())])
    return written(name, specialised(Path(f"shaders/{kernel}.wgsl").read_text(), values))


def unrolled(file):
    return written(f"{file.stem}-unrolled", written_out(file.read_text()))


def extent(file):
    of = constants(file.read_text())
    return f"{4 * of['TILE_ROWS']} x {4 * of['TILE_COLUMNS']}"


def triple(figures):
    return ", ".join(f"{figure:.3f}" for figure in figures)


class Tables:
    """`taken`: from a chip to the files of what selection takes there."""

    def __init__(self, compilers, chips, taken):
        self.compilers = compilers
        self.chips = chips
        self.taken = {chip: [(file, constants(file.read_text())) for file in taken(chip)] for chip in chips}
        self.of_slots = {}

    def slots(self, requests):
        """From pairs of a chip and a file."""
        missing = [request for request in dict.fromkeys(requests) if request not in self.of_slots]

        def slots(request):
            chip, file = request
            return issue_slots(file.read_text(), self.compilers.assembly(chip, file))

        self.of_slots.update(zip(missing, self.compilers.each(slots, missing)))
        return [self.of_slots[request] for request in requests]

    def all_of(self, chip, kernel, **values):
        """What it takes of a kernel with these constants."""
        is_it = lambda file, of: file.stem.split("-")[0] == kernel and values.items() <= of.items()
        return [file for file, of in self.taken[chip] if is_it(file, of)]

    def of(self, chip, kernel, **values):
        """Of these the one of the most lanes: the others are for fewer rows, or for less workgroup memory."""
        lanes = lambda file: constants(file.read_text()).get("WORKGROUP_SIZE", 0)
        return max(self.all_of(chip, kernel, **values), key=lanes, default=None)

    def largest_tile(self, chip, bits):
        return self.of(chip, "linear_tile", WEIGHT_BITS=bits, ROW_VECTORS=2, TAIL=0)

    def tile(self, chip, bits, **values):
        """Of 128 x 64, as this vendor stages it, but for these values."""
        staging = constants(self.largest_tile(chip, bits).read_text())
        usual = {name: staging[name] for name in ("TOGETHER", "UNROLL")}
        usual |= dict(WEIGHT_BITS=bits, ROW_VECTORS=2, COLUMN_VECTORS=2, LANES_DOWN=16, LANES_ACROSS=8, TILE_K=16, TAIL=0)
        return copy("linear_tile", **usual | values)

    def cells(self, chips, files, cell):
        """One for each chip; none where there is no file."""
        made = self.compilers.statistics([(chip, file) for chip, file in zip(chips, files) if file])
        return [cell(made[chip, file]) if file else "" for chip, file in zip(chips, files)]

    def of_usual_width(self):
        """Estimates of subgroups of two widths do not compare, so of AMD's chips those of 64 lanes alone."""
        return [chip for chip in self.chips if "lanes" not in chip.name]

    def worst(self, chips, files_of):
        """The most registers, and the fewest subgroups that fit, of each chip's files."""
        of_chip = {chip: files_of(chip) for chip in chips}
        made = self.compilers.statistics([(chip, file) for chip, files in of_chip.items() for file in files])

        def cell(chip):
            of = [made[chip, file] for file in of_chip[chip]]
            return f"{max(it.registers for it in of)}, {min(it.fits for it in of)}" if of else ""

        return [cell(chip) for chip in chips]

    def head(self, *first, chips=None):
        return [*first, *(f"{chip}, {chip.vendor.unit}" for chip in chips or self.chips)]

    def linear_tiles(self):
        rows = []
        for chip in self.chips:
            files = [self.largest_tile(chip, bits) for bits in TYPES.values()]
            of = constants(files[0].read_text())
            staging = f"{'together' if of['TOGETHER'] else 'apart'}, {of['UNROLL']}"
            tile = extent(files[0]) + "".join(
                f", {name} {extent(file)}" for name, file in zip(TYPES, files) if extent(file) != extent(files[0]))
            made = self.compilers.statistics([(chip, file) for file in files]).values()
            registers = [it.registers for it in made]
            fits = f"{min(it.fits for it in made)} {chip.vendor.unit}"
            registers = ", ".join(map(str, registers if len(set(registers)) > 1 else registers[:1]))
            rows.append([chip, tile, staging, registers, fits, triple(self.slots([(chip, file) for file in files]))])
        return markdown(["chip", "tile", "staging, k of a pass", "registers: f32, f16, int8", "fits",
                         "slots: f32, f16, int8"], rows)

    def tiles_tried(self):
        def cell(chip, down, across):
            files = [self.tile(chip, bits, LANES_DOWN=down, LANES_ACROSS=across) for bits in TYPES.values()]
            return triple(self.slots([(chip, file) for file in files]))

        rows = [[name, *(cell(chip, *lanes) for chip in self.chips)] for name, lanes in TILES.items()]
        return markdown(["tile", *self.chips], rows)

    def slots_and_spills(self, files):
        spills = self.cells(self.chips, files, lambda it: f", {it.spilled} spilled" if it.spilled else "")
        slots = self.slots(list(zip(self.chips, files)))
        return [f"{slots:.3f}{spills}" for slots, spills in zip(slots, spills)]

    def passes_tried(self):
        rows = []
        for unroll in (1, 2, 4, 8, 16):
            files = [self.tile(chip, 32, UNROLL=unroll) for chip in self.chips]
            rows.append([unroll, *self.slots_and_spills(files)])
        return markdown(["k of a pass", *self.chips], rows)

    def lanes_tried(self):
        tried = {
            "8 x 8": {},
            "8 x 4": dict(COLUMN_VECTORS=1),
            "4 x 4, 32 of k": dict(ROW_VECTORS=1, COLUMN_VECTORS=1, LANES_DOWN=8, TILE_K=32),
        }
        rows = []
        for name, values in tried.items():
            rows.append([name, *self.slots_and_spills([self.tile(chip, 32, **values) for chip in self.chips])])
        return markdown(["outputs a lane", *self.chips], rows)

    def multiply_adds(self):
        """The kernels of linear layers that AMD's chips take, on RDNA3 at both widths."""
        chips = [chip for chip in self.chips if chip.name.startswith("navi31")]
        kernels = {
            "`linear_small`, one row": ("linear_small", dict(ROWS=1)),
            "`linear_small`, two rows": ("linear_small", dict(ROWS=2)),
            "`linear_column`": ("linear_column", {}),
            "`linear_tile`, 32 x 32": ("linear_tile", dict(ROW_VECTORS=1, TAIL=0)),
            "`linear_tile`, 64 x 64": ("linear_tile", dict(ROW_VECTORS=2, LANES_DOWN=8, TAIL=0)),
            "`linear_tile`, 128 x 64": ("linear_tile", dict(ROW_VECTORS=2, LANES_DOWN=16, TAIL=0)),
        }

        def cell(chip, kernel, values, bits):
            values = values if kernel == "linear_column" else values | dict(WEIGHT_BITS=bits)
            file = self.of(chip, kernel, **values)
            if not file or (kernel == "linear_column" and bits != 8):
                return ""
            of = share(file.read_text(), self.compilers.assembly(chip, file))
            return f"{of[0]} of {of[1]}, {100 * of[0] / of[1]:.1f} %"

        cells = [(chip, bits) for chip in chips for bits in TYPES.values()]
        rows = [[name, *(cell(chip, kernel, values, bits) for chip, bits in cells)]
                for name, (kernel, values) in kernels.items()]
        head = [f"{chip.name.removeprefix('navi31, ')}, {name}" for chip in chips for name in TYPES]
        return markdown(["kernel", *(it.replace("navi31", "64 lanes") for it in head)], rows)

    def by_one_subgroup(self):
        return self.subgroups_beside_tiles([chip for chip in self.chips if chip.vendor.driver in ("radv", "nvk", "apple")])

    def by_one_subgroup_unchecked(self):
        return self.subgroups_beside_tiles(self.without_checks())

    def subgroups_beside_tiles(self, chips):
        rows = []
        for name, bits in TYPES.items():
            files = [copy("linear_subgroup", LANES=64 if chip.vendor.driver == "radv" else 32, WEIGHT_BITS=bits)
                     for chip in chips]
            slots = self.slots(list(zip(chips, files)))
            fits = self.cells(chips, files, lambda it: f"{it.registers}, {it.fits}")
            tiles = self.slots([(chip, self.largest_tile(chip, bits)) for chip in chips])
            rows.append([f"`linear_tile`, {name}", *(f"{it:.3f}" for it in tiles)])
            rows.append([f"`linear_subgroup`, {name}", *(f"{it:.3f}; {fit}" for it, fit in zip(slots, fits))])
        return markdown(self.head("kernel", chips=chips), rows)

    def for_few_rows(self):
        def row(name, kernel, **values):
            return [name, *self.worst(self.chips, lambda chip: self.all_of(chip, kernel, **values))]

        return markdown(self.head("kernel"), [
            row("`linear_small`, one row", "linear_small", ROWS=1),
            row("`linear_small`, two rows", "linear_small", ROWS=2),
            row("`linear_column` (int8)", "linear_column"),
            row("`linear_tile`, 32 x 32", "linear_tile", ROW_VECTORS=1),
            row("`linear_tile`, 64 x 64", "linear_tile", ROW_VECTORS=2, LANES_DOWN=8),
        ])

    def few_rows_files(self, chip, bits):
        """Kernels for few rows, and of how many rows a subgroup computes all or none."""
        deep = 16 if bits == 32 else 32
        little = dict(ROW_VECTORS=1, COLUMN_VECTORS=1, LANES_DOWN=8, TILE_K=32)
        one, two = (copy("linear_small", ROWS=rows, TILE_K=deep if rows == 1 else 16, WEIGHT_BITS=bits) for rows in (1, 2))
        made = self.compilers.statistics([(chip, one), (chip, two)])
        rows_of = lambda rows, file: rows * max(min(made[chip, file].width, 64) // 16, 1)  # 16 lanes are in a row
        files = {"`linear_small`, one row": (one, rows_of(1, one)), "`linear_small`, two rows": (two, rows_of(2, two))}
        if bits == 8:
            files["`linear_column`"] = (copy("linear_column"), 8)
        files["`linear_tile`, 32 x 32"] = (self.tile(chip, bits, **little), 32)
        return files

    def without_checks(self):
        """A chip of each vendor whose driver pays for `robustBufferAccess` in every load."""
        return [chip for chip in self.chips if chip.name in ("Ada", "M1")]

    def slots_for_few_rows(self):
        return self.few_rows_slots(self.chips)

    def slots_for_few_rows_unchecked(self):
        return self.few_rows_slots(self.without_checks())

    def few_rows_slots(self, chips):
        rows = []
        for name, bits in TYPES.items():
            of_chip = [self.few_rows_files(chip, bits) for chip in chips]
            for kernel in of_chip[0]:
                files = [files[kernel] for files in of_chip]
                slots = self.slots([(chip, file) for chip, (file, _) in zip(chips, files)])
                cells = []
                for each, (_, held) in zip(slots, files):
                    of_rows = ([each * -(-m // held) * held / m for m in of_class] for of_class in ROWS.values())
                    cells.append(", ".join(f"{sum(of) / len(of):.2f}" for of in of_rows))
                rows.append([f"{name}, {kernel}", *cells])
        return markdown(["weights, kernel", *chips], rows)

    def attention(self):
        rows = []
        for head_dim in HEADS:
            files = [self.of(chip, "attention", HEAD_DIM=head_dim, **PLAIN) for chip in self.chips]
            of = constants(files[0].read_text())
            name = f"{head_dim}, {of['QUERY_TILE']} x {of['KEY_TILE']}"
            rows.append([name, *self.cells(self.chips, files, lambda it: f"{it.registers}, {it.fits}")])
        return markdown(self.head("head_dim, queries x keys"), rows)

    def attention_of_every_kind(self):
        def row(name, **values):
            files = lambda chip: [file for head_dim in HEADS
                                  for file in self.all_of(chip, "attention", HEAD_DIM=head_dim, **values)]
            return [name, *self.worst(self.chips, files)]

        return markdown(self.head("which keys"), [
            row("all", EXPANDED=0, CAUSAL=0, WINDOW=0, BIAS=0),
            row("a window", EXPANDED=0, CAUSAL=0, WINDOW=1, BIAS=0),
            row("a bias", EXPANDED=0, CAUSAL=0, WINDOW=0, BIAS=1),
            row("both", EXPANDED=0, CAUSAL=0, WINDOW=1, BIAS=1),
            row("expanded, with any of these", EXPANDED=1, CAUSAL=0),
            row("causal", EXPANDED=0, CAUSAL=1, WINDOW=0, BIAS=0),
            row("causal, with any of all these", CAUSAL=1),
        ])

    def attention_costs(self):
        chips = self.of_usual_width()
        rows = []
        for head_dim in HEADS[1:]:
            files = [unrolled(self.of(chip, "attention", HEAD_DIM=head_dim, **PLAIN)) for chip in chips]
            rows.append([head_dim, *self.cells(chips, files, lambda it: f"{it.cost:.4g}")])
        return markdown(["head_dim", *chips], rows)

    def disentangled_attention(self):
        rows = []
        for head_dim in (5, 32, 64, 80, 96, 128, 256):
            files = [self.of(chip, "disentangled_attention", HEAD_DIM=head_dim) for chip in self.chips]
            tiles = dict.fromkeys(f"{of['QUERY_TILE']} x {of['KEY_TILE']}" for of in
                                  (constants(file.read_text()) for file in files))
            name = f"{head_dim}, {'; Apple '.join(tiles)}"
            rows.append([name, *self.cells(self.chips, files, lambda it: f"{it.registers}, {it.fits}")])
        return markdown(self.head("head_dim, queries x keys"), rows)

    def row_kernels(self):
        lanes = dict(WORKGROUP_SIZE=64, VECTORS_PER_LANE=2)
        kernels = {
            "`layer_norm_vec4`": copy("layer_norm_vec4", **lanes, RESIDUAL=1, RMS=0),
            "the same, RMS norm": copy("layer_norm_vec4", **lanes, RESIDUAL=1, RMS=1),
            "`embedding_sum_vec4`": copy("embedding_sum_vec4", **lanes, WEIGHT_BITS=16),
            "`pool_vec4`": copy("pool_vec4", **lanes, MODE=0, NORMALIZE=1),
            "`softmax_vec4`": copy("softmax_vec4", **lanes),
        }
        chips = self.of_usual_width()
        cell = lambda it: f"{it.registers}, {it.fits}; {it.cost:.0f}"
        rows = [[name, *self.cells(chips, [file] * len(chips), cell)] for name, file in kernels.items()]
        return markdown(self.head("kernel", chips=chips), rows)

    def instructions_of_rows(self):
        """One column at a time -> four; the loop of pooling over tokens counts once."""
        chip, = (chip for chip in self.chips if chip.vendor.driver == "apple")
        kernels = {
            "layer norm": ("layer_norm", dict(RESIDUAL=1, RMS=0)),
            "embedding sum": ("embedding_sum", dict(WEIGHT_BITS=16)),
            "pooling": ("pool", dict(MODE=0, NORMALIZE=1)),
        }

        def cell(columns, vectors, kernel, values):
            lanes = dict(WORKGROUP_SIZE=ROW_LANES)
            one = copy(kernel, **lanes, COLUMNS_PER_LANE=columns // ROW_LANES, **values)
            four = copy(f"{kernel}_vec4", **lanes, VECTORS_PER_LANE=vectors, **values)
            made = self.compilers.statistics([(chip, one), (chip, four)]).values()
            return " -> ".join(str(it.instructions * ROW_LANES // it.width) for it in made)

        rows = [[columns, *(cell(columns, vectors, *of) for of in kernels.values())]
                for columns, (vectors, _) in COLUMNS.items()]
        return markdown(["columns", *kernels], rows)

    def instructions_of_rows_unchecked(self):
        return self.instructions_of_rows()

    def by_a_subgroup(self):
        kernels = {
            "layer norm": ("layer_norm", dict(RESIDUAL=1, RMS=0)),
            "RMS norm": ("layer_norm", dict(RESIDUAL=1, RMS=1)),
            "softmax": ("softmax", {}),
            "pooling": ("pool", dict(MODE=0, NORMALIZE=1)),
        }
        chips = [chip for chip in self.chips if chip.vendor.driver in ("nvk", "apple")]
        rows = []
        for name, (kernel, values) in kernels.items():
            for columns, (of_64, of_32) in COLUMNS.items():
                usual = copy(f"{kernel}_vec4", WORKGROUP_SIZE=64, VECTORS_PER_LANE=of_64, **values)
                files = [copy(f"{kernel}_subgroup", LANES=32, VECTORS_PER_LANE=of_32, **values,
                              SHUFFLES=int(chip.vendor.driver != "apple")) for chip in chips]
                before = self.cells(chips, [usual] * len(chips), lambda it: f"{it.cost:.0f}")
                after = self.cells(chips, files, lambda it: f"{it.cost:.0f}; {it.registers}, {it.fits}")
                rows.append([f"{name}, {columns}", *(f"{old} -> {new}" for old, new in zip(before, after))])
        return markdown(self.head("kernel, columns", chips=chips), rows)

    def with_matrices(self):
        """The chips that have them; AMD's subgroups are 64 wide then, whatever it is asked for."""
        return [chip for chip in self.of_usual_width() if chip.matrices]

    def linear_cooperative(self):
        rows = []
        for chip, tile_rows in product(self.with_matrices(), (64, 16)):
            file = self.of(chip, "linear_cooperative_16", TILE_ROWS=tile_rows)
            tile = self.largest_tile(chip, TYPES["f16"])
            made = self.compilers.statistics([(chip, file)])[chip, file]
            fits = f"{made.fits} {chip.vendor.unit}"
            lanes = constants(file.read_text())["WORKGROUP_SIZE"]
            count, others, slots = matrix_slots(file.read_text(), self.compilers.assembly(chip, file), made.width)
            tile_slots, = self.slots([(chip, tile)])
            rows.append([chip, f"{tile_rows} x 64", lanes, made.registers, made.spilled, fits, f"{count} and {others}", f"{slots:.3f}",
                         f"{tile_slots:.3f}"])
        return markdown(["chip", "tile", "lanes of a workgroup", "registers", "spilled", "fits",
                         "matrix instructions and other slots, for 32 k", "slots per multiply-add",
                         "of `linear_tile`, f16"], rows)

    def linear_estimates(self):
        """Per 1000 products of one pass of the loop over k, as if the compiler's estimate were of that pass alone."""
        rows = []
        for chip in self.with_matrices():
            files = self.of(chip, "linear_cooperative_16"), self.largest_tile(chip, TYPES["f16"])
            made = self.compilers.statistics([(chip, file) for file in files])
            cells = []
            for file in files:
                of, it = constants(file.read_text()), made[chip, file]
                outputs = of["BLOCK_ROWS"] * of["BLOCK_COLUMNS"] if "MATRIX" in of else 64 * it.width
                cells.append(f"{it.estimate:.0f}, {1000 * it.estimate / (outputs * of['TILE_K']):.1f}")
            rows.append([chip, *cells])
        return markdown(["chip", "`linear_cooperative_16`: of a subgroup, per 1000 products", "`linear_tile`, f16"], rows)

    def attention_cooperative(self):
        chips = self.with_matrices()
        rows = []
        for head_dim in (3, 32, 64, 80, 96, 128):
            files = {causal: [self.of(chip, "attention_cooperative_16", HEAD_DIM=head_dim, CAUSAL=causal) or
                              copy("attention_cooperative_16", HEAD_DIM=head_dim, WORKGROUP_SIZE=256, CAUSAL=causal)
                              for chip in chips] for causal in (0, 1)}
            cell = lambda it: f"{it.registers}, {it.fits}"
            cells = zip(*(self.cells(chips, files[causal], cell) for causal in files))
            memory = workgroup_memory(files[0][-1].read_text()) / 1024
            rows.append([head_dim, f"{memory:.1f} KiB", *("; ".join(pair) for pair in cells)])
        return markdown(self.head("head_dim", "workgroup memory", chips=chips), rows)

    def attention_cooperative_costs(self):
        chips = self.with_matrices()
        rows = []
        for head_dim in (32, 64, 80, 96, 128):
            usual = [unrolled(self.of(chip, "attention", HEAD_DIM=head_dim, **PLAIN)) for chip in chips]
            files = [unrolled(copy("attention_cooperative_16", HEAD_DIM=head_dim, CAUSAL=0,
                                   WORKGROUP_SIZE=256 if chip.vendor.driver == "radv" else 128)) for chip in chips]
            cost = lambda it: f"{it.cost:.4g}"
            pairs = zip(self.cells(chips, usual, cost), self.cells(chips, files, cost))
            rows.append([head_dim, *(" -> ".join(pair) for pair in pairs)])
        return markdown(["head_dim", *chips], rows)


TABLES = [Tables.linear_tiles, Tables.tiles_tried, Tables.passes_tried, Tables.lanes_tried, Tables.multiply_adds,
          Tables.by_one_subgroup, Tables.for_few_rows, Tables.slots_for_few_rows, Tables.attention,
          Tables.attention_of_every_kind, Tables.attention_costs, Tables.disentangled_attention, Tables.row_kernels,
          Tables.instructions_of_rows, Tables.by_a_subgroup, Tables.linear_cooperative, Tables.linear_estimates,
          Tables.attention_cooperative, Tables.attention_cooperative_costs]
# Of what is compiled without `robustBufferAccess`.
UNCHECKED = [Tables.by_one_subgroup_unchecked, Tables.slots_for_few_rows_unchecked,
             Tables.instructions_of_rows_unchecked]
