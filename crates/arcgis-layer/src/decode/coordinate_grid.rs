//! The grid on which coordinates are sent as whole numbers.

use std::fmt;

/// How far apart the steps of an axis are, and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Axis {
    scale: f64,
    translate: f64,
}

impl Axis {
    pub(super) fn new(scale: f64, translate: f64) -> Self {
        Self { scale, translate }
    }

    #[inline]
    pub(super) fn at(&self, steps: i64) -> f64 {
        self.scaled(steps as f64)
    }

    /// The value for a whole number of steps.
    #[inline]
    pub(super) fn scaled(&self, steps: f64) -> f64 {
        steps * self.scale + self.translate
    }

    /// How many steps are nearest to a value; none for what is no value, or on an axis that gives none.
    fn nearest(&self, value: f64) -> Option<f64> {
        let steps = ((value - self.translate) / self.scale).round();
        (self.is_usable() && steps.is_finite()).then_some(steps)
    }

    /// Whether it gives coordinates at all: a scale that is 0 was not sent.
    pub(super) fn is_usable(&self) -> bool {
        self.scale.is_finite() && self.scale != 0.0 && self.translate.is_finite()
    }

    /// The value for 0 steps, if that is the far end of the axis, where nothing is: servers write 0 for a z or m
    /// that is missing.
    pub(super) fn begins_elsewhere(&self) -> bool {
        self.translate != 0.0
    }

    fn step(&self) -> Option<f64> {
        self.is_usable().then(|| self.scale.abs())
    }
}

/// The grid on which a service sends coordinates in PBF: whole numbers of steps, so that they are rounded. Without a
/// wish of the client's it is that of the reference system, 0.1 mm or 1e-9 degrees.
///
/// Its text says how far apart its steps are: `x 1e-9, y 1e-9`. Where it begins is left out, since that moves no
/// coordinate by more than half a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CoordinateGrid {
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) z: Axis,
    pub(super) m: Axis,
}

impl CoordinateGrid {
    /// The position as it would have come in PBF: on the grid, and without a z or m that stands for none there.
    ///
    /// A missing z stays missing. In PBF it can be told from a z of 0 only where the axis begins elsewhere; where it
    /// begins at 0, as it hardly ever does, PBF brings 0 for both. That 0 is not made up here, where JSON says that
    /// there is none.
    #[cold]
    pub(super) fn rounded(&self, [x, y, z, m]: [f64; 4]) -> [f64; 4] {
        let plain = |axis: &Axis, value: f64| match axis.nearest(value) {
            Some(steps) => axis.scaled(steps),
            None => value,
        };
        let other = |axis: &Axis, value: f64, none: bool| match axis.nearest(value) {
            Some(0.0) if none => f64::NAN,
            Some(steps) => axis.scaled(steps),
            None => value,
        };
        [
            plain(&self.x, x),
            plain(&self.y, y),
            other(&self.z, z, self.z.begins_elsewhere()),
            other(&self.m, m, true),
        ]
    }

    /// Whether both round alike, wherever they begin.
    fn is_alike(&self, other: &Self) -> bool {
        let steps = |grid: &Self| [grid.x, grid.y, grid.z, grid.m].map(|axis| axis.step());
        steps(self) == steps(other)
    }

    /// How far apart two coordinates of one position can be, on the grid and as they were.
    pub(crate) fn step(&self) -> f64 {
        let steps = [self.x, self.y].map(|axis| axis.step().unwrap_or(0.0));
        steps[0].max(steps[1])
    }

    /// Whether steps are counted from the zero of x and y. ArcGIS counts from the far corner of the
    /// reference's or the layer's extent.
    pub(super) fn begins_at_zero(&self) -> bool {
        !self.x.begins_elsewhere() && !self.y.begins_elsewhere()
    }

    /// Whether x and y are finite for any number of steps.
    pub(super) fn is_bounded(&self) -> bool {
        [self.x, self.y]
            .iter()
            .all(|axis| axis.at(i64::MIN).is_finite() && axis.at(i64::MAX).is_finite())
    }

    /// What is wrong with the axes that are needed.
    pub(super) fn problem(&self, z: bool, m: bool) -> Option<&'static str> {
        if !(self.x.is_usable() && self.y.is_usable()) {
            Some("the transform has no usable scale for x and y")
        } else if z && !self.z.is_usable() {
            Some("the transform has no usable scale for z")
        } else if m && !self.m.is_usable() {
            Some("the transform has no usable scale for m")
        } else {
            None
        }
    }
}

impl fmt::Display for CoordinateGrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let axes = [
            ("x", &self.x),
            ("y", &self.y),
            ("z", &self.z),
            ("m", &self.m),
        ];
        let steps = axes
            .into_iter()
            .filter_map(|(name, axis)| Some((name, axis.step()?)));
        for (place, (name, step)) in steps.enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{name} {step:e}")?;
        }
        Ok(())
    }
}

/// In what way coordinates came. Its text is `exact`, `mixed`, or that of the grid; nothing without geometry.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub enum Coordinates {
    /// None came.
    #[default]
    None,
    /// As JSON has them, with all digits that the service writes.
    Exact,
    /// Rounded to the service's grid: in PBF, or in JSON in place of a page in PBF that did not hold up.
    Rounded(CoordinateGrid),
    /// Some in one way and some in another: pages in PBF did not hold up, and the grid was not to be had.
    Mixed,
}

impl Coordinates {
    /// The way of these and of others.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, known) | (known, Self::None) => known,
            (Self::Exact, Self::Exact) => Self::Exact,
            (Self::Rounded(one), Self::Rounded(other)) if one.is_alike(&other) => {
                Self::Rounded(one)
            }
            _ => Self::Mixed,
        }
    }
}

impl fmt::Display for Coordinates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Exact => f.write_str("exact"),
            Self::Rounded(grid) => grid.fmt(f),
            Self::Mixed => f.write_str("mixed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn degrees() -> CoordinateGrid {
        CoordinateGrid {
            x: Axis::new(1e-9, -400.0),
            // From the upper left.
            y: Axis::new(-1e-9, 400.0),
            z: Axis::new(1e-4, -100_000.0),
            m: Axis::default(),
        }
    }

    #[test]
    fn positions_are_where_whole_steps_put_them() {
        let grid = degrees();
        let [x, y, z, m] = grid.rounded([1.0 / 7.0, -2.0 / 3.0, 1.23456, 5.5]);
        // 1/7 is 0.142857142857…, 2/3 is 0.666666666666…
        assert_eq!(x, 400_142_857_143_f64 * 1e-9 - 400.0);
        assert_eq!(y, 400_666_666_667_f64 * -1e-9 + 400.0);
        assert_eq!(z, 1_000_012_346_f64 * 1e-4 - 100_000.0);
        // An axis without a scale rounds nothing.
        assert_eq!(m, 5.5);
        // On the grid already.
        assert_eq!(grid.rounded([x, y, z, m]), [x, y, z, m]);
    }

    #[test]
    fn what_stands_for_none_is_none() {
        let mut grid = degrees();
        grid.m = Axis::new(1e-4, 0.0);
        let [.., z, m] = grid.rounded([0.0, 0.0, -100_000.0, 0.00001]);
        assert!(z.is_nan() && m.is_nan());
        let [.., z, m] = grid.rounded([0.0, 0.0, f64::NAN, f64::NAN]);
        assert!(z.is_nan() && m.is_nan());
        grid.z = Axis::new(1e-4, 0.0);
        assert_eq!(grid.rounded([0.0, 0.0, 0.00001, 1.0])[2], 0.0);
        // None is made up where PBF could not say that there is none.
        assert!(grid.rounded([0.0, 0.0, f64::NAN, 1.0])[2].is_nan());
        assert!(grid.rounded([f64::NAN, f64::INFINITY, 0.0, 0.0])[0].is_nan());
    }

    #[test]
    fn its_text_has_the_axes_that_there_are() {
        assert_eq!(degrees().to_string(), "x 1e-9, y 1e-9, z 1e-4");
        let mut other = degrees();
        other.x = Axis::new(1e-9, 7.0);
        assert!(other.is_alike(&degrees()));
        let rounded = Coordinates::Rounded(degrees());
        assert_eq!(rounded.and(Coordinates::Rounded(other)), rounded);
        other.x = Axis::new(1e-8, -400.0);
        assert_eq!(rounded.and(Coordinates::Rounded(other)), Coordinates::Mixed);
        assert_eq!(rounded.and(Coordinates::Exact).to_string(), "mixed");
        assert_eq!(
            Coordinates::None.and(Coordinates::Exact).to_string(),
            "exact"
        );
    }
}
