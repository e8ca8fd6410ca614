//! What a server says about the quota of its organisation.

use std::time::Duration;

use arcgis_auth_core::http::HeaderMap;

/// How ArcGIS Online tells: `usage=97;max=10000`, of all requests of the organisation in this minute.
const HEADER: &str = "x-esri-org-request-units-per-min";

/// From this share of the quota on, requests are spaced.
const FULL: f64 = 0.8;

/// The space between two requests shortly before the quota is used up.
const WIDEST: Duration = Duration::from_secs(1);

/// How long nothing starts once it is used up. The minute may be over sooner than a minute from now.
const PAUSE: Duration = Duration::from_secs(10);

/// What a quota calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quota {
    /// So much time between two requests; none below 80 %, up to a second at 100 %.
    Space(Duration),
    /// Nothing for a while.
    Pause(Duration),
}

impl Quota {
    /// What the headers of an answer say, if they do.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(HEADER)?.to_str().ok()?;
        let number = |wanted: &str| {
            text.split([';', ',']).find_map(|part| {
                let (name, value) = part.split_once('=')?;
                if !name.trim().eq_ignore_ascii_case(wanted) {
                    return None;
                }
                value.trim().parse::<f64>().ok()
            })
        };
        let (usage, most) = (number("usage")?, number("max")?);
        if !(usage >= 0.0 && most > 0.0) {
            return None;
        }
        let share = usage / most;
        Some(if share >= 1.0 {
            Self::Pause(PAUSE)
        } else {
            Self::Space(WIDEST.mul_f64(((share - FULL) / (1.0 - FULL)).max(0.0)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fuller_the_slower() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, text.parse().unwrap());
            Quota::of(&headers)
        };
        let space = |millis| Some(Quota::Space(Duration::from_millis(millis)));
        // As ArcGIS Online writes it.
        assert_eq!(of("usage=97;max=10000"), space(0));
        assert_eq!(of("usage=8000;max=10000"), space(0));
        let Some(Quota::Space(half)) = of("max=10000; usage=9000") else {
            panic!("spaced");
        };
        assert!((half.as_secs_f64() - 0.5).abs() < 1e-6, "{half:?}");
        for over in ["usage=10000;max=10000", "usage=12000;max=10000"] {
            assert_eq!(of(over), Some(Quota::Pause(Duration::from_secs(10))));
        }
        for nonsense in [
            "",
            "usage=1",
            "usage=1;max=0",
            "usage=-1;max=10",
            "usage=nan;max=10",
            "usage=x;max=10",
        ] {
            assert_eq!(of(nonsense), None, "{nonsense}");
        }
        assert_eq!(Quota::of(&HeaderMap::new()), None);
    }
}
