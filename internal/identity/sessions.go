package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/id"
	"github.com/notpanel/notpanel/internal/plain"
)

// The cookies. Browsers take a __Host- cookie over https alone, or from loopback,
// and send it to no other host.
const (
	SessionCookie = "__Host-notpanel"
	DeviceCookie  = "__Host-notpanel-device"
)

const (
	idleFor      = 14 * 24 * time.Hour
	sessionFor   = 90 * 24 * time.Hour
	anonymousFor = time.Hour // a session in which nobody is signed in
	touchEvery   = 5 * time.Minute
	freshFor     = 10 * time.Minute
	deviceFor    = 400 * 24 * time.Hour // browsers keep no cookie for longer
	maxSessions  = 50                   // of an account; the ones not seen for longest end
	maxCookie    = 64                   // bytes of a device cookie that are looked at
	aliveMost    = 1000                 // sessions that one read looks for
)

// newManager returns scs over our table. Its own idle time would write at each
// request; the store keeps ours.
func newManager(p *People) *scs.SessionManager {
	m := scs.New()
	m.Store = &sessionStore{p}
	m.Codec = codec{}
	m.Lifetime = sessionFor
	m.HashTokenInStore = true
	m.Cookie = scs.SessionCookie{
		Name: SessionCookie, Path: "/", HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode, Persist: true,
	}
	m.ErrorFunc = p.failed
	return m
}

// failed answers in the place of the handler. What that writes afterwards is dropped:
// it may hold what is shown once, to somebody whose session was not kept.
func (p *People) failed(w http.ResponseWriter, r *http.Request, err error) {
	defer visitOf(r.Context()).w.end()
	for _, name := range []string{
		"Content-Type", "Content-Length", "Content-Encoding", "Content-Disposition", "Etag", "Last-Modified", "Location", "Hx-Redirect",
	} {
		w.Header().Del(name)
	}
	if p.options.Failed != nil {
		p.options.Failed(w, r, err)
		return
	}
	p.options.Log.LogAttrs(r.Context(), slog.LevelError, "session not available", slog.Any("error", err))
	http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
}

// codec writes a session's values, all of them texts, as JSON.
type codec struct{}

type coded struct {
	Deadline int64             `json:"deadline"` // Unix seconds
	Values   map[string]string `json:"values,omitempty"`
}

// Encode implements scs.Codec.
func (codec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	c := coded{Deadline: deadline.Unix(), Values: map[string]string{}}
	for name, value := range values {
		text, ok := value.(string)
		if !ok {
			return nil, fmt.Errorf("the session's %s is a %T, only texts can be kept", name, value)
		}
		c.Values[name] = text
	}
	b, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode a session: %w", err)
	}
	return b, nil
}

// Decode implements scs.Codec.
func (codec) Decode(b []byte) (time.Time, map[string]any, error) {
	var c coded
	if err := json.Unmarshal(b, &c); err != nil {
		return time.Time{}, nil, fmt.Errorf("decode a session: %w", err)
	}
	values := map[string]any{}
	for name, value := range c.Values {
		values[name] = value
	}
	return time.Unix(c.Deadline, 0).UTC(), values, nil
}

// answer is the answer to a request. Once it has ended, what is written is dropped.
type answer struct {
	http.ResponseWriter

	ended bool
}

func (a *answer) end() { a.ended = true }

// Unwrap implements what http.ResponseController asks for.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if !a.ended {
		a.ResponseWriter.WriteHeader(status)
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	if a.ended {
		return len(b), nil
	}
	return a.ResponseWriter.Write(b) //nolint:wrapcheck // the writer's own word
}

// visit is what one request has of sessions.
type visit struct {
	w       *answer
	visitor Visitor

	key      string // of the row in the store, "" without one
	id       string // of that row
	signedIn bool
	person   Person
	begun    *begun // what the next new row carries
}

// begun is a session that is to be made for somebody.
type begun struct {
	id        string
	accountID string
	version   int64
}

type visitKey struct{}

// visitOf returns the request's visit; outside of LoadAndSave it is a programming
// error, as it is in scs.
func visitOf(ctx context.Context) *visit {
	v, ok := ctx.Value(visitKey{}).(*visit)
	if !ok {
		panic("identity: the request did not pass through LoadAndSave")
	}
	return v
}

// LoadAndSave reads the session of each request, with one read where it has a
// cookie and none where not, and keeps what was changed in it. All functions that
// take no account work on the session that it put into the context.
func (p *People) LoadAndSave(next http.Handler) http.Handler {
	inner := p.scs.LoadAndSave(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := &answer{ResponseWriter: w}
		v := &visit{w: a, visitor: Visitor{Address: p.options.Address(r), Agent: agent(r.UserAgent())}}
		if c, err := r.Cookie(DeviceCookie); err == nil && len(c.Value) <= maxCookie {
			v.visitor.device = p.deviceHash(c.Value)
		}
		inner.ServeHTTP(a, r.WithContext(context.WithValue(r.Context(), visitKey{}, v)))
	})
}

// agent cuts what a browser calls itself to readable text of at most 200 bytes.
func agent(sent string) string {
	if len(sent) > maxAgent {
		sent = sent[:maxAgent]
	}
	return plain.Readable(sent)
}

// VisitorOf returns who sends the request.
func (p *People) VisitorOf(ctx context.Context) Visitor { return visitOf(ctx).visitor }

// Current returns who is signed in. It costs nothing: LoadAndSave has read it.
func (p *People) Current(ctx context.Context) (who Person, signedIn bool) {
	v, ok := ctx.Value(visitKey{}).(*visit)
	if !ok {
		return Person{}, false
	}
	return v.person, v.signedIn
}

// is reports whether the person of an account is signed in.
func (v *visit) is(accountID string) bool {
	return v.signedIn && v.person.Viewer == nil && v.person.AccountID == accountID
}

// current is Current for what only somebody signed in may do.
func (p *People) current(ctx context.Context) (*visit, error) {
	v := visitOf(ctx)
	if !v.signedIn {
		return nil, signInAgain()
	}
	if v.person.Viewer != nil {
		return nil, onlyViewed()
	}
	return v, nil
}

// fresh is current for what needs a proof that is not old.
func (p *People) fresh(ctx context.Context) (*visit, error) {
	v, err := p.current(ctx)
	if err == nil && !v.person.Fresh() {
		return nil, needsProof()
	}
	return v, err
}

// RequireFresh refuses where password and second factor were not proved in this
// session within ten minutes.
func (p *People) RequireFresh(ctx context.Context) error {
	_, err := p.fresh(ctx)
	return err
}

// still locks the account and the session of who is signed in, and refuses where
// the session has ended since the request's beginning: one may be on its way for as
// long as its sender likes.
func (v *visit) still(tx *db.Tx) error {
	var state account.State
	var now, then int64
	err := tx.QueryRow(`SELECT state, sign_in_version FROM accounts WHERE id = $1 FOR NO KEY UPDATE`, v.person.AccountID).Scan(&state, &now)
	if err == nil {
		err = tx.QueryRow(`SELECT sign_in_version FROM sessions WHERE id = $1 FOR NO KEY UPDATE`, v.person.SessionID).Scan(&then)
	}
	if errors.Is(err, db.ErrNoRows) || (err == nil && (state != account.Active || now != then)) {
		return signInAgain()
	}
	if err != nil {
		return fmt.Errorf("look for the session: %w", err)
	}
	return nil
}

// write runs fn for who is signed in, as long as they still are.
func (p *People) write(ctx context.Context, v *visit, fn func(*db.Tx) error) error {
	return p.db.Write(ctx, func(tx *db.Tx) error {
		if err := v.still(tx); err != nil {
			return err
		}
		return fn(tx)
	})
}

// writeFresh is write for what fresh let in, as long as that proof still counts.
func (p *People) writeFresh(ctx context.Context, v *visit, fn func(*db.Tx) error) error {
	return p.write(ctx, v, func(tx *db.Tx) error {
		var at time.Time
		if err := tx.QueryRow(`SELECT fresh_at FROM sessions WHERE id = $1`, v.person.SessionID).Scan(db.Time(&at)); err != nil {
			return fmt.Errorf("look for the proof: %w", err)
		}
		if at.IsZero() {
			return needsProof()
		}
		return fn(tx)
	})
}

// Leave runs fn for who is signed in and proved it freshly, as writeFresh does, to end
// their account. First takes the locks that come before the account's. After fn their
// sign-in history and the devices that they are known by are gone; fn ends the
// sessions.
func (p *People) Leave(ctx context.Context, first, fn func(*db.Tx, Person) error) error {
	v, err := p.fresh(ctx)
	if err != nil {
		return err
	}
	return p.db.Write(ctx, func(tx *db.Tx) error {
		if err := first(tx, v.person); err != nil {
			return err
		}
		if err := v.still(tx); err != nil {
			return err
		}
		var at time.Time
		if err := tx.QueryRow(`SELECT fresh_at FROM sessions WHERE id = $1`, v.person.SessionID).Scan(db.Time(&at)); err != nil {
			return fmt.Errorf("look for the proof: %w", err)
		}
		if at.IsZero() {
			return needsProof()
		}
		for _, table := range []string{"sign_ins", "devices"} {
			if _, err := tx.Exec(`DELETE FROM `+table+` WHERE account_id = $1`, v.person.AccountID); err != nil {
				return fmt.Errorf("forget sign-ins: %w", err)
			}
		}
		return fn(tx, v.person)
	})
}

// begin makes the request's session one of an account, under a new token. Whatever
// was in it is gone.
func (p *People) begin(ctx context.Context, accountID string, version int64) error {
	if err := p.rotate(ctx); err != nil {
		return err
	}
	v := visitOf(ctx)
	v.begun = &begun{id: id.New(id.Session), accountID: accountID, version: version}
	err := p.db.Read(ctx, func(tx *db.Tx) (err error) {
		v.person, err = readPerson(tx, accountID)
		v.person.FreshAt = tx.Now
		return err
	})
	v.person.SessionID = v.begun.id
	v.signedIn = err == nil
	return err
}

// rotate empties the request's session and gives it a new token.
func (p *People) rotate(ctx context.Context) error {
	v := visitOf(ctx)
	if err := p.scs.Clear(ctx); err != nil {
		return fmt.Errorf("clear the session: %w", err)
	}
	if err := p.scs.RenewToken(ctx); err != nil {
		return fmt.Errorf("renew the session: %w", err)
	}
	v.key, v.id, v.begun, v.signedIn, v.person = "", "", nil, false, Person{}
	return nil
}

// SignOut ends the request's session.
func (p *People) SignOut(ctx context.Context) error {
	v := visitOf(ctx)
	if err := p.scs.Destroy(ctx); err != nil {
		return fmt.Errorf("end the session: %w", err)
	}
	v.key, v.id, v.begun, v.signedIn, v.person = "", "", nil, false, Person{}
	return nil
}

// Session is where somebody is signed in.
type Session struct {
	ID        string
	Current   bool // the one that asks
	Address   string
	Agent     string
	CreatedAt time.Time
	SeenAt    time.Time // exact to five minutes
}

// Sessions lists where the person is signed in, the latest seen first.
func (p *People) Sessions(ctx context.Context) (all []Session, err error) {
	v, err := p.current(ctx)
	if err != nil {
		return nil, err
	}
	err = p.db.Read(ctx, func(tx *db.Tx) error {
		all, err = sessions(tx, v.person.AccountID)
		return err
	})
	for i := range all {
		all[i].Current = all[i].ID == v.person.SessionID
	}
	return all, err
}

// Alive returns as which account each of the sessions that still sign somebody in
// lets them look: their own, or for staff who look on, the customer's for as long as
// they may. It is for answers that go on long after their request was let in.
func (p *People) Alive(ctx context.Context, sessionIDs []string) (map[string]string, error) {
	alive := make(map[string]string, len(sessionIDs))
	for some := range slices.Chunk(sessionIDs, aliveMost) {
		err := p.db.Read(ctx, func(tx *db.Tx) error {
			return tx.Each(func(r db.Scanner) error {
				var sessionID, accountID string
				err := r.Scan(&sessionID, &accountID)
				alive[sessionID] = accountID
				return err
			}, `SELECT s.id, CASE WHEN s.viewing_until > $1 THEN s.viewing ELSE s.account_id END FROM sessions s JOIN accounts a ON a.id = s.account_id
				WHERE s.id = ANY($2) AND s.expires_at > $1 AND s.seen_at > $3 AND a.state = 'active' AND a.sign_in_version = s.sign_in_version`,
				db.At(tx.Now), some, db.At(tx.Now.Add(-idleFor)))
		})
		if err != nil {
			return nil, fmt.Errorf("look for sessions: %w", err)
		}
	}
	return alive, nil
}

func sessions(tx *db.Tx, accountID string) ([]Session, error) {
	return db.All(tx, func(s db.Scanner) (one Session, err error) {
		err = s.Scan(&one.ID, &one.Address, &one.Agent, db.Time(&one.CreatedAt), db.Time(&one.SeenAt))
		return one, err
	}, `SELECT id, address, agent, created_at, seen_at FROM sessions
		WHERE account_id = $1 AND expires_at > $2 AND seen_at > $3 ORDER BY seen_at DESC, id DESC`,
		accountID, db.At(tx.Now), db.At(tx.Now.Add(-idleFor)))
}

// RevokeSession ends one of the person's sessions, and a change of address as
// RevokeOtherSessions does. A session that is not there, or is somebody else's, is left
// alone.
func (p *People) RevokeSession(ctx context.Context, sessionID string) error {
	v, err := p.current(ctx)
	if err != nil {
		return err
	}
	if sessionID == v.person.SessionID {
		return p.SignOut(ctx)
	}
	if !id.Valid(id.Session, sessionID) {
		return nil
	}
	return p.deleteSessions(ctx, v, `DELETE FROM sessions WHERE account_id = $1 AND id = $2`, sessionID)
}

// RevokeOtherSessions ends all of the person's sessions but this one, and a change of
// address that waits for its token: one of them may have asked for it.
func (p *People) RevokeOtherSessions(ctx context.Context) error {
	v, err := p.current(ctx)
	if err != nil {
		return err
	}
	return p.deleteSessions(ctx, v, `DELETE FROM sessions WHERE account_id = $1 AND id <> $2`, v.person.SessionID)
}

// deleteSessions ends sessions and records it, where there were any.
func (p *People) deleteSessions(ctx context.Context, v *visit, statement, sessionID string) error {
	accountID := v.person.AccountID
	return p.write(ctx, v, func(tx *db.Tx) error {
		n, err := tx.Exec(statement, accountID, sessionID)
		if err == nil {
			_, err = tx.Exec(`DELETE FROM tokens WHERE account_id = $1 AND purpose = $2`, accountID, string(ChangeEmail))
		}
		if err != nil {
			return fmt.Errorf("revoke sessions: %w", err)
		}
		if n == 0 {
			return nil
		}
		return p.record(tx, accountID, "account.sessions_revoked", strconv.FormatInt(n, 10))
	})
}
