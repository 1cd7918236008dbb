use crate::gpu::Capabilities;

/// Whose compiler and chip an adapter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vendor {
    /// Radeon.
    Amd,
    /// The chips of Macs and phones.
    Apple,
    /// Integrated and Arc.
    Intel,
    /// GeForce and the data centre's.
    Nvidia,
    /// Adreno.
    Qualcomm,
    /// Any other, and software.
    Other,
}

impl Vendor {
    /// The vendor of an adapter, by its PCI number, or by its name where the back end gives no number (Metal).
    #[must_use]
    pub fn of(capabilities: &Capabilities) -> Self {
        let info = &capabilities.info;
        let by_number = Self::NUMBERS
            .iter()
            .find(|(number, _)| *number == info.vendor);
        let by_name = |start: &str| info.vendor == 0 && info.name.starts_with(start);
        match by_number {
            Some((_, vendor)) => *vendor,
            None if by_name("Apple") => Self::Apple,
            None if by_name("AMD") => Self::Amd,
            None if by_name("Intel") => Self::Intel,
            None => Self::Other,
        }
    }

    /// Their numbers as makers of PCI devices.
    pub(crate) const NUMBERS: [(u32, Self); 5] = [
        (0x1002, Self::Amd),
        (0x106b, Self::Apple),
        (0x8086, Self::Intel),
        (0x10de, Self::Nvidia),
        (0x5143, Self::Qualcomm),
    ];
}

/// How `linear_tile.wgsl` fills its workgroup memory, and how far it writes its inner loop out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Staging {
    /// Whether the tiles of x and of the weight are loaded together.
    pub(crate) together: bool,
    /// The k of one pass.
    pub(crate) unroll: u32,
}

/// What costs the fewest instructions per output without a spilled register, by the vendors' compilers
/// (docs/performance.md). Two steps to a pass spill on Intel; loading both tiles together costs Apple occupancy.
pub(crate) fn staging(capabilities: &Capabilities) -> Staging {
    let (together, unroll) = match Vendor::of(capabilities) {
        Vendor::Amd | Vendor::Nvidia => (true, 2),
        Vendor::Qualcomm => (false, 2),
        Vendor::Apple | Vendor::Intel | Vendor::Other => (false, 1),
    };
    Staging { together, unroll }
}
