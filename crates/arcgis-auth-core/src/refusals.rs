//! Tokens that a server has refused.

use std::collections::VecDeque;

use crate::token::Token;

/// So many refused tokens are remembered: more than can be on their way at one time.
const REMEMBERED: usize = 16;

/// The tokens that were refused last, so that none of them is given out again.
#[derive(Default)]
pub(crate) struct Refusals(VecDeque<Token>);

impl Refusals {
    pub(crate) fn add(&mut self, token: &Token) {
        if self.contains(token) {
            return;
        }
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(token.clone());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, token: &Token) -> bool {
        self.0.iter().any(|refused| refused.is_same(token))
    }
}
