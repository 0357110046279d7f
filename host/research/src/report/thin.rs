//! Min-max thinning: of each part of a long series the rows with the smallest and the largest value of each column stay,
//! so that no peak disappears.

/// Maximum number of points of a series in a chart.
pub(crate) const POINTS_MAX: usize = 2_000;

/// Returns the indices of the rows that stay, ascending, at most [`POINTS_MAX`]: the first, the last, and of each part
/// the rows with the smallest and largest value of each column. Missing values are never extremes.
pub(crate) fn thin(rows: usize, columns: &[&dyn Fn(usize) -> Option<i64>]) -> Vec<usize> {
    if rows <= POINTS_MAX {
        return (0..rows).collect();
    }
    let parts = POINTS_MAX.saturating_sub(2).checked_div(columns.len().saturating_mul(2)).unwrap_or(0);
    let mut kept = vec![0, rows.saturating_sub(1)];
    for part in 0..parts {
        let range = bound(rows, part, parts)..bound(rows, part.saturating_add(1), parts);
        for column in columns {
            let values = || range.clone().filter_map(|row| column(row).map(|value| (value, row)));
            kept.extend(values().min().map(|(_, row)| row));
            kept.extend(values().max_by_key(|(value, row)| (*value, std::cmp::Reverse(*row))).map(|(_, row)| row));
        }
    }
    kept.sort_unstable();
    kept.dedup();
    kept
}

/// Returns the first row of a part.
fn bound(rows: usize, part: usize, parts: usize) -> usize {
    rows.saturating_mul(part).checked_div(parts).unwrap_or(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_series_stays_whole() {
        assert_eq!(thin(2_000, &[&|_| None]).len(), 2_000);
        assert!(thin(0, &[&|_| Some(1)]).is_empty());
    }

    #[test]
    fn peaks_and_ends_stay_and_the_rest_is_thinned() {
        let value = |row: usize| match row {
            54_321 => Some(1_000_000),
            77_777 => Some(-1_000_000),
            row => Some(i64::try_from(row % 100).unwrap()),
        };
        let other = |row: usize| (row == 12_345).then_some(5);
        let kept = thin(100_000, &[&value, &other]);
        assert!(kept.len() <= POINTS_MAX && kept.len() > POINTS_MAX / 3, "{}", kept.len());
        assert!(kept.is_sorted());
        for row in [0, 99_999, 54_321, 77_777, 12_345] {
            assert!(kept.contains(&row), "{row}");
        }
    }
}
