//! Bytes to tokens.

use std::sync::Arc;

use problem::decimal::Decimal;

use super::number::{DIGITS_MAX, Int, too_large};
use super::{Malformed, Place};
use crate::excerpt::quote;

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// Capital letters: a command, a test, an option.
    Word(String),
    /// A variable's name.
    Name(String),
    Int(Int),
    Float(Decimal),
    Text(Arc<[u8]>),
    Sign(&'static str),
    /// After the last one.
    End,
}

impl Token {
    /// As a message names it.
    pub(super) fn told(&self) -> String {
        match self {
            Self::Word(word) | Self::Name(word) => quote(word.as_bytes()),
            Self::Int(_) | Self::Float(_) => "a number".to_owned(),
            Self::Text(_) => "a string".to_owned(),
            Self::Sign(sign) => format!("`{sign}`"),
            Self::End => "the end".to_owned(),
        }
    }
}

/// Signs, longer ones before those they begin with.
const SIGNS: [&str; 22] = [
    "&&", "||", "<=", ">=", "==", "!=", "<", ">", "=", "!", "+", "-", "*", "/", "%", "^", "(", ")", "[", "]",
    ",", ";",
];

/// All tokens with their places, [`Token::End`] last.
pub(super) fn tokens(text: &[u8]) -> Result<Vec<(Token, Place)>, Malformed> {
    let mut lexer = Lexer { text, at: 0, place: Place { line: 1, column: 1 } };
    let mut all = Vec::new();
    loop {
        let (token, place) = lexer.next()?;
        let end = token == Token::End;
        all.push((token, place));
        if end {
            return Ok(all);
        }
    }
}

struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    place: Place,
}

impl<'a> Lexer<'a> {
    fn next(&mut self) -> Result<(Token, Place), Malformed> {
        self.skip();
        let place = self.place;
        let Some(first) = self.peek() else { return Ok((Token::End, place)) };
        let token = match first {
            b'"' => self.text(place)?,
            b'A'..=b'Z' => Token::Word(self.letters(|b| b.is_ascii_uppercase())),
            b'a'..=b'z' => Token::Name(self.letters(|b| b.is_ascii_lowercase() || b.is_ascii_digit())),
            b'0'..=b'9' => self.number(place)?,
            _ => {
                let rest = &self.text[self.at..];
                let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign.as_bytes()));
                let Some(sign) = sign else {
                    return Err(wrong(place, format!("{} is not of the language", quote(&[first]))));
                };
                sign.bytes().for_each(|_| self.step());
                Token::Sign(sign)
            }
        };
        Ok((token, place))
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// One byte on; never past the end.
    fn step(&mut self) {
        match self.peek() {
            Some(b'\n') => self.place = Place { line: self.place.line + 1, column: 1 },
            Some(_) => self.place.column += 1,
            None => return,
        }
        self.at += 1;
    }

    /// Over white space and comments.
    fn skip(&mut self) {
        let mut comment = false;
        while let Some(b) = self.peek() {
            match b {
                b'\n' => comment = false,
                b'#' => comment = true,
                b' ' | b'\t' | b'\r' => {}
                _ if comment => {}
                _ => return,
            }
            self.step();
        }
    }

    fn while_of(&mut self, kind: impl Fn(u8) -> bool) -> &'a [u8] {
        let from = self.at;
        while self.peek().is_some_and(&kind) {
            self.step();
        }
        &self.text[from..self.at]
    }

    fn letters(&mut self, kind: impl Fn(u8) -> bool) -> String {
        String::from_utf8_lossy(self.while_of(kind)).into_owned()
    }

    fn number(&mut self, place: Place) -> Result<Token, Malformed> {
        let from = self.at;
        let whole = self.while_of(|b| b.is_ascii_digit());
        let mut float = false;
        if self.peek() == Some(b'.') {
            float = true;
            self.step();
            self.while_of(|b| b.is_ascii_digit());
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            float = true;
            self.step();
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.step();
            }
            self.while_of(|b| b.is_ascii_digit());
        }
        if float {
            if self.at - from > DIGITS_MAX {
                return Err(wrong(place, too_large()));
            }
            let number = Decimal::parse(&self.text[from..self.at]);
            return number.map(Token::Float).ok_or_else(|| wrong(place, "this is no number".to_owned()));
        }
        if whole.len() > 1 && whole[0] == b'0' {
            return Err(wrong(place, "an integer has no leading zeros".to_owned()));
        }
        Int::parse(whole).map(Token::Int).map_err(|message| wrong(place, message))
    }

    fn text(&mut self, place: Place) -> Result<Token, Malformed> {
        self.step();
        let mut text = Vec::new();
        loop {
            let Some(b) = self.peek() else {
                return Err(wrong(place, "this string has no end".to_owned()));
            };
            let here = self.place;
            self.step();
            match b {
                b'"' => return Ok(Token::Text(text.into())),
                b'\\' => self.escaped(here, &mut text)?,
                _ => text.push(b),
            }
        }
    }

    /// What a backslash stands for, which was read already.
    fn escaped(&mut self, place: Place, text: &mut Vec<u8>) -> Result<(), Malformed> {
        let Some(b) = self.peek() else { return Ok(()) };
        if matches!(b, b'0'..=b'7') {
            let mut code = 0u32;
            for _ in 0..3 {
                let Some(digit @ b'0'..=b'7') = self.peek() else { break };
                code = code * 8 + u32::from(digit - b'0');
                self.step();
            }
            let byte = u8::try_from(code);
            text.push(byte.map_err(|_| wrong(place, format!("\\{code:o} is no byte; \\377 is the last")))?);
            return Ok(());
        }
        let stands = match b {
            b'n' => Some(b'\n'),
            b't' => Some(b'\t'),
            b'r' => Some(b'\r'),
            b'b' => Some(8),
            b'f' => Some(12),
            b'"' | b'\\' => Some(b),
            // The line goes on in the next.
            b'\n' => None,
            // Before anything else a backslash is one, and what follows is read as itself.
            _ => {
                text.push(b'\\');
                return Ok(());
            }
        };
        self.step();
        text.extend(stands);
        Ok(())
    }
}

pub(super) fn wrong(at: Place, message: String) -> Malformed {
    Malformed { at, message }
}
