// Each token beside its neighbours, column by column: y[t, c * size + j] = x[t + j - size / 2, c], and 0 where that is
// outside of t's own sequence.
// One workgroup per sequence and token of it, as many as the longest has; lanes share the token's row.

struct Params {
    first_workgroup: u32,  // of those that run now
    sequences: u32,
    tiles: u32,            // tokens of the longest sequence
    cols: u32,             // elements per row of x
    size: u32,             // tokens side by side, odd
}

@group(0) @binding(0) var<storage, read> x: array<f32>;                // [tokens, cols]
@group(0) @binding(1) var<storage, read> segment_offsets: array<u32>;  // [sequences + 1]
@group(0) @binding(2) var<storage, read_write> y: array<f32>;          // [tokens, cols * size]
@group(1) @binding(0) var<uniform> params: Params;

const WORKGROUP_SIZE: u32 = 64u;

@compute @workgroup_size(WORKGROUP_SIZE)
fn unfold(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = params.first_workgroup + workgroup.x + workgroup.y * workgroups.x;
    let sequence = tile / params.tiles;
    if sequence < params.sequences {
        let start = segment_offsets[sequence];
        let end = segment_offsets[sequence + 1u];
        let token = start + tile % params.tiles;
        if token < end {
            let width = params.cols * params.size;
            for (var i = lane; i < width; i += WORKGROUP_SIZE) {
                // How far behind the sequence's start; what is before it wraps around, and is past the end too.
                let place = token - start + i % params.size - params.size / 2u;
                var v = 0.0;
                if place < end - start { v = x[(start + place) * params.cols + i / params.size]; }
                y[token * width + i] = v;
            }
        }
    }
}
