// Each token beside its neighbours, column by column, on textures: y[t, c * size + j] = x[t + j - size / 2, c], and 0 where
// that is outside of t's own sequence. cols is a multiple of 4.
// One workgroup per sequence and as many tokens of it as there are lanes, one lane per token. A texel has up to four
// columns of x: they are loaded one by one, as texels are cheap on the adapters this is for.

struct Params {
    first_workgroup: u32,  // of those that run now
    sequences: u32,
    tiles: u32,            // tiles of WORKGROUP_SIZE tokens in the longest sequence
    cols: u32,             // elements per row of x
    size: u32,             // tokens side by side, odd
}

@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;    // [tokens, cols]
@group(0) @binding(1) var<storage, read> segment_offsets: array<u32>;  // [sequences + 1]
@group(0) @binding(2) var y: texture_storage_2d<rgba32float, write>;   // [tokens, cols * size]
@group(1) @binding(0) var<uniform> params: Params;

const WORKGROUP_SIZE: u32 = 8u;

// Element i of the result's row for the token at `place` in start..end.
fn value_at(i: u32, place: u32, start: u32, end: u32) -> f32 {
    // What is before the sequence's start wraps around, and is past the end too.
    let neighbour = place + i % params.size - params.size / 2u;
    let c = i / params.size;
    var v = 0.0;
    if neighbour < end - start { v = textureLoad(x, vec2(c / 4u, start + neighbour))[c % 4u]; }
    return v;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn unfold_texture(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = params.first_workgroup + workgroup.x + workgroup.y * workgroups.x;
    let sequence = tile / params.tiles;
    if sequence < params.sequences {
        let start = segment_offsets[sequence];
        let end = segment_offsets[sequence + 1u];
        let place = tile % params.tiles * WORKGROUP_SIZE + lane;
        if start + place < end {
            let width = params.cols / 4u * params.size;
            for (var c4 = 0u; c4 < width; c4++) {
                var v = vec4(0.0);
                for (var n = 0u; n < 4u; n++) { v[n] = value_at(4u * c4 + n, place, start, end); }
                textureStore(y, vec2(c4, start + place), v);
            }
        }
    }
}
