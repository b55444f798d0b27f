package buy_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/notpanel/notpanel/internal/catalog"
	"github.com/notpanel/notpanel/internal/money"
)

func (p *panel) id(kind catalog.Type) string { return strconv.FormatInt(p.byType[kind].ID, 10) }

// table reads a mass order's result.
func (c *customer) table(batch string) [][]string {
	t := c.p.t
	t.Helper()
	got := c.get(batch + "/result.csv")
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "text/csv; charset=utf-8" ||
		!strings.HasPrefix(got.header.Get("Content-Disposition"), "attachment;") {
		t.Errorf("the result: %d, %v", got.status, got.header)
	}
	rows, err := csv.NewReader(strings.NewReader(got.body)).ReadAll()
	must(t, err)
	return rows
}

// Lines are checked before anything is ordered; the good ones are placed each once,
// however often that is asked, and the bad ones say why and can be mended.
func TestMassOrderPlacesGoodLinesOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		c, bob := p.customer("ann@example.com", 10*money.Unit), p.customer("bob@example.com", 10*money.Unit)
		id := p.id(catalog.Default)
		sent := c.upload(fmt.Sprintf("%[1]s | https://example.com/a|b | 100\r\n%[1]s|nowhere|100\n\n %[1]s | https://example.com/c | 1\n%[1]s | https://example.com/d | 1000\n%[2]s | https://example.com/e",
			id, p.id(catalog.Package)), "")
		batch := sent.to()
		if sent.status != http.StatusSeeOther || !strings.HasPrefix(batch, mass+"/batches/mas_") {
			t.Fatalf("%d to %q\n%s", sent.status, batch, main(sent.body))
		}
		says(t, "checked", c.get(batch), http.StatusOK, "Place 3 orders · $2.204", "$7.796", "2 lines can&#39;t be placed", "Link: Write an address", "Quantity: Between 2 and 100,000.")
		says(t, "errors", c.get(batch+"?show=errors"), http.StatusOK, "nowhere")
		c.booked(0, 10*money.Unit)
		for _, got := range []answer{bob.get(batch), bob.get(batch + "/result.csv"), bob.post(batch + "/place")} {
			says(t, "another's", got, http.StatusNotFound)
		}
		c.booked(0, 10*money.Unit)
		for range 3 {
			if got := c.post(batch + "/place"); got.status != http.StatusSeeOther || got.to() != batch {
				t.Errorf("place: %d to %q", got.status, got.to())
			}
			c.get(batch)
		}
		c.booked(3, 7_796_000)
		says(t, "placed", c.get(batch), http.StatusOK, "3 orders were placed · $2.204", "Mend 2 refused lines", `href="/dashboard/orders/3"`)
		says(t, "last", c.get(mass), http.StatusOK, batch, "$2.204")
		want := [][]string{
			{"line", "service", "link", "quantity", "charge", "order", "error"},
			{"1", id, "https://example.com/a|b", "100", "0.20", "1", ""},
			{"2", id, "nowhere", "100", "", "", "Link: Write an address such as https://example.com/page, of at most 1,000 characters."},
			{"3", id, "https://example.com/c", "1", "", "", "Quantity: Between 2 and 100,000."},
			{"4", id, "https://example.com/d", "1000", "2.00", "2", ""},
			{"5", p.id(catalog.Package), "https://example.com/e", "", "0.004", "3", ""},
		}
		if diff := cmp.Diff(want, c.table(batch)); diff != "" {
			t.Error(diff)
		}
		says(t, "mend", c.get(mass+"?from="+strings.TrimPrefix(batch, mass+"/batches/")), http.StatusOK, "service,link,quantity\n"+id+",nowhere,100\n"+id+",https://example.com/c,1\n</textarea>")
		if got := bob.get(mass + "?from=" + strings.TrimPrefix(batch, mass+"/batches/")); strings.Contains(got.body, "nowhere") {
			t.Error("another's lines are shown")
		}
	})
}

// A table has the fields of every type, from programs of every country.
func TestMassOrderReadsTables(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		c := p.customer("ann@example.com", 10*money.Unit)
		for i, file := range []string{
			"\ufeffservice,link,quantity,runs,interval,comments\r\n%[1]s,https://example.com/a,100,3,60,\r\n%[2]s,https://example.com/b,,,,\"One\nTwo, too\"\r\n",
			"Service;Link;Quantity;Runs;Interval;Comments\n%[1]s;https://example.com/a;100;3;60;\n%[2]s;https://example.com/b;;;;\"One\nTwo, too\"",
			"service\tlink\tquantity\truns\tinterval\tcomments\n%[1]s\thttps://example.com/a\t100\t3\t60\t\n%[2]s\thttps://example.com/b\t\t\t\t\"One\nTwo, too\"",
		} {
			batch := c.upload("", fmt.Sprintf(file, p.id(catalog.Default), p.id(catalog.CustomComments))).to()
			says(t, "checked", c.get(batch), http.StatusOK, "Place 2 orders · $0.604", "3 × 100")
			c.post(batch+"/place", "whole", "on")
			orders := c.orders()
			if len(orders) < 2*i+2 || orders[0].Fields.Get("comments") != "One\nTwo, too" || orders[1].Runs != 3 || orders[1].Charge != 600_000 {
				t.Fatalf("file %d: %+v", i, orders)
			}
		}
	})
}

// What can't be read as a whole is refused, in words, and what was typed stays.
func TestMassOrderRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		c := p.customer("ann@example.com", 10*money.Unit)
		for name, c2 := range map[string]struct{ lines, file, want string }{
			"nothing":       {" \n ", "", "Write at least one line"},
			"only heads":    {"service,link", "", "Write at least one line"},
			"both":          {"1 | https://example.com | 1", "1 | https://example.com | 1", "not both"},
			"control":       {"1 | https://example.com/\x00 | 1", "", "plain text in UTF-8"},
			"no UTF-8":      {"", "1 | \xff | 1", "plain text in UTF-8"},
			"unknown":       {"service,colour\n1,red", "", "“colour” is no field"},
			"twice":         {"service,link,link\n1,a,b", "", "“link” is no field"},
			"ours":          {"service,max_charge\n1,5", "", "“max_charge” is no field"},
			"quotes":        {"service,link\n1,\"a", "", "of the table can&#39;t be read"},
			"many":          {strings.Repeat("1 | https://example.com | 10\n", 1001), "", "at most 1,000 lines"},
			"a large table": {"service,link\n" + strings.Repeat("1,https://example.com\n", 1001), "", "at most 1,000 lines"},
		} {
			got := c.upload(c2.lines, c2.file)
			says(t, name, got, http.StatusUnprocessableEntity, c2.want)
			if name == "unknown" && !strings.Contains(got.body, "1,red</textarea>") {
				t.Error("what was typed is gone")
			}
		}
		says(t, "too large", c.upload(strings.Repeat("x", 1<<20+70_000), ""), http.StatusRequestEntityTooLarge)
		batch := c.upload("something\n1 | https://example.com | 1", "").to()
		says(t, "no line", c.get(batch), http.StatusOK, "Write service | link | quantity.", "No line can be placed.")
		c.post(batch + "/place")
		c.booked(0, 10*money.Unit)
	})
}

// Programs that open the result take none of it for a formula.
func TestResultHoldsNoFormulas(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		c := p.customer("ann@example.com", 10*money.Unit)
		batch := c.upload("service,link,quantity,comments\n=1+1,@SUM(A1),-5,\"+cmd|' /C calc'!A0\"\n"+p.id(catalog.Default)+",https://example.com,100,", "").to()
		c.post(batch + "/place")
		rows := c.table(batch)
		if got := rows[1][1:5]; cmp.Diff([]string{"'=1+1", "'@SUM(A1)", "'-5", "'+cmd|' /C calc'!A0"}, got) != "" {
			t.Errorf("%q", got)
		}
		if rows[2][3] != "100" || rows[2][5] != "0.20" {
			t.Errorf("numbers are changed: %q", rows[2])
		}
		c.booked(1, 9_800_000)
	})
}

// All or none leaves nothing ordered where one is refused at the last moment; the
// others are placed where that was not wished. A price that rose between refuses.
func TestMassOrderAllOrNone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		c := p.customer("ann@example.com", 3*money.Unit)
		id := p.id(catalog.Default)
		lines := fmt.Sprintf("%[1]s | https://example.com/a | 500\n%[1]s | https://example.com/b | 1000\n%[1]s | https://example.com/c | 100", id)
		whole, each := c.upload(lines, "").to(), c.upload(lines, "").to()
		says(t, "checked", c.get(whole), http.StatusOK, "The wallet holds too little for all of them", "$0.20", "All or none")
		c.post(whole+"/place", "whole", "on")
		says(t, "none", c.get(whole), http.StatusOK, "one was refused, and all or none was wished", "The wallet holds too little")
		c.booked(0, 3*money.Unit)
		c.post(each + "/place")
		says(t, "some", c.get(each), http.StatusOK, "2 orders were placed · $3.00")
		c.booked(2, 0)
		late := c.upload(id+" | https://example.com/d | 100", "").to()
		rate := 3 * money.Unit
		_, err := p.Core.Catalog.Set(t.Context(), p.byType[catalog.Default].ID, catalog.Change{Rate: &rate}, "a test")
		must(t, err)
		c.post(late + "/place")
		says(t, "risen", c.get(late), http.StatusOK, "No order was placed.", "The price has changed since the line was checked.")
		c.booked(2, 0)
	})
}

// A long mass order is placed whole though nobody stays, and its lines come in pages.
func TestLongMassOrderIsFinished(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *panel) {
		c := p.customer("ann@example.com", 10*money.Unit)
		var b strings.Builder
		const lines = 250
		for i := range lines {
			fmt.Fprintf(&b, "%s | https://example.com/%d | 10\n", p.id(catalog.Default), i)
		}
		batch := c.upload("", b.String()).to()
		says(t, "first page", c.get(batch), http.StatusOK, "Place 250 orders · $5.00", "after=100#lines")
		says(t, "last page", c.get(batch+"?after=200"), http.StatusOK, "https://example.com/249")
		c.post(batch + "/place")
		for c.table(batch)[lines][5] == "" {
			if t.Context().Err() != nil {
				t.Fatal("it is not finished")
			}
		}
		c.booked(lines, 5*money.Unit)
		c.partial = true
		if got := c.get(batch); got.status != http.StatusNoContent || got.header.Get("Hx-Redirect") != batch {
			t.Errorf("who watches is not led to the result: %d, %v", got.status, got.header)
		}
		c.partial = false
		if rows := c.table(batch); rows[1][5] != "1" || rows[lines][5] != strconv.Itoa(lines) {
			t.Errorf("the orders' numbers do not follow the lines: %q, %q", rows[1], rows[lines])
		}
	})
}
