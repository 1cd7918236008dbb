// Rotary position embedding of query and key, on textures; values are copied. Of a row x with the (c, s) of its token, and
// half = rotated / 2, a multiple of 4:
// y[d] = x[d] * c[d] - x[d + half] * s[d]; y[d + half] = x[d + half] * c[d] + x[d] * s[d], for d < half; others are copied.
// One workgroup per head of query, key or value and as many tokens as it has lanes, one lane per token.

struct Params {
    first_workgroup: u32,  // of those that run now
    tokens: u32,
    heads: u32,
    head_dim: u32,
    rotated: u32,          // elements of a row that are turned, the first
}

// A texel is four columns.
@group(0) @binding(0) var qkv: texture_storage_2d<rgba32float, read>;        // query, key, value: tokens high, 3 * heads * head_dim / 4 wide
@group(0) @binding(1) var rotations: texture_storage_2d<rgba32float, read>;  // tokens high, rotated / 4 wide: a cosine, then a sine
@group(0) @binding(2) var y: texture_storage_2d<rgba32float, write>;         // as qkv
@group(1) @binding(0) var<uniform> params: Params;

const WORKGROUP_SIZE: u32 = 8u;

@compute @workgroup_size(WORKGROUP_SIZE)
fn rotary_texture(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = params.first_workgroup + workgroup.x + workgroup.y * workgroups.x;
    let head = tile % (3u * params.heads);  // of query, then of key, then of value
    let token = tile / (3u * params.heads) * WORKGROUP_SIZE + lane;
    if token < params.tokens {
        let start = head * params.head_dim / 4u;
        var half = params.rotated / 8u;  // in texels
        if head >= 2u * params.heads { half = 0u; }
        for (var c4 = 0u; c4 < half; c4++) {
            let first = textureLoad(qkv, vec2(start + c4, token));
            let second = textureLoad(qkv, vec2(start + half + c4, token));
            let turn0 = textureLoad(rotations, vec2(2u * c4, token));
            let turn1 = textureLoad(rotations, vec2(2u * c4 + 1u, token));
            let cosine = vec4(turn0.xz, turn1.xz);
            let sine = vec4(turn0.yw, turn1.yw);
            textureStore(y, vec2(start + c4, token), fma(first, cosine, -second * sine));
            textureStore(y, vec2(start + half + c4, token), fma(second, cosine, first * sine));
        }
        for (var c4 = 2u * half; c4 < params.head_dim / 4u; c4++) {
            textureStore(y, vec2(start + c4, token), textureLoad(qkv, vec2(start + c4, token)));
        }
    }
}
