package blog_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/notpanel/notpanel/internal/account"
	"github.com/notpanel/notpanel/internal/blog"
	"github.com/notpanel/notpanel/internal/db"
	"github.com/notpanel/notpanel/internal/db/dbtest"
	"github.com/notpanel/notpanel/internal/fault"
)

// Of many who began with one text of a post, on two nodes, one is kept; the others are
// told what it is, and can go on from there.
func TestNoTextTakesThePlaceOfOneUnseen(t *testing.T) {
	t.Parallel()
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			url := dbtest.NewURL(t, engine)
			d := dbtest.Connect(t, url)
			stores := []*blog.Store{blog.NewStore(d)}
			if engine == db.Postgres {
				stores = append(stores, blog.NewStore(dbtest.Connect(t, url)))
			}
			s, ctx := stores[0], t.Context()
			p := create(t, s, text("refunds"))
			const writers = 6
			var mu sync.Mutex
			var kept []blog.Post
			told := map[string]int{} // by the text that the refused were shown
			var all sync.WaitGroup
			for n := range writers {
				all.Go(func() {
					mine := text("refunds")
					mine.Body = fmt.Sprintf("Text %d", n)
					now, err := stores[n%len(stores)].EditSeen(ctx, p.ID, mine, p.EditedAt, staff)
					mu.Lock()
					defer mu.Unlock()
					switch {
					case err == nil:
						kept = append(kept, now)
					case fault.From(err).Reason == blog.Edited:
						told[now.Body]++
					default:
						t.Error(err)
					}
				})
			}
			all.Wait()
			if len(kept) != 1 || told[kept[0].Body] != writers-1 {
				t.Fatalf("%d were kept, told was %v", len(kept), told)
			}
			now, err := s.Find(ctx, p.ID)
			if err != nil || now.Body != kept[0].Body || !now.EditedAt.After(p.EditedAt) {
				t.Errorf("it is %+v, %v", now, err)
			}
			if same, err := s.EditSeen(ctx, p.ID, now.Text, p.EditedAt, staff); err != nil || !same.EditedAt.Equal(now.EditedAt) {
				t.Errorf("the very text that is there: %+v, %v", same, err)
			}
			next := text("refunds")
			next.Body = "Both together"
			if _, err := s.EditSeen(ctx, p.ID, next, now.EditedAt, staff); err != nil {
				t.Errorf("who has seen it: %v", err)
			}
			acts, _, err := account.NewStore(d).Log(ctx, account.LogQuery{Target: p.ID, Action: "post.edit", Limit: 10})
			if err != nil || len(acts) != 2 {
				t.Errorf("the log has %d edits, %v", len(acts), err)
			}
		})
	}
}
