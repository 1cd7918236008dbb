use super::Capabilities;

/// Whose compiler and chip an adapter is.
///
/// ```
/// use wgformer::gpu::{Gpu, Vendor};
///
/// let gpu = Gpu::new()?;
/// let is_radeon = Vendor::of(gpu.capabilities()) == Vendor::Amd;
/// # let _ = is_radeon;
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
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
    /// The vendor of an adapter, by its PCI number, or by its name where there is none of these: Metal gives no number,
    /// and Mesa's driver for Apple's chips its own.
    #[must_use]
    pub fn of(capabilities: &Capabilities) -> Self {
        let info = &capabilities.info;
        let by_number = Self::NUMBERS
            .iter()
            .find(|(number, _)| *number == info.vendor);
        let by_name = |start: &str| info.name.starts_with(start);
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
