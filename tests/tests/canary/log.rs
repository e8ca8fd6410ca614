//! Everything that anybody logs or panics with.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock};

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

/// Everything that was logged by anybody, at the finest level, and what panics said.
#[derive(Clone, Default)]
struct Everything(Arc<Mutex<Vec<u8>>>);

/// What was logged since it was made.
pub(crate) struct Log {
    everything: Everything,
    from: usize,
}

impl Log {
    /// The log of this program, from now on.
    pub(crate) fn watch() -> Self {
        static EVERYTHING: OnceLock<Everything> = OnceLock::new();
        let everything = EVERYTHING.get_or_init(|| {
            let log = Everything::default();
            tracing_subscriber::fmt()
                .with_max_level(tracing::Level::TRACE)
                .with_span_events(FmtSpan::FULL)
                .with_writer(log.clone())
                .with_ansi(false)
                .init();
            let panics = log.clone();
            let told = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                let text = format!("{panic} {panic:?}\n");
                panics.0.lock().unwrap().extend_from_slice(text.as_bytes());
                told(panic);
            }));
            log
        });
        let from = everything.0.lock().unwrap().len();
        tracing::trace!("the log is watched");
        Self {
            everything: everything.clone(),
            from,
        }
    }

    pub(crate) fn text(&self) -> String {
        let everything = self.everything.0.lock().unwrap();
        String::from_utf8_lossy(&everything[self.from..]).into_owned()
    }
}

impl Write for Everything {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Everything {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
