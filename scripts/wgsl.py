"""Modules of WGSL as tests write them: their constants, and copies with other ones or without loops."""

import re


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
