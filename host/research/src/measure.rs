//! Statistics of measured times.

/// Returns the median and the 99th percentile.
pub fn percentiles(mut times: Vec<u64>) -> (u64, u64) {
    times.sort_unstable();
    let at = |hundredths: usize| {
        let place = times.len().saturating_mul(hundredths) / 100;
        times.get(place).or(times.last()).copied().unwrap_or(0)
    };
    (at(50), at(99))
}
