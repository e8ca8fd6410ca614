//! From the transform of an answer to the grid of its coordinates.

use super::wire::{Member, Message, malformed};
use crate::decode::DecodeError;
use crate::decode::coordinate_grid::{Axis, CoordinateGrid};

pub(super) fn read(mut message: Message<'_>) -> Result<CoordinateGrid, DecodeError> {
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
    let [x_scale, y_scale, m_scale, z_scale] = scales;
    // In the order of the members: m stands before z.
    let [x, y, m, z] = translates;
    let y_scale = if upwards { y_scale } else { -y_scale };
    Ok(CoordinateGrid {
        x: Axis::new(x_scale, x),
        y: Axis::new(y_scale, y),
        z: Axis::new(z_scale, z),
        m: Axis::new(m_scale, m),
    })
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
