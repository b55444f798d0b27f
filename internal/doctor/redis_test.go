package doctor

import (
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/ratelimit/redistest"
)

// Redis is looked at where it is set: whether it answers, and what it means that it
// does not. Its password is never said.
func TestExamineRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	p := newPatient(t)
	says := func() (found []Finding) {
		for _, f := range Examine(t.Context(), p.settings) {
			if f.About == "redis" {
				found = append(found, f)
			}
		}
		return found
	}
	if found := says(); len(found) != 0 {
		t.Errorf("without Redis: %+v", found)
	}
	p.settings.RedisURL = server.URL()
	if found := says(); len(found) != 1 || found[0].Verdict != OK {
		t.Errorf("with Redis: %+v", found)
	}
	server.Stop()
	p.settings.RedisURL = strings.Replace(server.URL(), "redis://", "redis://:geheim@", 1)
	found := says()
	if len(found) != 1 || found[0].Verdict != Bad || found[0].Do == "" {
		t.Fatalf("Redis is away: %+v", found)
	}
	if strings.Contains(found[0].Says+found[0].Do, "geheim") {
		t.Error("it says the password")
	}
}
