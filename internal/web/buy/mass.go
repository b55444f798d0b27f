package buy

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/massorder"
	"github.com/notpanel/notpanel/internal/order"
	"github.com/notpanel/notpanel/internal/web/ui"
)

const (
	// MaxUpload is what the form of a mass order may send in all, in bytes: the
	// largest text with what stands around it.
	MaxUpload = massorder.MaxBytes + 64<<10
	// linesShown is how many lines a page shows.
	linesShown = 100
	// placeWait is how long who sends a mass order waits for its end. What is not
	// placed by then goes on by itself.
	placeWait = 3 * time.Second
)

// batch is what the page of a mass order shows.
type batch struct {
	Mass  massorder.Mass
	Lines []shownLine
	Bad   bool  // only lines that were refused are shown
	After int64 // the line that the page begins after
	Next  int64 // to go on after; 0: there are no more
	Left  left
}

// shownLine is a line with what its reader wants to know.
type shownLine struct {
	massorder.Line

	Service string
	Text    string // whom it is for and what
	Units   string
	Why     string // it is not placed
}

// left is what the wallet holds after a mass order, or what it lacks.
type left struct {
	Short  bool
	Amount string
}

// Mass is the page of the form for many orders, with the account's last ones.
func (p *Pages) Mass(w http.ResponseWriter, r *http.Request) error {
	f := ui.NewForm(nil)
	if from := r.URL.Query().Get("from"); from != "" {
		who, _ := p.deps.People.Current(r.Context())
		bad, err := p.deps.Masses.Lines(r.Context(), who.AccountID, from, 0, true, massorder.MaxLines)
		if err != nil {
			return err
		}
		f.Values.Set("lines", written(bad))
	}
	return p.showMass(w, r, http.StatusOK, f)
}

func (p *Pages) showMass(w http.ResponseWriter, r *http.Request, status int, f *ui.Form) error {
	who, _ := p.deps.People.Current(r.Context())
	last, err := p.deps.Masses.Of(r.Context(), who.AccountID)
	if err != nil {
		return err
	}
	return ui.Render(w, r, status, massPage(f, last))
}

// Check reads the lines that were sent, prices each and keeps them. Nothing is
// ordered.
func (p *Pages) Check(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	v, err := p.visit(r)
	if err != nil {
		return err
	}
	f := ui.Sent(r)
	text, field, err := sentLines(r, f)
	if err != nil {
		return err
	}
	lines, why := readMass(text)
	if len(text) > massorder.MaxBytes {
		why = unread{key: "mass.error_bytes"}
	}
	if f.Value("lines") != "" && field == "file" {
		why = unread{key: "mass.error_both"}
	}
	if why.key != "" {
		f.Refuse(field, ui.T(ctx, why.key, "What", why.what, "Most", ui.Int(ctx, massorder.MaxLines)))
		return p.showMass(w, r, http.StatusUnprocessableEntity, f)
	}
	for i := range lines {
		p.price(v, &lines[i])
	}
	massID, err := p.deps.Masses.Add(ctx, v.who.AccountID, lines)
	if err != nil {
		said, ok := refused(ctx, err, nil, nil)
		if !ok {
			return err
		}
		f.Error = said.text
		return p.showMass(w, r, http.StatusUnprocessableEntity, f)
	}
	return ui.See(w, r, batchPath+massID)
}

// sentLines is the text of a mass order, from its field or its file, and which of
// them it is.
func sentLines(r *http.Request, f *ui.Form) (text, field string, err error) {
	if r.MultipartForm == nil || len(r.MultipartForm.File["file"]) == 0 || r.MultipartForm.File["file"][0].Size == 0 {
		return f.Value("lines"), "lines", nil
	}
	text, err = readFile(r.MultipartForm.File["file"][0])
	return text, "file", err
}

func readFile(h *multipart.FileHeader) (text string, err error) {
	file, err := h.Open()
	if err != nil {
		return "", fault.Wrap(fault.Invalid, "The file can't be read", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	content, err := io.ReadAll(io.LimitReader(file, massorder.MaxBytes+1))
	if err != nil {
		return "", fault.Wrap(fault.Invalid, "The file can't be read", err)
	}
	return string(content), nil
}

// price quotes a line, or keeps why it can't be placed.
func (p *Pages) price(v visit, l *massorder.Line) {
	if l.Refusal != nil {
		return
	}
	// Any id does: the line's own is not known before it is kept.
	r, err := request(l.Fields, "quote", "")
	var q order.Quote
	if err == nil {
		q, err = r.Quote(v.snapshot, v.customer(), p.deps.Now())
	}
	if err != nil {
		l.Refusal = massorder.Refuse(err)
		return
	}
	l.Charge = &q.Charge
}

// Batch is the page of a mass order: its lines with what they cost or why they are
// refused, how far it is, and what became of it.
func (p *Pages) Batch(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	v, err := p.visit(r)
	if err != nil {
		return err
	}
	b := batch{Bad: r.URL.Query().Get("show") == "errors", After: number(r.URL.Query().Get("after"))}
	if b.Mass, err = p.deps.Masses.Get(ctx, v.who.AccountID, r.PathValue("id")); err != nil {
		return err
	}
	w.Header().Add("Vary", "HX-Request-Type")
	if ui.Partial(r) && b.Mass.State == massorder.Placing {
		return ui.Render(w, r, http.StatusOK, progressPart(b.Mass))
	}
	if ui.Partial(r) {
		w.Header().Set("HX-Redirect", batchPath+b.Mass.ID) // it is done: the page shows what became of it
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	lines, err := p.deps.Masses.Lines(ctx, v.who.AccountID, b.Mass.ID, b.After, b.Bad, linesShown+1)
	if err != nil {
		return err
	}
	if len(lines) > linesShown {
		lines = lines[:linesShown]
		b.Next = lines[linesShown-1].Number
	}
	for _, l := range lines {
		b.Lines = append(b.Lines, shownOf(ctx, v, l))
	}
	rest := v.balance - b.Mass.Shown
	b.Left = left{Short: rest < 0, Amount: ui.Amount(ctx, max(rest, -rest))}
	return ui.Render(w, r, http.StatusOK, batchPage(b))
}

// shownOf is a line in the reader's language.
func shownOf(ctx context.Context, v visit, l massorder.Line) shownLine {
	s := shownLine{Line: l, Service: l.Fields["service"], Text: l.Fields["link"], Units: l.Fields["quantity"]}
	if s.Text == "" {
		s.Text = l.Fields["username"]
	}
	service, schema, sold := serviceOf(v.snapshot, number(l.Fields["service"]))
	if sold {
		s.Service = plain(service.ID) + " · " + serviceName(ctx, v, service.ID)
		s.Units = unitsOf(ctx, service, schema, l.Fields)
	}
	if l.Refusal != nil {
		s.Why = whyRefused(ctx, l, service)
	}
	return s
}

// whyRefused is why a line is not placed.
func whyRefused(ctx context.Context, l massorder.Line, v *catalog.Service) string {
	why := l.Refusal.Fault()
	if l.Refusal.Reason == fault.MaxCharge {
		return ui.T(ctx, "mass.refused.price")
	}
	said, ok := refused(ctx, why, v, l.Fields)
	if !ok {
		return l.Refusal.Text
	}
	return said.said(ctx)
}

// unitsOf is the quantity of a line as it was sent, or as its type has it.
func unitsOf(ctx context.Context, v *catalog.Service, s catalog.Schema, fields map[string]string) string {
	units := fields["quantity"]
	switch s.Counting {
	case catalog.ByPackage:
		units = ui.Int(ctx, v.Min)
	case catalog.ByLines:
		units = ui.Int(ctx, lineCount(fields[s.List]))
	case catalog.ByPosts:
		units = fields["max"]
	case catalog.ByQuantity:
	}
	if n := number(units); n > 0 {
		units = ui.Int(ctx, n)
	}
	if runs := number(fields["runs"]); runs > 1 {
		return ui.Int(ctx, runs) + " × " + units
	}
	return units
}

func lineCount(text string) (n int64) {
	for line := range strings.SplitSeq(text, "\n") {
		if strings.TrimSpace(line) != "" {
			n++
		}
	}
	return n
}

// PlaceBatch places the good lines of a mass order or, where that is wished, all or
// none. It waits a moment for the end; the rest goes on though the reader leaves.
func (p *Pages) PlaceBatch(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	who, _ := p.deps.People.Current(ctx)
	m, err := p.deps.Masses.Get(ctx, who.AccountID, r.PathValue("id"))
	if err != nil {
		return err
	}
	if who.State != account.Active {
		return errSuspended
	}
	if m.State == massorder.Checked && m.Open() > 0 {
		if err := p.deps.Masses.Begin(ctx, who.AccountID, m.ID, r.PostFormValue("whole") == "on"); err != nil {
			return err
		}
		waiting, cancel := context.WithTimeout(ctx, placeWait)
		defer cancel()
		// What could not be placed is tried again by the loop, which tells the operator.
		_ = p.deps.Runner.Run(waiting, m.ID)
	}
	return ui.See(w, r, batchPath+m.ID)
}

// nothing reports whether a mass order has ended with nothing ordered.
func nothing(m massorder.Mass) bool { return m.State == massorder.Done && m.Placed == 0 }

// Result is what became of a mass order, as a file.
func (p *Pages) Result(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	v, err := p.visit(r)
	if err != nil {
		return err
	}
	m, err := p.deps.Masses.Get(ctx, v.who.AccountID, r.PathValue("id"))
	if err != nil {
		return err
	}
	lines, err := p.deps.Masses.Lines(ctx, v.who.AccountID, m.ID, 0, false, massorder.MaxLines)
	if err != nil {
		return err
	}
	shown := make([]shownLine, len(lines))
	for i, l := range lines {
		shown[i] = shownOf(ctx, v, l)
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+m.ID+`.csv"`)
	return result(w, shown)
}

// query is the rest of the address of this view of the lines.
func (b batch) query(after int64) string {
	path, sign := batchPath+b.Mass.ID, "?"
	if b.Bad {
		path, sign = path+"?show=errors", "&"
	}
	if after > 0 {
		path += sign + "after=" + plain(after)
	}
	return path + "#lines"
}

// back leads to the first lines, more to those behind these; "" where there are none.
func (b batch) back() string {
	if b.After == 0 {
		return ""
	}
	return b.query(0)
}

func (b batch) more() string {
	if b.Next == 0 {
		return ""
	}
	return b.query(b.Next)
}

// massSample is a table that can be sent.
func massSample() string {
	return "service,link,quantity,runs,interval,comments\n" +
		"12,https://example.com/page,1000,,,\n" +
		"12,https://example.com/page,100,10,60,\n" +
		"31,https://example.com/post,,,,\"Clear and useful\nWell written\"\n"
}
