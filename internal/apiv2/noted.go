package apiv2

import (
	"time"

	"github.com/notpanel/notpanel/internal/apikey"
	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/requestlog"
)

// note tells of an answered request, for its key's owner. What came in is not in
// it: of the action the name that it has here, of a refusal what may be kept.
func (a *API) note(requestID, action string, began time.Time, out answer) {
	if a.Noted == nil || out.by == nil {
		return
	}
	who := &out.by.who
	e := requestlog.Entry{
		ID: requestID, KeyID: who.KeyID, AccountID: who.AccountID, Mode: string(who.Mode), Dialect: string(who.Dialect),
		At: began, Action: out.by.named(action), Status: out.status, Duration: clock.System().Sub(began), Client: out.by.from,
	}
	if out.refused != nil {
		e.Refused, e.Error = out.refused.Code, out.refused.Lasting()
	}
	a.Noted(e)
}

// named returns the canonical name of the action that was asked for, also where
// the request did not get as far as to be looked at; "" for words that are none.
func (c *call) named(action string) string {
	asked := c.get("action")
	if c.who.Dialect == apikey.Classic {
		asked, _ = classicAction(map[string]string{"action": c.either("action")})
	}
	for _, name := range actionNames {
		if name == action || name == asked {
			return name // never what came in, which would keep the request's body in memory
		}
	}
	return ""
}
