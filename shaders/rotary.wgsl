// Rotary position embedding of query and key; values are copied. Of a row x with the (c, s) of its token, and
// half = rotated / 2:
// y[d] = x[d] * c[d] - x[d + half] * s[d]; y[d + half] = x[d + half] * c[d] + x[d] * s[d], for d < half; others are copied.
// One lane per element.

struct Params {
    first_workgroup: u32,  // of those that run now
    count: u32,            // elements
    heads: u32,
    tokens: u32,
    head_dim: u32,
    rotated: u32,          // elements of a row that are turned, the first
}

@group(0) @binding(0) var<storage, read> qkv: array<f32>;        // query, key, value: [3, heads, tokens, head_dim]
@group(0) @binding(1) var<storage, read> rotations: array<f32>;  // [tokens, rotated]: a cosine, then a sine
@group(0) @binding(2) var<storage, read_write> y: array<f32>;    // as qkv
@group(1) @binding(0) var<uniform> params: Params;

const WORKGROUP_SIZE: u32 = 64u;

@compute @workgroup_size(WORKGROUP_SIZE)
fn rotary(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = (params.first_workgroup + workgroup.x + workgroup.y * workgroups.x) * WORKGROUP_SIZE + lane;
    if i < params.count {
        let d = i % params.head_dim;
        let row = i / params.head_dim;  // of a part, a head and a token
        var v = qkv[i];
        if d < params.rotated && row < 2u * params.heads * params.tokens {
            let half = params.rotated / 2u;
            let is_first = d < half;
            let partner = qkv[select(i - half, i + half, is_first)];
            let at = row % params.tokens * params.rotated + 2u * (d % half);
            let cosine = rotations[at];
            let sine = rotations[at + 1u];
            v = fma(v, cosine, select(partner, -partner, is_first) * sine);
        }
        y[i] = v;
    }
}
