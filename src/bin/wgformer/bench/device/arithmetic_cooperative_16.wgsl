enable f16;
enable wgpu_cooperative_matrix;

// Nothing but products of 16x16 matrices of f16, added up in f32: four chains a subgroup, LOOPS times over.

override LOOPS: u32;
override SCALE: f32;  // of no meaning here

@group(0) @binding(0) var<storage, read_write> y: array<f32>;

var<workgroup> ones: array<f16, 16 * 16>;

@compute @workgroup_size(64)
fn arithmetic(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    for (var i = lane; i < 16u * 16u; i += 64u) {
        ones[i] = 1.0h;
    }
    workgroupBarrier();
    let a = coopLoadT<coop_mat16x16<f16, A>>(&ones[0], 16u);
    let b = coopLoadT<coop_mat16x16<f16, B>>(&ones[0], 16u);
    var c = coop_mat16x16<f32, C>();
    var d = coop_mat16x16<f32, C>();
    var e = coop_mat16x16<f32, C>();
    var f = coop_mat16x16<f32, C>();
    for (var i = 0u; i < LOOPS; i += 1u) {
        c = coopMultiplyAdd(a, b, c);
        d = coopMultiplyAdd(a, b, d);
        e = coopMultiplyAdd(a, b, e);
        f = coopMultiplyAdd(a, b, f);
    }
    let first = workgroup.x * 4u * 16u * 16u;
    coopStoreT(c, &y[first], 16u);
    coopStoreT(d, &y[first + 16u * 16u], 16u);
    coopStoreT(e, &y[first + 2u * 16u * 16u], 16u);
    coopStoreT(f, &y[first + 3u * 16u * 16u], 16u);
}
