// Softmax attention over packed segments, scores never materialised:
// y[q] = sum over keys of softmax(scale * query[q] . key) * value, within q's own segment.
// One subgroup per segment, tile of ROWS queries and head, all in registers. A query's row lies across the
// lanes, each lane scores keys of its own, and what the others hold is passed round by shuffles at constant
// lanes. The softmax is online: rescaled once per tile of keys. head_dim is a multiple of 4.
// For software adapters, where workgroup memory and barriers cost more than they save.
// A workgroup is one subgroup: LANES must be the adapter's only subgroup size.

struct Params {
    tokens: u32,
    sequences: u32,
    heads: u32,
    query_tiles: u32,  // tiles of ROWS queries in the longest segment
    scale: f32,
}

@group(0) @binding(0) var<storage, read> qkv: array<vec4<f32>>;        // query, key, value: [3, heads, tokens, head_dim]
@group(0) @binding(1) var<storage, read> segment_offsets: array<u32>;  // [sequences + 1]
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;    // [tokens, heads * head_dim]
@group(1) @binding(0) var<uniform> params: Params;

const LANES: u32 = 8u;
const ROWS: u32 = 32u;  // queries of a tile
const KEYS: u32 = 2u;   // keys of a tile, per lane
const HEAD_DIM: u32 = 32u;
const VECTORS: u32 = HEAD_DIM / 4u;                        // of a head's row
const LANE_VECTORS: u32 = (VECTORS + LANES - 1u) / LANES;  // of them, per lane
const LOWEST: f32 = -3.4028235e38;

// Where a token's row starts in query (part 0), key (1) or value (2), in vectors.
fn row_start(part: u32, head: u32, token: u32) -> u32 {
    return ((part * params.heads + head) * params.tokens + token) * VECTORS;
}

@compute @workgroup_size(LANES)
fn attention_subgroup(
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
        let first_query = start + query_tile * ROWS;
        if first_query < end {
            // Rows past the end repeat the last query and are never stored.
            var query: array<vec4<f32>, ROWS * LANE_VECTORS>;
            for (var r = 0u; r < ROWS; r++) {
                let query_start = row_start(0u, head, min(first_query + r, end - 1u));
                for (var v = 0u; v < LANE_VECTORS; v++) {
                    let d4 = v * LANES + lane;
                    if d4 < VECTORS {
                        query[r * LANE_VECTORS + v] = qkv[query_start + d4] * (params.scale * 1.442695);  // log2(e), for exp2
                    }
                }
            }

            var context: array<vec4<f32>, ROWS * LANE_VECTORS>;
            var weights: array<f32, ROWS * KEYS>;  // scores first
            var row_max: array<f32, ROWS>;
            var row_sum: array<f32, ROWS>;         // of this lane's keys; the lanes are added up at the end
            var keys: array<vec4<f32>, KEYS>;
            for (var r = 0u; r < ROWS; r++) { row_max[r] = LOWEST; }
            for (var first_key = start; first_key < end; first_key += LANES * KEYS) {
                for (var i = 0u; i < ROWS * KEYS; i++) { weights[i] = 0.0; }
                for (var v = 0u; v < LANE_VECTORS; v++) {
                    for (var l = 0u; l < LANES; l++) {
                        let d4 = v * LANES + l;
                        if d4 < VECTORS {
                            for (var j = 0u; j < KEYS; j++) {
                                keys[j] = qkv[row_start(1u, head, min(first_key + j * LANES + lane, end - 1u)) + d4];
                            }
                            for (var r = 0u; r < ROWS; r++) {
                                let part = subgroupShuffle(query[r * LANE_VECTORS + v], l);
                                for (var j = 0u; j < KEYS; j++) {
                                    var score = weights[r * KEYS + j];
                                    score = fma(part.x, keys[j].x, score);
                                    score = fma(part.y, keys[j].y, score);
                                    score = fma(part.z, keys[j].z, score);
                                    score = fma(part.w, keys[j].w, score);
                                    weights[r * KEYS + j] = score;
                                }
                            }
                        }
                    }
                }

                for (var r = 0u; r < ROWS; r++) {
                    var lane_max = LOWEST;
                    for (var j = 0u; j < KEYS; j++) {
                        if first_key + j * LANES + lane >= end { weights[r * KEYS + j] = LOWEST; }
                        lane_max = max(lane_max, weights[r * KEYS + j]);
                    }
                    let new_max = max(row_max[r], subgroupMax(lane_max));
                    let rescale = exp2(row_max[r] - new_max);
                    row_max[r] = new_max;
                    row_sum[r] *= rescale;
                    for (var v = 0u; v < LANE_VECTORS; v++) { context[r * LANE_VECTORS + v] *= rescale; }
                    for (var j = 0u; j < KEYS; j++) {
                        let weight = exp2(weights[r * KEYS + j] - new_max);  // 0 past the end
                        weights[r * KEYS + j] = weight;
                        row_sum[r] += weight;
                    }
                }

                for (var v = 0u; v < LANE_VECTORS; v++) {
                    let d4 = min(v * LANES + lane, VECTORS - 1u);  // lanes past the head repeat its end
                    for (var j = 0u; j < KEYS; j++) {
                        for (var l = 0u; l < LANES; l++) {
                            let value = qkv[row_start(2u, head, min(first_key + j * LANES + l, end - 1u)) + d4];
                            for (var r = 0u; r < ROWS; r++) {
                                let weight = subgroupShuffle(weights[r * KEYS + j], l);
                                context[r * LANE_VECTORS + v] = fma(vec4(weight), value, context[r * LANE_VECTORS + v]);
                            }
                        }
                    }
                }
            }

            for (var r = 0u; r < ROWS; r++) {
                let sum = subgroupAdd(row_sum[r]);
                for (var v = 0u; v < LANE_VECTORS; v++) {
                    let d4 = v * LANES + lane;
                    if first_query + r < end && d4 < VECTORS {
                        y[((first_query + r) * params.heads + head) * VECTORS + d4] = context[r * LANE_VECTORS + v] / sum;
                    }
                }
            }
        }
    }
}
