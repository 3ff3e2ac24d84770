//! Tables for a terminal: nothing wider than [`WIDTH`] columns.

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

use crate::design::unbroken;

/// What fits on a terminal that nobody widened.
pub const WIDTH: u16 = 100;

/// A table: column heads, then rows of text. Columns named in `left` are aligned left, the others right.
pub fn render(heads: &[&str], left: &[usize], rows: &[Vec<String>]) -> String {
    render_with_gap(heads, left, rows, 3)
}

/// The same with `gap` spaces between columns: for tables of many.
pub fn render_with_gap(heads: &[&str], left: &[usize], rows: &[Vec<String>], gap: u8) -> String {
    let mut table = Table::new();
    table
        .load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')))
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(WIDTH).set_header(heads);
    for row in rows {
        table.add_row(row);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((if index == 0 { 0 } else { u16::from(gap) }, 0));
        let alignment = if left.contains(&index) { CellAlignment::Left } else { CellAlignment::Right };
        column.set_cell_alignment(alignment);
    }
    table.trim_fmt()
}

/// A paragraph broken at [`WIDTH`] columns, further lines indented by `indent` spaces.
pub fn wrap(text: &str, indent: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    // A number stays on the line of its unit.
    let whole = unbroken(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    for word in whole.split(' ').filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > usize::from(WIDTH) {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(&word.replace('\u{a0}', " "));
        column += length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits_the_width() {
        let rows = vec![vec!["a word ".repeat(40), "1".into()], vec!["short".into(), "23".into()]];
        let text = render(&["what", "n"], &[0], &rows);
        assert!(text.lines().all(|line| line.chars().count() <= usize::from(WIDTH)), "{text}");
        let wrapped = wrap(&"word ".repeat(60), 2);
        assert!(wrapped.lines().all(|line| line.chars().count() <= usize::from(WIDTH)));
        assert!(wrapped.lines().skip(1).all(|line| line.starts_with("  w")));
        let (begin, end) = wrap(&format!("{} 95 % are", "a".repeat(96)), 0)
            .split_once('\n')
            .map_or_else(Default::default, |(a, b)| (a.len(), b.to_owned()));
        assert_eq!((begin, &*end), (96, "95 % are"));
    }
}
