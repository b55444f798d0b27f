package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/notpanel/notpanel/internal/app"
	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/money"
)

const (
	// actor is who acts, as the audit log and timelines name it.
	actor = "command line"
	// busyWait is how long a write waits for a serving panel's.
	busyWait = 60 * time.Second
	// page is how many rows a command reads at once.
	page = 500
	// maxSecret bounds a line that is read as a secret, in bytes. No store takes
	// one this long.
	maxSecret = 4096
)

// storage is what each operator's command has: where the panel's data is.
type storage struct {
	config.Storage `embed:""`

	// warn tells who runs the command what holds for all of the panel.
	warn io.Writer
}

// AfterApply is called by the parser.
func (s *storage) AfterApply(t terminal) error { //nolint:unparam // as the parser wants it
	s.warn = t.err
	return nil
}

// use opens a panel that is there and closes it after do. It works beside a
// serving panel.
func (s *storage) use(ctx context.Context, do func(*app.Core) error) (err error) {
	return s.open(ctx, false, do)
}

// useOrMake is use for the first command of a new panel: it makes what is missing.
func (s *storage) useOrMake(ctx context.Context, do func(*app.Core) error) (err error) {
	return s.open(ctx, true, do)
}

func (s *storage) open(ctx context.Context, create bool, do func(*app.Core) error) (err error) {
	if err := s.Load(); err != nil {
		return &usageError{err.Error()}
	}
	core, err := app.OpenCore(ctx, s.Storage, options(create))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, core.Close()) }()
	if err := s.warnOfWaiting(ctx, core); err != nil {
		return err
	}
	return do(core)
}

// warnOfWaiting says that nothing is sent, where that is so.
func (s *storage) warnOfWaiting(ctx context.Context, core *app.Core) error {
	standing, err := core.Standing(ctx)
	if err != nil || !standing.Waits {
		return err
	}
	fmt.Fprintf(s.warn, "This panel was brought back from a backup at %s: nothing is sent until `notpanel resume`.\n", standing.Since.UTC().Format(time.RFC3339))
	return nil
}

// options are how a command opens the database.
func options(create bool) app.CoreOptions {
	return app.CoreOptions{Migrate: create, Database: db.Options{BusyWait: busyWait}}
}

// output is the choice between text and JSON.
type output struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// json prints v for programs. What a terminal could obey is written as JSON's own
// escapes, so that nothing is lost.
func (t terminal) json(v any) error {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	var out strings.Builder
	for _, r := range text.String() {
		switch {
		case r == '\n' || shown(r) == r:
			out.WriteRune(r)
		case r > '\uffff':
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	if _, err := io.WriteString(t.out, out.String()); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// table says how a list of T is printed for people.
type table[T any] struct {
	none string // said where the list is empty
	head []string
	row  func(T) []string
}

// list prints all: an array with asJSON, else a table.
func list[T any](t terminal, asJSON bool, all []T, as table[T]) error {
	if asJSON {
		if all == nil {
			all = []T{}
		}
		return t.json(all)
	}
	if len(all) == 0 {
		fmt.Fprintln(t.out, as.none)
		return nil
	}
	rows := [][]string{as.head}
	for _, one := range all {
		rows = append(rows, as.row(one))
	}
	return t.aligned(rows)
}

// aligned prints rows in columns; an empty cell becomes a hyphen.
func (t terminal) aligned(rows [][]string) error {
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			if cells[i] = printable(cell); cells[i] == "" {
				cells[i] = "-"
			}
		}
		_, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) // Flush returns the error
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// printable keeps one line of a text and nothing that a terminal obeys:
// providers and customers write some of what is shown.
func printable(s string) string { return strings.TrimSpace(strings.Map(shown, s)) }

// shown is a character as it is printed. Control characters, C1 and DEL among
// them, and marks that turn the direction of writing become a sign that
// something was there.
func shown(r rune) rune {
	const joiner, nonJoiner = '\u200d', '\u200c' // parts of words and emoji
	switch {
	case unicode.IsSpace(r):
		return ' '
	case unicode.IsPrint(r), r == joiner, r == nonJoiner:
		return r
	}
	return unicode.ReplacementChar
}

// safeWriter is the one way to the terminal: whatever is written keeps its lines
// and its columns, and nothing else that a terminal obeys. It keeps no state, so
// a character must come in one piece, as every printer here writes it.
type safeWriter struct{ io.Writer }

// Write writes what of p is safe.
func (w safeWriter) Write(p []byte) (int, error) {
	safe := bytes.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return shown(r)
	}, p)
	if _, err := w.Writer.Write(safe); err != nil {
		return 0, err //nolint:wrapcheck // a writer hands on what it gets
	}
	return len(p), nil
}

// safe is the terminal whose output steers nothing.
func (t terminal) safe() terminal {
	return terminal{in: t.in, out: safeWriter{t.out}, err: safeWriter{t.err}}
}

// short cuts a text for a column.
func short(s string) string {
	const most = 48
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s
}

// when is a time in JSON: RFC 3339 in UTC; nil, which is null, for none.
func when(at time.Time) *string {
	if at.IsZero() {
		return nil
	}
	text := at.UTC().Format(time.RFC3339)
	return &text
}

// count is a number of things: 1 wallet, 2 wallets.
func count[N int | int64](n N, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprint(n, " ", thing)
}

// orEmpty is a value that may be missing as a cell.
func orEmpty[T any](v *T) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(*v)
}

// secret reads the first line of the input. At a terminal it asks for what on
// the error stream and shows nothing of what is typed.
func (t terminal) secret(ctx context.Context, what string) (string, error) {
	if t.in == nil {
		return "", missing(what)
	}
	read := t.readLine
	if file, ok := asTerminal(t.in); ok {
		fmt.Fprint(t.err, what+": ")
		defer fmt.Fprintln(t.err)
		before, err := term.GetState(int(file.Fd()))
		if err != nil {
			return "", fmt.Errorf("read %s: %w", what, err)
		}
		defer func() { _ = term.Restore(int(file.Fd()), before) }() // Ctrl-C leaves the reader waiting
		read = func() (string, error) {
			typed, err := term.ReadPassword(int(file.Fd()))
			return string(typed), err
		}
	}
	line, err := interruptible(ctx, read)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", what, err)
	}
	if line == "" {
		return "", missing(what)
	}
	return line, nil
}

func missing(what string) error {
	return &usageError{what + " is missing: write it to standard input, as its first line"}
}

// readLine reads the first line of the input, without its end.
func (t terminal) readLine() (string, error) {
	line, err := bufio.NewReader(io.LimitReader(t.in, maxSecret)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err //nolint:wrapcheck // wrapped by secret
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// interruptible waits for read or for the end of ctx, whichever is first.
func interruptible(ctx context.Context, read func() (string, error)) (string, error) {
	type result struct {
		line string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		line, err := read()
		done <- result{line, err}
	}()
	select {
	case r := <-done:
		return r.line, r.err
	case <-ctx.Done():
		return "", errors.New("interrupted")
	}
}

// asTerminal returns the file behind a stream that a person sits at.
func asTerminal(stream any) (file *os.File, ok bool) {
	if safe, is := stream.(safeWriter); is {
		stream = safe.Writer
	}
	file, ok = stream.(*os.File)
	return file, ok && term.IsTerminal(int(file.Fd()))
}

// progress shows on the error stream, where that is a terminal, that work is
// under way. next names what is done now; done takes the line away.
func (t terminal) progress() (next func(what string), done func()) {
	file, ok := asTerminal(t.err)
	if !ok {
		return func(string) {}, func() {}
	}
	bar := progressbar.NewOptions(-1, progressbar.OptionSetWriter(file), progressbar.OptionClearOnFinish())
	return func(what string) { bar.Describe(printable(what)) }, func() { _ = bar.Finish() }
}

// amount is a sum of money on the command line.
type amount money.Amount

// UnmarshalText reads a plain decimal.
func (a *amount) UnmarshalText(text []byte) error {
	parsed, err := money.Parse(string(text))
	if err != nil {
		return fmt.Errorf("%q is no amount such as 12.50: %w", text, err)
	}
	*a = amount(parsed)
	return nil
}

// percent is a share on the command line.
type percent money.Percent

// UnmarshalText reads 20, 20% or 12.5%.
func (p *percent) UnmarshalText(text []byte) error {
	parsed, err := money.ParsePercent(string(text))
	if err != nil {
		return fmt.Errorf("%q is no percentage such as 20%%: %w", text, err)
	}
	*p = percent(parsed)
	return nil
}

// emails knows the addresses of accounts and looks each up once.
type emails struct {
	core  *app.Core
	known map[string]string
}

func newEmails(core *app.Core) *emails { return &emails{core, map[string]string{}} }

// of returns the e-mail address of an account.
func (e *emails) of(ctx context.Context, accountID string) (string, error) {
	if known, ok := e.known[accountID]; ok {
		return known, nil
	}
	a, err := e.core.Accounts.Find(ctx, accountID)
	if err != nil {
		return "", err
	}
	e.known[accountID] = a.Email
	return a.Email, nil
}

// providerNames returns the names of all providers by their ids.
func providerNames(ctx context.Context, core *app.Core) (map[string]string, error) {
	all, err := core.Providers.List(ctx)
	if err != nil {
		return nil, err
	}
	names := make(map[string]string, len(all))
	for _, p := range all {
		names[p.ID] = p.Name
	}
	return names, nil
}
