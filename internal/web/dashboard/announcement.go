package dashboard

import (
	"net/http"

	"github.com/notpanel/notpanel/internal/web/back"
	"github.com/notpanel/notpanel/internal/web/ui"
)

// DismissPath is where the form of an announcement sends to.
func DismissPath(announcementID string) string {
	return "/dashboard/announcements/" + announcementID + "/dismiss"
}

// DismissAnnouncement remembers that the account has read an announcement, and leads
// back to the page that showed it.
func (d *Dashboard) DismissAnnouncement(w http.ResponseWriter, r *http.Request) error {
	if err := d.deps.Announcements.Dismiss(r.Context(), d.person(r).AccountID, r.PathValue("id")); err != nil {
		return err
	}
	return ui.See(w, r, back.Own(r.PostFormValue("next")))
}
