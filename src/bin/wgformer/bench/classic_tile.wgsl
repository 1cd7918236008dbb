// y = a · b as textbooks have it: a workgroup of 256 lanes per 64 x 64 outputs, 64 x 16 of a and 16 x 64 of b at a time in
// workgroup memory, 4 x 4 outputs in each lane's registers. M and N are multiples of 64, K of 16.

@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;        // [M, K]
@group(0) @binding(1) var<storage, read> b: array<vec4<f32>>;        // [K, N]
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;  // [M, N]

override N: u32;
override K: u32;

var<workgroup> a_tile: array<vec4<f32>, 256>;  // [64 rows][16 / 4]
var<workgroup> b_tile: array<vec4<f32>, 256>;  // [16 rows][64 / 4]

@compute @workgroup_size(16, 16)
fn classic_tile(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_id) place: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first_row = workgroup.y * 64u;
    let first_column4 = workgroup.x * 16u;
    var sums: array<vec4<f32>, 4>;
    for (var first_k = 0u; first_k < K; first_k += 16u) {
        a_tile[lane] = a[(first_row + lane / 4u) * (K / 4u) + first_k / 4u + lane % 4u];
        b_tile[lane] = b[(first_k + lane / 16u) * (N / 4u) + first_column4 + lane % 16u];
        workgroupBarrier();
        for (var k4 = 0u; k4 < 4u; k4++) {
            let b0 = b_tile[(4u * k4) * 16u + place.x];
            let b1 = b_tile[(4u * k4 + 1u) * 16u + place.x];
            let b2 = b_tile[(4u * k4 + 2u) * 16u + place.x];
            let b3 = b_tile[(4u * k4 + 3u) * 16u + place.x];
            for (var row = 0u; row < 4u; row++) {
                let four = a_tile[(4u * place.y + row) * 4u + k4];
                sums[row] = fma(vec4(four.x), b0, sums[row]);
                sums[row] = fma(vec4(four.y), b1, sums[row]);
                sums[row] = fma(vec4(four.z), b2, sums[row]);
                sums[row] = fma(vec4(four.w), b3, sums[row]);
            }
        }
        workgroupBarrier();
    }
    for (var row = 0u; row < 4u; row++) {
        y[(first_row + 4u * place.y + row) * (N / 4u) + first_column4 + place.x] = sums[row];
    }
}
