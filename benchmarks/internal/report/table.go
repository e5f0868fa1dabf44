package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Table is rows of text under columns. The first column holds names, the others figures.
type Table struct {
	Columns []string
	Rows    []Line
}

// Line is a row of a table.
type Line struct {
	Strong bool // the row that a reader looks for
	Cells  []Field
}

// Field is one text of a row.
type Field struct {
	Text string
	Best bool // of its column
}

// Paint styles text on a terminal; elsewhere it returns it as it is.
type Paint func(style Style, text string) string

// Style is how a text is set apart.
type Style int

// The styles.
const (
	Bold Style = iota
	Faint
	Good
	Bad
)

// Text writes the table for a terminal, names to the left and figures to the
// right. What is the best of its column has a star, for those who see no colours,
// and the others have its place, so that figures stand below each other.
func (t Table) Text(w io.Writer, indent string, paint Paint) {
	widths := make([]int, len(t.Columns))
	text := func(row, column int) string {
		cell, star := t.Columns[column], " "
		if row >= 0 {
			field := t.Rows[row].Cells[column]
			cell = field.Text
			if field.Best {
				star = "*"
			}
		}
		if column == 0 {
			return cell
		}
		return cell + star
	}
	for column := range t.Columns {
		for row := -1; row < len(t.Rows); row++ {
			widths[column] = max(widths[column], utf8.RuneCountInString(text(row, column)))
		}
	}
	for row := -1; row < len(t.Rows); row++ {
		var line strings.Builder
		line.WriteString(indent)
		for column, width := range widths {
			cell := text(row, column)
			gap := strings.Repeat(" ", width-utf8.RuneCountInString(cell))
			switch {
			case row < 0:
				cell = paint(Faint, cell)
			case t.Rows[row].Cells[column].Best:
				cell = paint(Good, cell)
			case t.Rows[row].Strong:
				cell = paint(Bold, cell)
			}
			if column == 0 {
				line.WriteString(cell + gap)
			} else {
				line.WriteString(" " + gap + cell)
			}
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}

// Markdown writes the table for a page. What is the best of its column is bold.
func (t Table) Markdown(w io.Writer) {
	escape := strings.NewReplacer("|", `\|`, "\n", " ")
	fmt.Fprintf(w, "| %s |\n| --- |%s\n", strings.Join(t.Columns, " | "), strings.Repeat(" ---: |", len(t.Columns)-1))
	for _, row := range t.Rows {
		cells := make([]string, len(row.Cells))
		for i, field := range row.Cells {
			cells[i] = escape.Replace(field.Text)
			if field.Text != "" && (field.Best || row.Strong && i == 0) {
				cells[i] = "**" + cells[i] + "**"
			}
		}
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
	}
}
