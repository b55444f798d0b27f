package site

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/notpanel/notpanel/internal/content"
	"github.com/notpanel/notpanel/internal/fault"
	"github.com/notpanel/notpanel/internal/giveaway"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/money"
	"github.com/notpanel/notpanel/internal/web/ui"
)

const (
	giveawayPath = "/giveaway"
	// runningShown is how many giveaways that have not ended are shown.
	runningShown = 20
	// endedShown is how many of the ended ones a page lists.
	endedShown = 20
)

func giveawayPage(giveawayID string) string { return giveawayPath + "/" + giveawayID }

// giveawayView is a giveaway as its reader sees it.
type giveawayView struct {
	giveaway.Giveaway

	now      time.Time
	html     string
	own      giveaway.Entry
	entered  bool
	signedIn bool
	winners  []giveaway.Entry
	refused  string // why the reader could not enter
}

// waits reports that entries are over and the draw is to come.
func (v giveawayView) waits() bool {
	return v.State == giveaway.Closed || v.State == giveaway.Open && !v.now.Before(v.ClosesAt)
}

// giveawaysView is what the page of all shows.
type giveawaysView struct {
	current []giveawayView
	ended   []giveaway.Giveaway
	first   bool
	next    string
}

func (v giveawaysView) firstPage() string {
	if v.first {
		return ""
	}
	return giveawayPath
}

func (v giveawaysView) nextPage() string {
	if v.next == "" {
		return ""
	}
	return giveawayPath + "?before=" + url.QueryEscape(v.next)
}

// Giveaways shows those that run, and lists those that have ended with their proofs.
func (s *Site) Giveaways(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	before := r.URL.Query().Get("before")
	if before != "" && !id.Valid(id.Giveaway, before) {
		return fault.New(fault.Invalid, "before must be what an earlier page gave")
	}
	v := giveawaysView{first: before == ""}
	if v.first {
		all, err := s.Deps.Giveaways.Current(ctx, runningShown)
		if err != nil {
			return err
		}
		for _, g := range all {
			one, err := s.viewGiveaway(r, g)
			if err != nil {
				return err
			}
			v.current = append(v.current, one)
		}
	}
	// One more tells whether there is another page.
	ended, err := s.Deps.Giveaways.Ended(ctx, before, endedShown+1)
	if err != nil {
		return err
	}
	if len(ended) > endedShown {
		ended = ended[:endedShown]
		v.next = ended[endedShown-1].ID
	}
	v.ended = ended
	return ui.Render(w, r, http.StatusOK, giveawaysPage(v))
}

// viewGiveaway adds what the reader has to do with a giveaway.
func (s *Site) viewGiveaway(r *http.Request, g giveaway.Giveaway) (v giveawayView, err error) {
	ctx := r.Context()
	v = giveawayView{Giveaway: g, now: ui.Of(ctx).Now}
	doc, err := content.Render([]byte(g.Body), content.Options{Host: host(ctx)})
	if err != nil {
		return v, fmt.Errorf("giveaway %s: %w", g.ID, err)
	}
	v.html = doc.HTML
	accountID, signedIn := s.Member(r)
	if v.signedIn = signedIn; signedIn {
		v.own, v.entered, err = s.Deps.Giveaways.EntryOf(ctx, g.ID, accountID)
	}
	return v, err
}

// Giveaway shows one, with its draw where it was drawn.
func (s *Site) Giveaway(w http.ResponseWriter, r *http.Request) error {
	return s.showGiveaway(w, r, http.StatusOK, "")
}

func (s *Site) showGiveaway(w http.ResponseWriter, r *http.Request, status int, refused string) error {
	ctx := r.Context()
	g, err := s.Deps.Giveaways.Find(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	v, err := s.viewGiveaway(r, g)
	if err != nil {
		return err
	}
	if g.State == giveaway.Drawn {
		if v.winners, err = s.Deps.Giveaways.Winners(ctx, g.ID); err != nil {
			return err
		}
	}
	v.refused = refused
	return ui.Render(w, r, status, giveawayPageOf(v))
}

// EnterGiveaway puts who is signed in into the list.
func (s *Site) EnterGiveaway(w http.ResponseWriter, r *http.Request) error {
	accountID, _ := s.Member(r) // the route table lets nobody else come here
	giveawayID := r.PathValue("id")
	_, err := s.Deps.Giveaways.Enter(r.Context(), accountID, giveawayID)
	if text, ok := refusedText(r.Context(), err); ok {
		return s.showGiveaway(w, r, http.StatusUnprocessableEntity, text)
	}
	if err != nil {
		return err
	}
	return ui.See(w, r, giveawayPage(giveawayID))
}

// refusedText says why somebody could not enter.
func refusedText(ctx context.Context, err error) (text string, ok bool) {
	f, is := errors.AsType[*fault.Error](err)
	if !is {
		return "", false
	}
	switch f.Reason {
	case giveaway.NotOpen:
		return ui.T(ctx, "giveaway.refused_closed"), true
	case giveaway.NotYours:
		return ui.T(ctx, "giveaway.refused_staff"), true
	case giveaway.TooNew:
		least, err := money.Parse(f.Args[0])
		return ui.T(ctx, "giveaway.refused_spent", "Amount", ui.Amount(ctx, least)), err == nil
	default:
		return "", false
	}
}

// kept is a file that was made and can't change any more.
type kept struct {
	mu   sync.Mutex
	of   string
	body []byte
}

// GiveawayProof is all that a draw was made of, as a file.
func (s *Site) GiveawayProof(w http.ResponseWriter, r *http.Request) error {
	giveawayID := r.PathValue("id")
	body, err := s.proofOf(r.Context(), giveawayID)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Disposition", `attachment; filename="`+giveawayID+`.json"`)
	h.Set("Cache-Control", "public, max-age=86400")
	return send(w, r, "application/json", body)
}

// proofOf returns a proof. The last is kept: it may be long, and many ask for the
// newest.
func (s *Site) proofOf(ctx context.Context, giveawayID string) ([]byte, error) {
	s.proof.mu.Lock()
	defer s.proof.mu.Unlock()
	if s.proof.of == giveawayID {
		return s.proof.body, nil
	}
	p, err := s.Deps.Giveaways.Proof(ctx, giveawayID, ui.Of(ctx).Panel.Currency)
	if err != nil {
		return nil, err
	}
	body, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write a proof: %w", err)
	}
	s.proof.of, s.proof.body = giveawayID, append(body, '\n')
	return s.proof.body, nil
}

// checkSteps say how the draw is done again.
func checkSteps(ctx context.Context) []string {
	return []string{
		ui.T(ctx, "giveaway.step_seed"), ui.T(ctx, "giveaway.step_list"), ui.T(ctx, "giveaway.step_block"),
		ui.T(ctx, "giveaway.step_pool"), ui.T(ctx, "giveaway.step_next"),
	}
}
