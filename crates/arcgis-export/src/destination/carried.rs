//! An output whose bytes a courier takes to their place.

use std::io::{self, Write};

use super::courier::Courier;
use super::{Canceller, Committed, Output, refused};
use crate::error::Error;

/// The bytes on their way to the place of this name.
pub(super) struct Carried {
    courier: Courier,
    name: String,
}

impl Carried {
    pub(super) fn new(courier: Courier, name: String) -> Self {
        Self { courier, name }
    }
}

impl Write for Carried {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.courier.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.courier.flush()
    }
}

impl Output for Carried {
    fn canceller(&mut self) -> Option<Canceller> {
        self.courier.canceller()
    }

    fn settle(&mut self) -> Result<(), Error> {
        self.courier
            .settle()
            .map_err(|error| refused(&self.name, error))
    }

    fn commit(self: Box<Self>) -> Result<Committed, Error> {
        let Self { courier, name } = *self;
        match courier.complete() {
            Ok(bytes) => Ok(Committed::new(name, bytes)),
            Err(error) => Err(refused(&name, error)),
        }
    }
}
