package signin

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/notpanel/notpanel/internal/web/back"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// Outbox shows the latest mails instead of a reader's inbox, in development.
func (p *Pages) Outbox(w http.ResponseWriter, r *http.Request) error {
	const latest = 50
	mails, err := p.mails.Outbox(r.Context(), latest)
	if err != nil {
		return err
	}
	return ui.Render(w, r, http.StatusOK, outboxPage(mails))
}

var link = regexp.MustCompile(`https?://[^\s<>"]+`)

// linked cuts a mail at its links. Those to the panel become paths: they work under
// whichever of its names the reader is here.
func linked(text, panelURL string) (all []ui.Piece) {
	from := 0
	for _, at := range link.FindAllStringIndex(text, -1) {
		url := text[at[0]:at[1]]
		path, own := strings.CutPrefix(url, panelURL)
		if !own || path == "" || back.Own(path) != path {
			continue
		}
		all = append(all, ui.Piece{Text: text[from:at[0]]}, ui.Piece{Text: url, Path: path})
		from = at[1]
	}
	return append(all, ui.Piece{Text: text[from:]})
}
