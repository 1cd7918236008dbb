// Softmax attention over packed segments, scores never materialised:
// y[q] = sum over keys of softmax(scale * query[q] . key) * value, within q's own segment.
// One workgroup per segment, tile of queries and head; one lane per query. Tiles of keys and values pass
// through workgroup memory, and the softmax is online: rescaled once per KEYS keys, counted from the segment's start.
// Any head_dim up to 256.

struct Params {
    tokens: u32,
    sequences: u32,
    heads: u32,
    query_tiles: u32,  // tiles of QUERY_TILE queries in the longest segment
    scale: f32,
}

@group(0) @binding(0) var<storage, read> qkv: array<f32>;              // query, key, value: [3, heads, tokens, head_dim]
@group(0) @binding(1) var<storage, read> segment_offsets: array<u32>;  // [sequences + 1]
@group(0) @binding(2) var<storage, read_write> y: array<f32>;          // [tokens, heads * head_dim]
@group(1) @binding(0) var<uniform> params: Params;

const QUERY_TILE: u32 = 64u;  // the workgroup's size
const KEY_TILE: u32 = 16u;   // a multiple of KEYS
const KEYS: u32 = 4u;        // scored at once; drivers unroll the loops over them and over a row
const HEAD_DIM: u32 = 32u;
const VECTORS: u32 = (HEAD_DIM + 3u) / 4u;  // of a head's row, its tail filled with zeros
const LOWEST: f32 = -3.4028235e38;

var<workgroup> key_tile: array<vec4<f32>, KEY_TILE * VECTORS>;
var<workgroup> value_tile: array<vec4<f32>, KEY_TILE * VECTORS>;

// Elements 4 * d4..4 * d4 + 3 of one token's row in query (part 0), key (1) or value (2).
fn load(part: u32, head: u32, token: u32, d4: u32) -> vec4<f32> {
    let start = ((part * params.heads + head) * params.tokens + token) * HEAD_DIM;
    var v = vec4(0.0);
    for (var i = 0u; i < 4u; i++) {
        let d = 4u * d4 + i;
        if d < HEAD_DIM { v[i] = qkv[start + d]; }
    }
    return v;
}

@compute @workgroup_size(QUERY_TILE)
fn attention(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = workgroup.x + workgroup.y * workgroups.x;
    let head = tile % params.heads;
    let query_tile = tile / params.heads % params.query_tiles;
    let sequence = tile / params.heads / params.query_tiles;
    if sequence < params.sequences {
        let start = segment_offsets[sequence];
        let end = segment_offsets[sequence + 1u];
        let first_query = start + query_tile * QUERY_TILE;
        if first_query < end {
            // Lanes past the end repeat the last query and store nothing: every lane meets every barrier.
            let token = min(first_query + lane, end - 1u);
            var query: array<vec4<f32>, VECTORS>;
            var context: array<vec4<f32>, VECTORS>;
            for (var d4 = 0u; d4 < VECTORS; d4++) {
                query[d4] = load(0u, head, token, d4) * (params.scale * 1.442695);  // log2(e), for exp2
            }

            var row_max = LOWEST;
            var row_sum = 0.0;
            var scores: array<f32, KEYS>;
            for (var first_key = start; first_key < end; first_key += KEY_TILE) {
                for (var i = lane; i < KEY_TILE * VECTORS; i += QUERY_TILE) {
                    let key = min(first_key + i / VECTORS, end - 1u);
                    key_tile[i] = load(1u, head, key, i % VECTORS);
                    value_tile[i] = load(2u, head, key, i % VECTORS);
                }
                workgroupBarrier();

                for (var first = 0u; first < KEY_TILE; first += KEYS) {
                    var new_max = row_max;
                    for (var j = 0u; j < KEYS; j++) {
                        var score = 0.0;
                        for (var d4 = 0u; d4 < VECTORS; d4++) {
                            score += dot(query[d4], key_tile[(first + j) * VECTORS + d4]);
                        }
                        scores[j] = select(LOWEST, score, first_key + first + j < end);
                        new_max = max(new_max, scores[j]);
                    }

                    let rescale = exp2(row_max - new_max);
                    row_max = new_max;
                    row_sum *= rescale;
                    for (var d4 = 0u; d4 < VECTORS; d4++) {
                        context[d4] *= rescale;
                    }
                    for (var j = 0u; j < KEYS; j++) {
                        let weight = exp2(scores[j] - new_max);  // 0 past the end
                        row_sum += weight;
                        for (var d4 = 0u; d4 < VECTORS; d4++) {
                            context[d4] = fma(vec4(weight), value_tile[(first + j) * VECTORS + d4], context[d4]);
                        }
                    }
                }
                workgroupBarrier();
            }

            if first_query + lane < end {
                let y_start = (token * params.heads + head) * HEAD_DIM;
                for (var d = 0u; d < HEAD_DIM; d++) {
                    y[y_start + d] = context[d / 4u][d % 4u] / row_sum;
                }
            }
        }
    }
}
