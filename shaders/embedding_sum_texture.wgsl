// An encoder's front end: word + position + token type, and if NORM, as BERT has it, the layer norm of that, into a
// texture:
// v = word[ids[t]] + position[positions[t]] + kind[types[t]];
// y[t, c] = v[c], or (v[c] - mean(v)) / sqrt(variance(v) + eps) * weight[c] + bias[c].
// One lane per token; a row is summed up three times rather than held in registers (see layer_norm_texture.wgsl).
// hidden is a multiple of 4.

struct Params {
    first_workgroup: u32,  // of those that run now
    tokens: u32,
    hidden: u32,
    max_positions: u32,
    max_types: u32,
    eps: f32,
}

@group(0) @binding(0) var<storage, read> indices: array<u32>;            // ids, positions and types: [3, tokens]
@group(0) @binding(1) var<storage, read> word: array<vec2<u32>>;         // [vocabulary, hidden]: four f16, or two f32, a vector
@group(0) @binding(2) var small: texture_storage_2d<rgba32float, read>;  // position [max_positions, hidden], type [max_types, hidden]; if NORM, weight [hidden], bias [hidden]
@group(0) @binding(3) var y: texture_storage_2d<rgba32float, write>;     // [tokens, hidden]
@group(1) @binding(0) var<uniform> params: Params;

const WORKGROUP_SIZE: u32 = 8u;
const WEIGHT_BITS: u32 = 32u;
const NORM: u32 = 1u;  // 1: there is one

fn word_at(vector: u32) -> vec4<f32> {
    if WEIGHT_BITS == 16u {
        return vec4(unpack2x16float(word[vector].x), unpack2x16float(word[vector].y));
    }
    return bitcast<vec4<f32>>(vec4(word[2u * vector], word[2u * vector + 1u]));
}

// Where a token's three rows begin or are.
struct Rows {
    word: u32,
    position: u32,
    kind: u32,
}

fn value_at(c4: u32, rows: Rows) -> vec4<f32> {
    return word_at(rows.word + c4)
        + textureLoad(small, vec2(c4, rows.kind))
        + textureLoad(small, vec2(c4, rows.position));
}

fn sum_of(v: vec4<f32>) -> f32 {
    return (v.x + v.y) + (v.z + v.w);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn embedding_sum_texture(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let token = (params.first_workgroup + workgroup.x + workgroup.y * workgroups.x) * WORKGROUP_SIZE + lane;
    if token < params.tokens {
        let width = params.hidden / 4u;
        let hidden = f32(params.hidden);
        let weight_row = params.max_positions + params.max_types;
        let rows = Rows(indices[token] * width, indices[params.tokens + token], params.max_positions + indices[2u * params.tokens + token]);

        var mean = 0.0;
        var scale = 1.0;
        if NORM == 1u {
            var sums = vec4(0.0);
            for (var c4 = 0u; c4 < width; c4++) {
                sums += value_at(c4, rows);
            }
            mean = sum_of(sums) / hidden;
            var squares = vec4(0.0);
            for (var c4 = 0u; c4 < width; c4++) {
                let centred = value_at(c4, rows) - mean;
                squares += centred * centred;
            }
            scale = 1.0 / sqrt(sum_of(squares) / hidden + params.eps);
        }

        for (var c4 = 0u; c4 < width; c4++) {
            var value = value_at(c4, rows);
            if NORM == 1u {
                let normal = (value - mean) * scale;
                let weight = textureLoad(small, vec2(c4, weight_row));
                let bias = textureLoad(small, vec2(c4, weight_row + 1u));
                value = fma(normal, weight, bias);
            }
            textureStore(y, vec2(c4, token), value);
        }
    }
}
