// Nothing but multiply-adds: three chains of four a lane, 32 times LOOPS long. Few enough that a CPU with 16 registers
// keeps them there, enough to hide what one takes; written out, so that the loop is little. The result keeps them from
// being left out.

override LOOPS: u32;
override SCALE: f32;  // below 1, so that no chain leaves the range

@group(0) @binding(0) var<storage, read_write> y: array<vec4<f32>>;

fn once(chains: mat3x4<f32>, scale: vec4<f32>, offset: vec4<f32>) -> mat3x4<f32> {
    return mat3x4(
        fma(chains[0], scale, offset),
        fma(chains[1], scale, offset),
        fma(chains[2], scale, offset),
    );
}

fn four_times(chains: mat3x4<f32>, scale: vec4<f32>, offset: vec4<f32>) -> mat3x4<f32> {
    let twice = once(once(chains, scale, offset), scale, offset);
    return once(once(twice, scale, offset), scale, offset);
}

@compute @workgroup_size(64)
fn arithmetic(@builtin(global_invocation_id) id: vec3<u32>) {
    let scale = vec4(SCALE);
    let offset = vec4(f32(id.x & 15u));
    let start = offset + vec4(1.0, 2.0, 3.0, 4.0);
    var chains = mat3x4(start, start + 4.0, start + 8.0);
    for (var i = 0u; i < LOOPS; i += 1u) {
        chains = four_times(chains, scale, offset);
        chains = four_times(chains, scale, offset);
        chains = four_times(chains, scale, offset);
        chains = four_times(chains, scale, offset);
        chains = four_times(chains, scale, offset);
        chains = four_times(chains, scale, offset);
        chains = four_times(chains, scale, offset);
        chains = four_times(chains, scale, offset);
    }
    y[id.x] = chains[0] + chains[1] + chains[2];
}
