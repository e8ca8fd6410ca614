//! What a terminal shows: as much of one as progress bars and coloured messages need.

/// A colour as a terminal program asks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Colour {
    #[default]
    Default,
    /// One of the 256 of the palette; the first 16 are the theme's.
    Palette(u8),
    Rgb(u8, u8, u8),
}

/// How a character looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Style {
    pub(crate) colour: Colour,
    pub(crate) background: Colour,
    pub(crate) bold: bool,
    pub(crate) dim: bool,
    pub(crate) italic: bool,
    pub(crate) underline: bool,
}

/// A character on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) character: char,
    pub(crate) style: Style,
}

const BLANK: Cell = Cell {
    character: ' ',
    style: Style {
        colour: Colour::Default,
        background: Colour::Default,
        bold: false,
        dim: false,
        italic: false,
        underline: false,
    },
};

/// A screen that grows downwards: nothing scrolls out of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Screen {
    columns: usize,
    rows: Vec<Vec<Cell>>,
    row: usize,
    column: usize,
    style: Style,
    state: State,
    pending: Vec<u8>,
}

#[derive(Clone, Debug, Default)]
enum State {
    #[default]
    Text,
    Escape,
    /// A control sequence with its parameters so far.
    Control(String),
    /// A title or a link, up to its end.
    Command,
}

impl Screen {
    pub(crate) fn new(columns: usize) -> Self {
        Self {
            columns,
            ..Self::default()
        }
    }

    /// The rows down to the last that is not blank, without blanks at their ends.
    pub(crate) fn rows(&self) -> Vec<Vec<Cell>> {
        let mut rows: Vec<Vec<Cell>> = self
            .rows
            .iter()
            .map(|row| {
                let end = row.iter().rposition(|cell| *cell != BLANK);
                row.iter()
                    .take(end.map_or(0, |end| end + 1))
                    .copied()
                    .collect()
            })
            .collect();
        while rows.last().is_some_and(Vec::is_empty) {
            rows.pop();
        }
        rows
    }

    /// Takes output of a program; a character may be cut in two between calls.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        let pending = std::mem::take(&mut self.pending);
        let (whole, rest) = match std::str::from_utf8(&pending) {
            Ok(_) => pending.split_at(pending.len()),
            Err(error) if error.error_len().is_none() => pending.split_at(error.valid_up_to()),
            Err(_) => pending.split_at(pending.len()),
        };
        for character in String::from_utf8_lossy(whole).chars() {
            self.take(character);
        }
        self.pending = rest.to_vec();
    }

    fn take(&mut self, character: char) {
        match std::mem::take(&mut self.state) {
            State::Text => self.show(character),
            State::Escape => match character {
                '[' => self.state = State::Control(String::new()),
                ']' => self.state = State::Command,
                _ => {}
            },
            State::Control(mut parameters) => {
                if ('@'..='~').contains(&character) {
                    self.control(&parameters, character);
                } else {
                    parameters.push(character);
                    self.state = State::Control(parameters);
                }
            }
            State::Command => match character {
                '\u{7}' => {}
                '\u{1b}' => self.state = State::Escape,
                _ => self.state = State::Command,
            },
        }
    }

    fn show(&mut self, character: char) {
        match character {
            '\u{1b}' => self.state = State::Escape,
            '\n' => self.row += 1,
            '\r' => self.column = 0,
            '\u{8}' => self.column = self.column.saturating_sub(1),
            '\t' => self.column = (self.column / 8 + 1) * 8,
            control if control.is_control() => {}
            _ => {
                if self.column >= self.columns {
                    self.column = 0;
                    self.row += 1;
                }
                let (column, style) = (self.column, self.style);
                let row = self.line();
                if row.len() <= column {
                    row.resize(column + 1, BLANK);
                }
                if let Some(cell) = row.get_mut(column) {
                    *cell = Cell { character, style };
                }
                self.column += 1;
            }
        }
    }

    fn line(&mut self) -> &mut Vec<Cell> {
        let row = self.row;
        if self.rows.len() <= row {
            self.rows.resize(row + 1, Vec::new());
        }
        &mut self.rows[row]
    }

    fn control(&mut self, parameters: &str, action: char) {
        let numbers: Vec<usize> = parameters
            .split([';', ':'])
            .map(|number| number.parse().unwrap_or(0))
            .collect();
        let first = numbers.first().copied().unwrap_or(0);
        let count = first.max(1);
        match action {
            'm' => self.paint(&numbers),
            'A' => self.row = self.row.saturating_sub(count),
            'B' => self.row += count,
            'C' => self.column = (self.column + count).min(self.columns),
            'D' => self.column = self.column.saturating_sub(count),
            'E' => (self.row, self.column) = (self.row + count, 0),
            'F' => (self.row, self.column) = (self.row.saturating_sub(count), 0),
            'G' => self.column = count - 1,
            'H' => {
                self.row = count - 1;
                self.column = numbers.get(1).copied().unwrap_or(1).max(1) - 1;
            }
            'K' => {
                let column = self.column;
                let row = self.line();
                match first {
                    0 => row.truncate(column),
                    1 => row
                        .iter_mut()
                        .take(column + 1)
                        .for_each(|cell| *cell = BLANK),
                    _ => row.clear(),
                }
            }
            'J' => {
                let (row, column) = (self.row, self.column);
                if first >= 2 {
                    self.rows.clear();
                } else {
                    self.line().truncate(column);
                    self.rows.truncate(row + 1);
                }
            }
            _ => {}
        }
    }

    fn paint(&mut self, numbers: &[usize]) {
        let mut numbers = numbers.iter().copied();
        while let Some(number) = numbers.next() {
            let style = &mut self.style;
            match number {
                0 => *style = Style::default(),
                1 => style.bold = true,
                2 => style.dim = true,
                3 => style.italic = true,
                4 => style.underline = true,
                22 => (style.bold, style.dim) = (false, false),
                23 => style.italic = false,
                24 => style.underline = false,
                30..=37 => style.colour = palette(number - 30),
                38 => style.colour = extended(&mut numbers),
                39 => style.colour = Colour::Default,
                40..=47 => style.background = palette(number - 40),
                48 => style.background = extended(&mut numbers),
                49 => style.background = Colour::Default,
                90..=97 => style.colour = palette(number - 90 + 8),
                100..=107 => style.background = palette(number - 100 + 8),
                _ => {}
            }
        }
    }
}

fn palette(number: usize) -> Colour {
    u8::try_from(number).map_or(Colour::Default, Colour::Palette)
}

fn extended(numbers: &mut impl Iterator<Item = usize>) -> Colour {
    let mut next = || u8::try_from(numbers.next().unwrap_or(0)).unwrap_or(u8::MAX);
    match next() {
        5 => Colour::Palette(next()),
        2 => Colour::Rgb(next(), next(), next()),
        _ => Colour::Default,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(screen: &Screen) -> Vec<String> {
        let text = |row: &Vec<Cell>| row.iter().map(|cell| cell.character).collect();
        screen.rows().iter().map(text).collect()
    }

    #[test]
    fn a_bar_that_is_drawn_over_itself_leaves_its_last_state() {
        let mut screen = Screen::new(20);
        screen.write(b"start\r\n\x1b[?25l[#   ]\r\n 10");
        screen.write(b"\x1b[1A\r\x1b[2K[### ]\r\n\x1b[2K 90\r\x1b[2K\x1b[1A\r\x1b[Kdone\n");
        assert_eq!(shown(&screen), ["start", "done"]);
    }

    #[test]
    fn colours_and_cut_characters_arrive() {
        let mut screen = Screen::new(20);
        screen.write(b"\x1b[1;38;5;42m\xc3");
        screen.write(b"\xbc\x1b[0mx\x1b]0;title\x07y");
        assert_eq!(shown(&screen), ["üxy"]);
        let rows = screen.rows();
        let style = rows
            .first()
            .and_then(|row| row.first())
            .map(|cell| cell.style);
        assert_eq!(
            style,
            Some(Style {
                colour: Colour::Palette(42),
                bold: true,
                ..Style::default()
            })
        );
    }

    #[test]
    fn long_lines_wrap_at_the_edge() {
        let mut screen = Screen::new(4);
        screen.write(b"abcdef");
        assert_eq!(shown(&screen), ["abcd", "ef"]);
    }
}
