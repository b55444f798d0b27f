package office

import (
	"net/http"

	"github.com/notpanel/notpanel/internal/ratelimit"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// deniedShown is how many denied addresses a page lists.
const deniedShown = 200

// limitsView is what the page of limits shows.
type limitsView struct {
	Denied []ratelimit.DeniedAddress
	More   bool   // there are others, denied longer ago
	Shared bool   // the nodes count together
	Alone  string // why this node counts by itself though it should not; "": it does not
}

// Limits lists the addresses that were refused for their number of requests though
// usable keys had come from them: customers that may need a higher limit.
func (p *Pages) Limits(w http.ResponseWriter, r *http.Request) error {
	v := limitsView{Denied: p.deps.Denied(r.Context())}
	if v.More = len(v.Denied) > deniedShown; v.More {
		v.Denied = v.Denied[:deniedShown]
	}
	v.Shared, v.Alone = p.deps.LimitsShared()
	return ui.Render(w, r, http.StatusOK, limitsPage(v))
}
