//! From whole numbers to coordinates.

use super::wire::{Member, Message, malformed};
use crate::decode::DecodeError;

/// How far apart the steps of an axis are, and where it begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    scale: f64,
    translate: f64,
}

impl Axis {
    #[cfg(test)]
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

    /// Whether it gives coordinates at all: a scale that is 0 was not sent.
    fn is_usable(&self) -> bool {
        self.scale.is_finite() && self.scale != 0.0 && self.translate.is_finite()
    }

    /// The value for 0 steps, if that is the far end of the axis, where nothing is: servers write 0 for a z or m
    /// that is missing.
    pub(super) fn begins_elsewhere(&self) -> bool {
        self.translate != 0.0
    }
}

/// The transform of an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Transform {
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) z: Axis,
    pub(super) m: Axis,
}

impl Transform {
    pub(super) fn read(mut message: Message<'_>) -> Result<Self, DecodeError> {
        let at = message.at();
        let mut scales = [0.0; 4];
        let mut translates = [0.0; 4];
        let mut upwards = false;
        while let Some(member) = message.next()? {
            match member.number {
                1 => {
                    upwards = match member.choice()? {
                        0 => false,
                        1 => true,
                        other => {
                            return Err(malformed(at, format!("the origin {other} is not known")));
                        }
                    }
                }
                2 => axes(&member, &mut scales)?,
                3 => axes(&member, &mut translates)?,
                _ => {}
            }
        }
        let axis = |at: usize| Axis {
            scale: scales.get(at).copied().unwrap_or_default(),
            translate: translates.get(at).copied().unwrap_or_default(),
        };
        // In the order of the members: m stands before z.
        let (x, mut y, m, z) = (axis(0), axis(1), axis(2), axis(3));
        if !upwards {
            y.scale = -y.scale;
        }
        Ok(Self { x, y, z, m })
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

fn axes(member: &Member<'_>, into: &mut [f64; 4]) -> Result<(), DecodeError> {
    let mut message = member.message()?;
    while let Some(axis) = message.next()? {
        let place = usize::try_from(axis.number).ok();
        if let Some(place) = place.and_then(|place| into.get_mut(place - 1)) {
            *place = axis.double()?;
        }
    }
    Ok(())
}
