//! Curves as lines.
//!
//! Each curve begins at the position before it and is given by its end and what lies between: `c` an arc of a circle by a
//! position on it, `a` an arc of an ellipse by its centre, `b` a Bézier curve of the third degree by two control positions
//! (<https://developers.arcgis.com/rest/services-reference/enterprise/geometry-objects/>).
//!
//! They become lines that leave the curve by no more than a tolerance: a part of the curve's own size, since what a unit of
//! the coordinates is need not be known. Both ends are kept exactly.

use std::f64::consts::TAU;

/// How far lines may leave a curve, as a part of the radius of an arc, or of the length of a Bézier curve's polygon: with
/// this a full circle takes 223 positions.
pub(crate) const TOLERANCE: f64 = 1e-4;

/// A position in x and y.
type At = [f64; 2];

/// A curve from the position before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Curve {
    /// `{"c": [[end], [on it]]}`
    Circle { end: At, on: At },
    /// `{"a": [[end], [centre], minor, clockwise, rotation, semi-major axis, ratio]}`; the last three only for ellipses.
    Arc {
        end: At,
        centre: At,
        minor: bool,
        clockwise: bool,
        ellipse: Option<Ellipse>,
    },
    /// `{"b": [[end], [control], [control]]}`
    Bezier { end: At, first: At, second: At },
}

/// The shape of an ellipse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ellipse {
    /// The direction of the longer axis, in radians, counter-clockwise from x.
    pub(crate) rotation: f64,
    /// Half of the longer axis.
    pub(crate) semi_major: f64,
    /// The shorter axis as a part of the longer.
    pub(crate) ratio: f64,
}

impl Curve {
    /// Where the curve ends.
    #[cfg(test)]
    fn end(&self) -> At {
        match *self {
            Self::Circle { end, .. } | Self::Arc { end, .. } | Self::Bezier { end, .. } => end,
        }
    }

    /// Gives each position strictly between both ends, with how far along it is, from 0 to 1.
    pub(crate) fn between(&self, start: At, tolerance: f64, mut give: impl FnMut(At, f64)) {
        match *self {
            Self::Circle { end, on } => {
                let Some(arc) = through(start, on, end) else {
                    // On one line: it is one.
                    return;
                };
                arc.between(start, end, tolerance, give);
            }
            Self::Arc {
                end,
                centre,
                minor,
                clockwise,
                ellipse,
            } => {
                let radius = distance(start, centre);
                let ellipse = ellipse.unwrap_or(Ellipse {
                    rotation: 0.0,
                    semi_major: radius,
                    ratio: 1.0,
                });
                if let Some(arc) = Swept::new(start, end, centre, ellipse, minor, clockwise) {
                    arc.between(start, end, tolerance, give);
                }
            }
            Self::Bezier { end, first, second } => {
                let size = distance(start, first) + distance(first, second) + distance(second, end);
                // A line between two of n points leaves the curve by at most |f''|/8n².
                let bend = 6.0
                    * second_difference(start, first, second)
                        .max(second_difference(first, second, end));
                let steps = (bend / (8.0 * tolerance * size)).sqrt();
                for (_, along) in evenly(steps) {
                    let back = 1.0 - along;
                    let weights = [
                        back * back * back,
                        3.0 * back * back * along,
                        3.0 * back * along * along,
                        along * along * along,
                    ];
                    let ordinate = |of: usize| {
                        [start, first, second, end]
                            .iter()
                            .zip(weights)
                            .map(|(at, weight)| at.get(of).copied().unwrap_or(f64::NAN) * weight)
                            .sum()
                    };
                    give([ordinate(0), ordinate(1)], along);
                }
            }
        }
    }
}

/// An arc of an ellipse around its centre, as angles of the circle that it is a squeezed image of.
struct Swept {
    centre: At,
    ellipse: Ellipse,
    from: f64,
    /// Counter-clockwise if positive; at most a full turn.
    sweep: f64,
}

impl Swept {
    fn new(
        start: At,
        end: At,
        centre: At,
        ellipse: Ellipse,
        minor: bool,
        clockwise: bool,
    ) -> Option<Self> {
        let fits = ellipse.semi_major > 0.0
            && ellipse.ratio > 0.0
            && ellipse.semi_major.is_finite()
            && ellipse.ratio.is_finite()
            && ellipse.rotation.is_finite();
        if !fits {
            return None;
        }
        let angle = |at: At| {
            let (x, y) = (at[0] - centre[0], at[1] - centre[1]);
            let (sin, cos) = ellipse.rotation.sin_cos();
            let along = x * cos + y * sin;
            let across = (y * cos - x * sin) / ellipse.ratio;
            across.atan2(along)
        };
        let (from, to) = (angle(start), angle(end));
        let mut sweep = (to - from).rem_euclid(TAU);
        // Both ends in one place are all of it, or nothing. Else the direction alone says which part it is.
        if start == end || sweep == 0.0 {
            if minor {
                return None;
            }
            sweep = if clockwise { -TAU } else { TAU };
        } else if clockwise {
            sweep -= TAU;
        }
        Some(Self {
            centre,
            ellipse,
            from,
            sweep,
        })
    }

    fn at(&self, angle: f64) -> At {
        let (sin, cos) = angle.sin_cos();
        let along = self.ellipse.semi_major * cos;
        let across = self.ellipse.semi_major * self.ellipse.ratio * sin;
        let (sin, cos) = self.ellipse.rotation.sin_cos();
        [
            self.centre[0] + along * cos - across * sin,
            self.centre[1] + along * sin + across * cos,
        ]
    }

    fn between(&self, start: At, end: At, tolerance: f64, mut give: impl FnMut(At, f64)) {
        // A chord of a circle leaves it by r(1 − cos(angle/2)); that of an ellipse by no more than that of the circle
        // around it.
        let widest = 2.0 * (1.0 - tolerance).clamp(-1.0, 1.0).acos();
        let steps = self.sweep.abs() / widest;
        // What a server rounded lies beside the ellipse: the difference is shared out along the arc.
        let (first, last) = (self.at(self.from), self.at(self.from + self.sweep));
        for (_, along) in evenly(steps) {
            let at = self.at(self.from + self.sweep * along);
            let off = |of: usize| {
                let get = |at: At| at.get(of).copied().unwrap_or(f64::NAN);
                (get(start) - get(first)) * (1.0 - along) + (get(end) - get(last)) * along
            };
            give([at[0] + off(0), at[1] + off(1)], along);
        }
    }
}

/// The arc of a circle from `start` through `on` to `end`; `None` if they lie on one line. With both ends in one place it is
/// a full circle, of which `on` is the far side.
fn through(start: At, on: At, end: At) -> Option<Swept> {
    let circle = |centre: At, radius: f64, from: f64, sweep: f64| Swept {
        centre,
        ellipse: Ellipse {
            rotation: 0.0,
            semi_major: radius,
            ratio: 1.0,
        },
        from,
        sweep,
    };
    let angle = |at: At, centre: At| (at[1] - centre[1]).atan2(at[0] - centre[0]);
    if start == end {
        let centre = [
            f64::midpoint(start[0], on[0]),
            f64::midpoint(start[1], on[1]),
        ];
        let radius = distance(start, centre);
        return (radius > 0.0 && radius.is_finite())
            .then(|| circle(centre, radius, angle(start, centre), TAU));
    }
    // Relative to the start, so that large coordinates do not eat up the digits.
    let (bx, by) = (on[0] - start[0], on[1] - start[1]);
    let (cx, cy) = (end[0] - start[0], end[1] - start[1]);
    let cross = bx * cy - by * cx;
    let (b2, c2) = (bx * bx + by * by, cx * cx + cy * cy);
    // So flat that lines cannot tell it from one.
    if cross.abs() <= 1e-12 * (b2 * c2).sqrt() {
        return None;
    }
    let centre = [
        start[0] + (cy * b2 - by * c2) / (2.0 * cross),
        start[1] + (bx * c2 - cx * b2) / (2.0 * cross),
    ];
    let radius = distance(start, centre);
    if !radius.is_finite() {
        return None;
    }
    let from = angle(start, centre);
    let turn = (angle(end, centre) - from).rem_euclid(TAU);
    // Counter-clockwise, the way from start over `on` to end turns left.
    let sweep = if cross > 0.0 { turn } else { turn - TAU };
    Some(circle(centre, radius, from, sweep))
}

/// Places strictly between 0 and 1 that make so many steps at least, and a bound on how many.
fn evenly(steps: f64) -> impl Iterator<Item = (u32, f64)> {
    // Of a tolerance of 1e-4, nothing takes more than some hundred.
    let steps = if steps.is_finite() {
        steps.ceil().clamp(1.0, 4096.0) as u32
    } else {
        1
    };
    (1..steps).map(move |step| (step, f64::from(step) / f64::from(steps)))
}

fn distance(a: At, b: At) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// How far the way over `b` bends.
fn second_difference(a: At, b: At, c: At) -> f64 {
    (a[0] - 2.0 * b[0] + c[0]).hypot(a[1] - 2.0 * b[1] + c[1])
}

#[cfg(test)]
mod tests;
