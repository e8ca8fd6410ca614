use url::form_urlencoded;

/// Where a request carried a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParameterSource {
    /// After the `?` of the URL.
    Query,
    /// In the form body.
    Form,
}

/// The parameters of a request, query and form together, in the order in which they came.
#[derive(Clone, Default)]
pub struct Parameters(Vec<(String, String, ParameterSource)>);

impl Parameters {
    pub(crate) fn read(query: &str, form: &[u8]) -> Self {
        let list = |bytes: &[u8], source| {
            form_urlencoded::parse(bytes)
                .map(move |(name, value)| (name.into_owned(), value.into_owned(), source))
                .collect::<Vec<_>>()
        };
        let mut all = list(query.as_bytes(), ParameterSource::Query);
        all.extend(list(form, ParameterSource::Form));
        Self(all)
    }

    /// The parameter's value; the form's if both have it. Names count without regard to case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.find(name).map(|(_, value, _)| value.as_str())
    }

    /// Where the parameter came from.
    #[must_use]
    pub fn source(&self, name: &str) -> Option<ParameterSource> {
        self.find(name).map(|(_, _, source)| *source)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, ParameterSource)> {
        self.0
            .iter()
            .map(|(name, value, source)| (name.as_str(), value.as_str(), *source))
    }

    /// The value that came from one source.
    #[must_use]
    pub fn get_from(&self, name: &str, source: ParameterSource) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _, from)| known.eq_ignore_ascii_case(name) && *from == source)
            .map(|(_, value, _)| value.as_str())
    }

    /// A value, unless it is empty: servers read an empty parameter as absent.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        self.get(name)
            .map(str::trim)
            .filter(|value| !value.is_empty())
    }

    fn find(&self, name: &str) -> Option<&(String, String, ParameterSource)> {
        self.0
            .iter()
            .rev()
            .find(|(known, _, _)| known.eq_ignore_ascii_case(name))
    }
}

/// Passwords and tokens are left out.
impl std::fmt::Debug for Parameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let secret = |name: &str| {
            [
                "password",
                "token",
                "client_secret",
                "refresh_token",
                "auth_token",
                "code",
                "code_verifier",
            ]
            .iter()
            .any(|secret| name.eq_ignore_ascii_case(secret))
        };
        let shown = |(name, value, _): &(String, String, ParameterSource)| {
            (
                name.clone(),
                if secret(name) {
                    "[redacted]".to_owned()
                } else {
                    value.clone()
                },
            )
        };
        f.debug_map().entries(self.0.iter().map(shown)).finish()
    }
}
